"""Where randomness comes from: (seed, epoch, purpose), and nothing else.

Each use has a stream of its own, so that a resumed or forked run draws what a straight one draws,
and so that one part cannot shift another's numbers (a student starts from the same weights with
and without a teacher). The numbers are hashed, since neighbouring seeds of a generator may be
correlated.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def mixed_seed(seed: int, epoch: int, purpose: str) -> int:
    """Hashes the three into a seed in 0 .. 2^63 - 1."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, epoch: int, purpose: str) -> np.random.Generator:
    """NumPy's generator of a stream."""
    return np.random.default_rng(mixed_seed(seed, epoch, purpose))


@contextmanager
def torch_stream(seed: int, epoch: int, purpose: str) -> Iterator[None]:
    """Sets torch's global generators to a stream, and puts them back afterwards."""
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count()) if started else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(mixed_seed(seed, epoch, purpose))
        yield


def seed_all(seed: int, epoch: int) -> None:
    """Sets the global generators of Python, numpy and torch from the two.

    For code of other people, which draws from them.
    """
    mixed = mixed_seed(seed, epoch, "all")
    random.seed(mixed)
    np.random.seed(mixed % 2**32)
    torch.manual_seed(mixed)
