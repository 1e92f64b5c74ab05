"""Memory: telling that there was too little of it, and how much was used."""

from __future__ import annotations

import resource
import sys

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device or the machine has no memory left.

    torch raises OutOfMemoryError on a GPU, but a plain RuntimeError from its CPU allocator and
    from cuDNN.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text
    )


def peak_bytes(device: torch.device | None = None) -> int:
    """Most memory used so far, in bytes: of torch on a GPU, of the whole process on a CPU.

    Args:
        device: None for the GPU where this process has used one.
    """
    if device is None or device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)  # 0 where no GPU was used
        if device is not None or peak:
            return peak
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def forget_peak() -> None:
    """Measures anew from here on, on a GPU; a process has but one peak in its life."""
    if torch.cuda.max_memory_allocated() > 0:  # else there may be no GPU
        torch.cuda.reset_peak_memory_stats()


def release(device: torch.device) -> None:
    """Gives what torch keeps in reserve back to the GPU before another attempt."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
