"""Memory that is counted: a process's own, not what it maps from files."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.memory import (
    _MMAP_THRESHOLD,
    _watch,
    forget_peak,
    give_back,
    is_out_of_memory,
    keep_heap_small,
    peak_bytes,
    private_bytes,
)

MIB = 2**20
CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def test_a_large_mapped_file_does_not_count(tmp_path: Path) -> None:
    # Broken if the size of the data decided whether a search fits: mapped frames are one copy for
    # all workers, which the system drops when it needs the room.
    path = tmp_path / "features.npy"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(MIB) * 10)
    forget_peak()
    before = peak_bytes(CPU)
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert np.frombuffer(data, dtype=np.uint8)[:: mmap.PAGESIZE].any()  # touches every page
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    assert resident - private_bytes() > 390 * MIB, "it is in memory"
    assert peak_bytes(CPU) - before < 40 * MIB


def test_what_was_used_and_given_back_counts_until_it_is_forgotten() -> None:
    # Broken if only what is in use at the end counted, or a small trial after a large one in the
    # same worker looked as large.
    forget_peak()
    before = peak_bytes(CPU)
    block = mmap.mmap(-1, 300 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for start in range(0, len(block), mmap.PAGESIZE):
        block[start] = 1
    deadline = time.monotonic() + 10
    while _watch().peak - before < 290 * MIB:  # the thread looks; nothing here does
        assert time.monotonic() < deadline
    block.close()
    assert private_bytes() - before < 150 * MIB
    assert 280 * MIB < peak_bytes(CPU) - before < 400 * MIB
    forget_peak()
    assert peak_bytes(CPU) - before < 150 * MIB


def test_a_forked_process_measures_itself() -> None:
    # Broken if a child went on with the figures of a thread that it does not have.
    forget_peak()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        block = np.ones(200 * MIB, dtype=np.uint8)
        os.write(writer, str(peak_bytes(CPU)).encode())
        os._exit(int(block[0]) - 1)
    os.waitpid(child, 0)
    assert int(os.read(reader, 100)) > 200 * MIB
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "CUDA error: out of memory",
        "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_libraries_that_found_no_room_are_understood(text: str) -> None:
    """Taken for errors of the run, three of them ended a search."""
    assert is_out_of_memory(RuntimeError(text))
    assert not is_out_of_memory(ValueError(text))


@pytest.mark.parametrize(
    "text", ["CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED", "shape mismatch"]
)
def test_other_failures_of_libraries_are_none(text: str) -> None:
    assert not is_out_of_memory(RuntimeError(text))


def test_giving_back_touches_no_gpu() -> None:
    give_back()
    assert not torch.cuda.is_initialized()


def _grown(prepare: Callable[[], None]) -> tuple[int, int]:
    """MiB of a new process after batches of different lengths, and after `give_back`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        prepare()
        before, behind = private_bytes(), []
        for size in (*range(9, 30), *range(29, 8, -1)):
            block = np.ones(size * MIB, dtype=np.uint8)
            behind.append(np.ones(100_000, dtype=np.uint8))  # is still needed
            del block
        grown = private_bytes() - before
        give_back()
        os.write(writer, f"{grown // MIB} {(private_bytes() - before) // MIB}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    grown, left = os.read(reader, 100).split()
    os.close(reader)
    os.close(writer)
    return int(grown), int(left)


def _keep_heap_as_glibc_does() -> None:
    """What glibc comes to by itself, where tests before this one have kept the heap small."""
    library, trim_threshold = ctypes.CDLL(None), -1
    assert library.mallopt(_MMAP_THRESHOLD, 32 * MIB) and library.mallopt(trim_threshold, 64 * MIB)


def test_freed_batches_do_not_stay_in_the_heap() -> None:
    # Broken if a worker grew for hundreds of steps, because freed blocks of different sizes lie
    # in the heap between small ones that are still needed. In a process of its own: a heap with
    # room that other tests have freed would take the blocks.
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    kept_small, as_glibc_does = json.loads(done.stdout)
    assert kept_small[0] < 12
    grown, left = as_glibc_does
    assert grown > 25 and left < 12, "what did stay goes back between two trials"


if __name__ == "__main__":
    print(json.dumps([_grown(keep_heap_small), _grown(_keep_heap_as_glibc_does)]))
