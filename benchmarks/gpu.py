"""What a GPU does with this project's trainings: are they right, and how fast.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --only speed

One command, under four minutes on one card. On a machine without a GPU the same parts run on the
CPU with small models, as far as they can, and each part that cannot says so in a line.

    parity     losses of an epoch on the CPU and on the card, from the same start
    precision  TF32, 16 bits, deterministic kernels, data on the card or not: loss and speed
    memory     a card with room for half a batch: the run goes on with smaller batches
    ray        two trials of a search on one card
    speed      utterances a second of 1, 2, 4 and 8 trials on a card, beside a plain padded PyTorch
               loop with a live teacher and torch's default settings; share of the time that the
               card is busy, as nvidia-smi says; peak memory of a trial

Data are generated: 960 utterances of 140 frames of 1540 features on average, 1,231 classes. The
student has 7.47 million parameters, batches have 24 utterances.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from gpu_scene import REAL, SMALL, TINY, Scene, Speed, plain_speed, side_by_side

from trainables.cards import mps_daemon
from trainables.data import Dataset
from trainables.data.resident import forget_kept
from trainables.losses.ctc_kernels import kernel_for
from trainables.memory import forget_peak, give_back, peak_bytes

MIB = 2**20
EXACT = {"dropout": 0.0, "tf32": False, "feature_bits": 32}
PRECISIONS: dict[str, dict[str, Any]] = {
    "32 bits": {"tf32": False, "feature_bits": 32},
    "features in 16 bits": {"tf32": False},
    "TF32 (default)": {},
    "mixed precision": {"mixed_precision": True},
    "deterministic": {"deterministic": True},
    "data not on the device": {"data_on_device": "never"},
    "data on the device": {"data_on_device": "always"},
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts; 0 where all that could be run agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help=f"parts, with commas: {', '.join(PARTS)}")
    parser.add_argument("--tiny", action="store_true", help="as small as it goes, on the CPU")
    given = parser.parse_args(arguments)
    chosen = [name for name in given.only.split(",") if name] or list(PARTS)
    if unknown := set(chosen) - PARTS.keys():
        parser.error(f"no part is called {', '.join(sorted(unknown))}: {', '.join(PARTS)}")
    on_card = torch.cuda.is_available() and not given.tiny
    if not on_card:
        torch.set_num_threads(1)
    size = REAL if on_card else TINY if given.tiny else SMALL
    print(machine(on_card))
    sound = True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scene = Scene(size, torch.device("cuda" if on_card else "cpu"), Path(folder))
        for name in chosen:
            started = time.monotonic()
            print(f"\n## {name}\n")
            sound &= PARTS[name](scene)
            print(f"\n({time.monotonic() - started:.0f} s)", flush=True)
            forget_kept()
            give_back()
    return 0 if sound else 1


def machine(on_card: bool) -> str:
    """What it runs on."""
    if not on_card:
        return "No GPU: small models on the CPU stand for it."
    card = torch.cuda.get_device_properties(0)
    daemon = "with" if mps_daemon() else "without"
    return (
        f"{card.name}, {card.total_memory / MIB:,.0f} MiB, torch {torch.__version__}, CUDA "
        f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, {daemon} an MPS daemon"
    )


def parity(scene: Scene) -> bool:
    """Losses of an epoch on the CPU and on the device, in 32 bits without dropout."""
    few = some(scene, 2 * scene.size.batch)
    devices = ["cpu", scene.device.type]
    if not scene.on_card:
        print("skipped: the card's side, as there is no GPU; the CPU's data path stands for it")
    rows = []
    for device in devices:
        stays = "never" if device == "cpu" and not rows else "always"
        run = scene.run(few, device=device, data_on_device=stays, **EXACT)
        rows.append(run.run_epoch())
    first, second = rows
    print("\n| column | CPU | device | relative difference |\n|---|---|---|---|")
    worst = 0.0
    for name, value in first.items():
        if name.split("/")[0] not in ("train", "val") or math.isnan(value):
            continue
        difference = abs(second[name] - value) / max(abs(value), 1e-9)
        print(f"| {name} | {value:.6g} | {second[name]:.6g} | {difference:.1e} |")
        if "loss" in name:
            worst = max(worst, difference)
    print(f"\nCTC by {kernel_for(scene.device)}; largest difference of a loss {worst:.1e}")
    return worst < 1e-3


def precision(scene: Scene) -> bool:
    """Loss and speed of each setting, two epochs from the same start."""
    few = some(scene, min(scene.size.utterances, 10 * scene.size.batch))
    if not scene.on_card:
        print("skipped: what 16 bits, TF32 and deterministic kernels do, as there is no GPU")
    print(
        "\n| setting | loss | to 32 bits | dev loss | utterances/s | type | features | same bits |"
    )
    print("|---|---|---|---|---|---|---|---|")
    first, sound = 0.0, True
    for name, settings in PRECISIONS.items():
        if not scene.on_card and "data" not in name and name != "32 bits":
            continue
        run = scene.run(few, **settings)
        run.run_epoch()
        row = run.run_epoch()
        first = first or row["train/loss"]
        difference = row["train/loss"] / first - 1
        speed = len(few.train) / row["seconds"]
        facts = run.facts()["arithmetic"]
        again = same_bits(scene, few, run, settings)
        sound &= math.isfinite(row["train/loss"]) and abs(difference) < 0.1
        sound &= again or (scene.on_card and not settings.get("deterministic"))
        print(
            f"| {name} | {row['train/loss']:.5f} | {difference:+.1e} | {row['val/loss']:.5f} | "
            f"{speed:.0f} | {facts['type']} | {facts['features']}, {facts['feature_bits']} bits | "
            f"{'yes' if again else 'no'} |"
        )
    return sound


def same_bits(scene: Scene, few: Dataset, run: Any, settings: dict[str, Any]) -> bool:
    """Whether the same two epochs end with the same weights a second time."""
    other = scene.run(few, **settings)
    other.run_epoch()
    other.run_epoch()
    ours, theirs = run.model.state_dict(), other.model.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def memory(scene: Scene) -> bool:
    """A run that has room for half of what a batch needs ends its epoch all the same."""
    if not scene.on_card:
        print("skipped: no GPU whose memory could run out")
        return True
    few = some(scene, 4 * scene.size.batch)
    forget_kept()
    give_back()
    forget_peak()
    scene.run(few, data_on_device="never").run_epoch()
    peak = peak_bytes(scene.device)
    give_back()
    total = torch.cuda.get_device_properties(scene.device).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / total)
    try:
        run = scene.run(few, data_on_device="always")
        row = run.run_epoch()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    remedies = [remedy["remedy"] for remedy in run.facts()["remedies"]]
    print(f"needs {peak / MIB:,.0f} MiB, had 60 % of it: {'; '.join(remedies) or 'no remedy'}")
    return bool(remedies) and math.isfinite(row["train/loss"])


SPACE = """
study: gpu-benchmark
trainable: student
data: {{name: libras, train: 40, dev: 10, test: 1}}
budget: {{trials: 2, max_epochs: 2, grace_epochs: 2}}
resources: {{workers: 2, gpus_per_trial: {gpus}}}
space: {{learning_rate: {{float: [1.0e-3, 1.0e-2], log: true}}}}
"""


def ray(scene: Scene) -> bool:
    """Two trials of a search side by side, on one card where there is one."""
    from slr_tune.cli.main import run as slr_tune
    from slr_tune.study.record import record_of
    from slr_tune.study.view import load_study

    if not scene.on_card:
        print("skipped: sharing a card, as there is no GPU; two trials on the CPU stand for it")
    space = scene.folder / "space.yaml"
    space.write_text(SPACE.format(gpus=0.5 if scene.on_card else 0))
    with studies_in(scene.folder / "studies"):
        code = slr_tune(["run", str(space)])
        records = [record_of(trial) for trial in load_study("gpu-benchmark").trials]
    print("\n| trial | ended by | epochs | peak MiB | arithmetic |\n|---|---|---|---|---|")
    for number, record in enumerate(records):
        assert record is not None
        facts = ", ".join(f"{k} {v}" for k, v in record.facts.get("arithmetic", {}).items())
        peak = (record.peak_memory_bytes or 0) / MIB
        print(f"| {number} | {record.ended_by} | {record.epochs} | {peak:,.0f} | {facts} |")
    ended = all(record is not None and record.ended_by == "max_epochs" for record in records)
    return code == 0 and len(records) == 2 and ended


def speed(scene: Scene) -> bool:
    """Utterances a second beside the plain loop's."""
    if not scene.on_card:
        print("skipped: how busy a card is, as there is no GPU; processes on the CPU are timed")
    plain = plain_speed(scene)
    give_back()
    print("\n| contestant | utterances/s | x plain | busy | idle | peak MiB of a trial |")
    print("|---|---|---|---|---|---|")
    tell("plain loop", plain, plain)
    for trials in scene.size.sharing:
        plural = "s" if trials > 1 else ""
        try:
            found = side_by_side(scene, trials, here=scene.size is TINY)
        except Exception as error:
            print(f"| {trials} trial{plural} | failed: {type(error).__name__} {error} | | | | |")
            return False
        tell(f"{trials} trial{plural}", found, plain)
    return True


def tell(name: str, found: Speed, plain: Speed) -> None:
    busy = "-" if found.busy is None else f"{found.busy:.0%}"
    idle = "-" if found.busy is None else f"{1 - found.busy:.0%}"
    print(
        f"| {name} | {found.utterances:.0f} | {found.utterances / plain.utterances:.2f} | {busy} | "
        f"{idle} | {found.peak / MIB:,.0f} |",
        flush=True,
    )


def some(scene: Scene, count: int) -> Dataset:
    """The first utterances of train."""
    from trainables.data.subset import subset

    dev = np.arange(len(scene.data.dev))
    return subset(scene.data, train=np.arange(min(count, scene.size.utterances)), dev=dev)


@contextmanager
def studies_in(folder: Path) -> Iterator[None]:
    """Keeps the user's studies out of it."""
    before = os.environ.get("SLR_TUNE_STUDIES")
    os.environ["SLR_TUNE_STUDIES"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("SLR_TUNE_STUDIES")
        if before is not None:
            os.environ["SLR_TUNE_STUDIES"] = before


PARTS: dict[str, Callable[[Scene], bool]] = {
    "parity": parity,
    "precision": precision,
    "memory": memory,
    "ray": ray,
    "speed": speed,
}

if __name__ == "__main__":
    sys.exit(main())
