"""Memory: telling that there was too little of it, doing with less, and how much was used."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")
_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "status_alloc_failed",  # CUBLAS_, CUDNN_, CUSOLVER_, CUSPARSE_
    "allocation_failed",  # CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED and its kind
    "cufft_alloc_failed",
    "cudaerrormemoryallocation",
)
"""What libraries say, in small letters."""
_STATM = Path("/proc/self/statm")
_PAGE = resource.getpagesize()
_SECONDS_BETWEEN_LOOKS = 0.01
_MMAP_THRESHOLD = -3
"""Number of the setting M_MMAP_THRESHOLD in glibc's `malloc.h`."""
_LARGE_BLOCK = 8 * 2**20
"""Blocks of so many bytes go back to the system as soon as they are freed."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device or the machine has no memory left.

    torch raises OutOfMemoryError on a GPU, but a plain RuntimeError from its CPU allocator and
    where a library of NVIDIA's found no room: cuBLAS, cuDNN, cuSOLVER, cuFFT.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


def private_bytes() -> int:
    """Memory of this process alone, in bytes: what is mapped from files or shared does not count.

    The system can drop mapped pages whenever it needs the room, and keeps one copy for all
    processes. Where /proc is missing it is the most memory that was ever resident.
    """
    try:
        resident, shared = _STATM.read_bytes().split()[1:3]
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return (int(resident) - int(shared)) * _PAGE


class _Watch:
    """Looks at the private memory every few milliseconds, in a thread, and keeps the most.

    The system's own high-water mark (VmHWM, ru_maxrss) counts mapped data. A process touches new
    memory at some gigabytes a second, so what is between two looks is some ten megabytes.
    """

    def __init__(self) -> None:
        self.peak = private_bytes()
        if _STATM.exists():
            threading.Thread(target=self._look, name="memory", daemon=True).start()

    def _look(self) -> None:
        while True:
            self.note()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def note(self) -> int:
        """Looks once; returns the most so far."""
        self.peak = max(self.peak, private_bytes())
        return self.peak


_watches: dict[int, _Watch] = {}
"""By process: a forked one has no thread of its parent."""


def _watch() -> _Watch:
    if os.getpid() not in _watches:
        _watches.clear()
        _watches[os.getpid()] = _Watch()
    return _watches[os.getpid()]


def peak_bytes(device: torch.device | None = None) -> int:
    """Most memory used since `forget_peak`, in bytes: of torch on a GPU, of the process on a CPU.

    On a CPU it is the private memory, and counts from the first call of this or `forget_peak`, or
    the first training step.

    Args:
        device: None for the GPU where this process has used one.
    """
    if device is None or device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device)  # 0 where no GPU was used
        if device is not None or peak:
            return peak
    return _watch().note()


def forget_peak() -> None:
    """Restarts the measurement here."""
    _watch().peak = private_bytes()
    if torch.cuda.max_memory_allocated() > 0:  # else there may be no GPU
        torch.cuda.reset_peak_memory_stats()


def keep_heap_small() -> None:
    """Has large blocks returned to the system at once, for the life of this process.

    glibc comes to keep freed blocks of up to 32 MiB in the heap. Those of batches of different
    lengths do not fit together there, so that it grows for hundreds of steps.
    """
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(_MMAP_THRESHOLD, _LARGE_BLOCK)


def give_back() -> None:
    """Returns memory that this process needs no more to the system, and to a GPU it has used."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        gc.collect()  # a run's parts may refer to each other
        torch.cuda.empty_cache()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc's; None where the C library is another one."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def retry_with_less(attempt: Callable[[], Result], use_less: Callable[[str], None]) -> Result:
    """Tries again as often as memory runs out, and lets other errors pass.

    Args:
        attempt: What needs memory.
        use_less: Called with the error's first line before another attempt, which must need less;
            raises MemoryError where there is no way to.
    """
    _watch()
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
