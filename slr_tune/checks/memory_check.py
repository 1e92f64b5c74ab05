"""Whether the largest configuration of a space fits into memory, as often as it will be there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from slr_tune.checks.largest_config import estimated_bytes, model_parameters
from slr_tune.checks.result import Finding
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.text import counted
from slr_tune.training.workers import trials_on_card
from trainables.memory import forget_peak, peak_bytes, private_bytes

_MIB = 2**20
_OF_CUDA = 512 * _MIB
"""What CUDA itself takes of a card in each process, in addition to tensors: a rough figure."""
_CGROUP = Path("/sys/fs/cgroup")


def memory(inputs: CheckInputs) -> Finding:
    """A real step of the largest configuration fits, alone and times the trials side by side."""
    inputs.needs_built_in()
    config = inputs.largest
    needed, free = estimated_bytes(config, inputs.data), _free_memory()
    parameters, _ = model_parameters(config, inputs.data)
    text = f"largest configuration: {config['architecture']}, {parameters:,} parameters, batches "
    text += f"of {config['batch_size']}"
    remedy = "Lower batch_size and raise accumulation, set truncate_frames, or narrow the space."
    device = inputs.device_of(config)
    if device.type == "cpu" and free is not None and needed > free:
        # The step itself could end this process.
        return "FAIL", f"{text}: about {needed / _MIB:,.0f} MiB, {free / _MIB:,.0f} free", remedy
    forget_peak()
    before = private_bytes()
    longest = np.argsort(-inputs.data.train.lengths, kind="stable")[: config["batch_size"]]
    run = inputs.build({**config, "accumulation": 1}, inputs.chosen(longest))
    run.run_epoch()
    remedies = run.facts()["remedies"]
    peak = peak_bytes(run.device)
    text += f": one step on the longest utterances, peak {peak / _MIB:,.0f} MiB"
    text += " of the process's own" if device.type == "cpu" else f" on {device}"
    if remedies:
        size = remedies[-1]["batch_size"]
        return "NOTE", f"{text}; only in batches of {size}, which a run chooses by itself", remedy
    count, room, where = _side_by_side(inputs, device, None if free is None else free + before)
    if device.type != "cpu":
        peak += _OF_CUDA
    if room is not None and count * peak > room:
        text += f"; {counted(count, 'trial')} {where} need {count * peak / _MIB:,.0f} MiB, "
        text += f"{room / _MIB:,.0f} is free"
        return "FAIL", text, f"Use fewer workers, or: {remedy[0].lower()}{remedy[1:]}"
    return "PASS", f"{text}; room for {counted(count, 'trial')} {where}", ""


def _side_by_side(
    inputs: CheckInputs, device: torch.device, on_cpu: int | None
) -> tuple[int, int | None, str]:
    """Trials that share a memory, bytes of it, and where."""
    workers = inputs.workers
    if device.type == "cpu":
        return workers, on_cpu, "side by side"
    sharing = trials_on_card(inputs.spec.resources, workers)
    if device.type != "cuda":
        return sharing, None, "on one GPU"
    free, _ = torch.cuda.mem_get_info(device)
    # This process's own share is there again for the trials.
    return sharing, free + torch.cuda.memory_reserved(device) + _OF_CUDA, "on one GPU"


def _free_memory() -> int | None:
    """Memory that new processes can have, in bytes; None where the system does not say.

    Of a container what its limit leaves: /proc/meminfo describes the whole machine.
    """
    found = [left for left in (_available(), _left_in_cgroup()) if left is not None]
    return min(found, default=None)


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _left_in_cgroup() -> int | None:
    """Of version 2; pages of files count as free, as they are dropped when there is need."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").strip().rpartition(":")[2]
    except OSError:
        return None
    folder = _CGROUP / own.lstrip("/")
    found = [_left_in(each) for each in (folder, *folder.parents) if each.is_relative_to(_CGROUP)]
    return min((left for left in found if left is not None), default=None)


def _left_in(folder: Path) -> int | None:
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        files = dict(line.split() for line in lines if line.startswith("inactive_file "))
        return max(0, limit - used + int(files.get("inactive_file", 0)))
    except (OSError, ValueError):  # "max", or no such group here
        return None
