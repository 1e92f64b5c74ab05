"""GPUs as a process uses them: its share of a card, MPS, and copies that nobody waits for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SHARE = "SLR_TUNE_GPU_SHARE"
"""Environment variable with the share of a card that this process may use, above 0 to 1."""
VISIBLE = "CUDA_VISIBLE_DEVICES"
_MPS_FOLDER = "CUDA_MPS_PIPE_DIRECTORY"
_MPS_DEFAULT = "/tmp/nvidia-mps"
_MPS_PID = "nvidia-cuda-mps-control.pid"
_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_FOR_DATA = 0.5
"""Share of the free memory that training data may take; the rest is the model's."""


def take_share(gpus: float | None) -> None:
    """Notes what part of a card this process was given, before it touches one.

    Args:
        gpus: GPUs of a trial: 0 hides them all, a fraction limits the memory by `limit_memory`;
            None changes nothing.
    """
    if gpus is None:
        return
    os.environ.pop(SHARE, None)
    if gpus == 0:
        os.environ[VISIBLE] = ""
    elif gpus < 1:
        os.environ[SHARE] = str(gpus)


def share() -> float:
    """Part of a card that this process may use, above 0 to 1."""
    try:
        given = float(os.environ.get(SHARE, "1"))
    except ValueError:
        return 1.0
    return given if 0 < given <= 1 else 1.0


def limit_memory() -> None:
    """Keeps torch within this process's share of the card, which may have been another before."""
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    if started or (share() < 1 and torch.cuda.is_available()):
        torch.cuda.set_per_process_memory_fraction(share())


def room_for_data(device: torch.device) -> int:
    """Bytes of a GPU that training data may take, next to the model and its activations."""
    free, total = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    ours = share() * total - torch.cuda.memory_allocated(device)
    return max(0, int(_FOR_DATA * min(free + unused, ours)))


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on a device. A GPU gets it from pinned memory, and nobody waits for it.

    `Tensor.to` from ordinary memory would wait until the GPU has done all that it was given before.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def mps_daemon() -> int | None:
    """Process of NVIDIA's MPS daemon that programs of this environment would use; None of none.

    With it, kernels of several processes run on a card at once; without it they take turns.
    """
    folder = Path(os.environ.get(_MPS_FOLDER, _MPS_DEFAULT))
    try:
        pid = int((folder / _MPS_PID).read_text(encoding="ascii"))
        os.kill(pid, 0)
    except PermissionError:
        return pid  # another user's, which may serve this one
    except (OSError, ValueError):
        return None
    return pid


def sharing_notice() -> str | None:
    """What a person should know whose trials share a card; None where there is nothing."""
    if share() == 1 or mps_daemon() is not None:
        return None
    return (
        f"this trial has {share():g} of a GPU and no MPS daemon is running: kernels of the trials "
        "on a card take turns. nvidia-cuda-mps-control -d starts one (docs/gpu.md)"
    )


@contextmanager
def arithmetic(
    device: torch.device, *, tf32: bool, deterministic: bool | None = None
) -> Iterator[None]:
    """How a GPU computes within a block; on a CPU, nothing changes.

    Args:
        device: Where it computes.
        tf32: Products of 32-bit numbers with 10 bits of mantissa, in cuBLAS and cuDNN alike.
        deterministic: Only kernels that give the same bits each time; None leaves that as it is.
    """
    if device.type != "cuda":
        yield
        return
    before = _precisions()
    strict = torch.are_deterministic_algorithms_enabled()
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic
    try:
        _set_precisions(["tf32" if tf32 else "ieee"] * len(before))
        if deterministic is not None:
            torch.backends.cudnn.deterministic = deterministic
            torch.use_deterministic_algorithms(deterministic, warn_only=True)
        yield
    finally:
        _set_precisions(before)
        torch.backends.cudnn.deterministic = cudnn
        torch.use_deterministic_algorithms(strict, warn_only=only_warns)


def prepare_determinism() -> None:
    """Sets what cuBLAS reads when it is first used: without it, its sums vary from run to run."""
    os.environ.setdefault(_CUBLAS, ":4096:8")


def _switches() -> list[tuple[Any, str]]:
    """Attributes of torch that choose between TF32 and 32 bits."""
    cuda: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    if hasattr(cudnn, "rnn"):  # torch 2.9, which refuses a mixture with the older names
        return [(one, "fp32_precision") for one in (cuda, cudnn.rnn, cudnn.conv)]
    return [(cuda, "allow_tf32"), (cudnn, "allow_tf32")]


def _precisions() -> list[str]:
    values = [getattr(place, name) for place, name in _switches()]
    return [{True: "tf32", False: "ieee"}.get(value, value) for value in values]


def _set_precisions(wanted: list[str]) -> None:
    for (place, name), value in zip(_switches(), wanted, strict=True):
        setattr(place, name, value == "tf32" if name == "allow_tf32" else value)
