"""Memory: telling that there was too little of it, doing with less, and how much was used."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


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


def retry_with_less(attempt: Callable[[], Result], use_less: Callable[[str], None]) -> Result:
    """Tries again as often as memory runs out, and lets other errors pass.

    Args:
        attempt: What needs memory.
        use_less: Called with the error's first line before another attempt, which must need less;
            raises MemoryError where there is no way to.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            message = str(error).partition("\n")[0]
        # Outside the handler: its traceback holds the tensors that there was no room for.
        torch.cuda.empty_cache()
        use_less(message)
