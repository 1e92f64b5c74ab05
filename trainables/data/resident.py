"""Training data that stay on a device: batches are gathered there, and nothing is copied."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.cards import moved
from trainables.data.batch import Batch, targets_of
from trainables.data.dataset import Indices, Split, offsets

Kept = TypeVar("Kept")

LARGEST_16 = float(np.finfo(np.float16).max)


class ResidentRows:
    """Frames of utterances one after the other on a device, and a row of zeros behind them.

    Attributes:
        rows: (frames + 1, W).
    """

    def __init__(self, pieces: Iterable[NDArray[Any]], frames: int, device: torch.device) -> None:
        """Copies frames to the device, a piece at a time.

        Args:
            pieces: Arrays (T, W) of one type, T frames of W numbers each.
            frames: Frames of all pieces.
            device: Where they are to stay.
        """
        rows: Tensor | None = None
        place = 0
        for piece in pieces:
            # Copied, as torch wants to be able to write to what it is given.
            part = torch.from_numpy(np.array(piece))
            if rows is None:
                shape = (frames + 1, part.shape[1])
                rows = torch.zeros(shape, dtype=part.dtype, device=device)
            rows[place : place + len(part)] = part.to(device)
            place += len(part)
        if rows is None or place != frames:
            raise ValueError(f"{place} frames were given, {frames} were announced")
        self.rows = rows

    def gather(self, starts: Tensor, lengths: Tensor) -> Tensor:
        """Frames (N, T, W) of some utterances, zero after an utterance's end.

        Args:
            starts: Row of each utterance's first frame, int64 (N,), on the CPU.
            lengths: Frames of each utterance, int64 (N,), on the CPU.
        """
        device = self.rows.device
        begin, count = moved(torch.stack([starts, lengths]), device).unsqueeze(-1)  # [N, 1] each
        time = torch.arange(int(lengths.max()), device=device)
        places = torch.where(time < count, begin + time, len(self.rows) - 1)  # [N, T]
        found = self.rows.index_select(0, places.flatten())
        return found.view(*places.shape, self.rows.shape[1])


class ResidentFeatures:
    """Features of a split on a device; batches of them are in 32 bits.

    Attributes:
        bits: 16 or 32, of a number as it is kept.
    """

    def __init__(self, split: Split, device: torch.device, *, half: bool) -> None:
        """Copies the split's features.

        Args:
            split: The utterances.
            device: Where they are to stay.
            half: In 16 bits.
        """
        self.bits = 16 if half else 32
        self._split = split
        places = offsets(split.lengths)
        self._starts = torch.from_numpy(places[:-1].copy())
        kind = np.float16 if half else np.float32
        pieces = (split.frames(index).astype(kind) for index in range(len(split)))
        self._frames = ResidentRows(pieces, int(places[-1]), device)

    def batch(self, indices: Indices, lengths: Indices) -> Batch:
        """Some utterances, padded to the longest; the same numbers as `collate` gives.

        Args:
            indices: Which utterances, int64 (N,).
            lengths: Frames of each that are taken, int64 (N,).
        """
        chosen, count = torch.from_numpy(indices.copy()), torch.from_numpy(lengths.copy())
        features = self._frames.gather(self._starts[chosen], count).float()
        targets, target_lengths = targets_of(self._split, indices)
        return Batch(features, count, targets, target_lengths, chosen)


def fits_16_bits(split: Split) -> bool:
    """Whether 16 bits hold all features of a split: none is too large, and all are finite."""
    return all(
        bool(np.abs(split.frames(index)).max(initial=0.0) <= LARGEST_16)
        for index in range(len(split))
    )


def resident_bytes(split: Split, *, half: bool) -> int:
    """What the features of a split take of a device."""
    frames, width = int(split.lengths.sum()) + 1, int(split.features.shape[1])
    return frames * width * (2 if half else 4)


_kept: dict[str, tuple[Hashable, Any]] = {}
"""The last of each kind: the next run of a worker mostly has the same data and teacher."""


def kept(kind: str, key: Hashable, make: Callable[[], Kept]) -> Kept:
    """What was made for a key last time, or made now, after the other one of its kind was freed."""
    if kind not in _kept or _kept[kind][0] != key:
        _kept.pop(kind, None)
        _kept[kind] = (key, make())
    found: Kept = _kept[kind][1]
    return found


def forget_kept() -> None:
    """Frees what is kept, as soon as no run holds it."""
    _kept.clear()
