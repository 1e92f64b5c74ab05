"""Brings features to mean 0 and variance 1, by what they are on train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Frames, SplitStatistics

_CHUNK_BYTES = 32 * 2**20
"""Held in memory at a time."""


class Moments:
    """Mean and standard deviation of each feature, gathered an utterance at a time.

    Sums of squares about a first guess, the first utterance's mean: features far from 0 would lose
    their variance to rounding otherwise.
    """

    def __init__(self) -> None:
        """Begins with nothing."""
        self._shift: NDArray[np.float64] | None = None
        self._count = 0
        self._sum: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)

    def add(self, frames: Frames) -> None:
        """Adds the frames (T, D) of an utterance."""
        values = frames.astype(np.float64)
        if self._shift is None:
            self._shift = values.mean(axis=0)
            self._sum, self._squares = np.zeros_like(self._shift), np.zeros_like(self._shift)
        elif values.shape[1] != len(self._shift):
            return  # refused by the packing, which names all such utterances
        values -= self._shift
        self._count += len(values)
        self._sum += values.sum(axis=0)
        self._squares += (values**2).sum(axis=0)

    def mean_and_std(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Both float32 (D,); a feature that never changes keeps its scale, 1.

        Raises:
            ValueError: Nothing was added.
        """
        if self._shift is None:
            raise ValueError("there are no frames")
        mean = self._sum / self._count
        std = np.sqrt(np.maximum(self._squares / self._count - mean**2, 0.0))
        mean = mean + self._shift
        still = std <= 1e-6 * np.maximum(1.0, np.abs(mean))
        return mean.astype(np.float32), np.where(still, 1.0, std).astype(np.float32)


def standardise_files(
    folder: Path, statistics: Sequence[SplitStatistics], moments: Moments
) -> dict[str, Any]:
    """Changes the packed features of all splits in place, a few megabytes at a time.

    Args:
        folder: Of the data set that is being packed.
        statistics: Its splits.
        moments: Of train.

    Returns:
        `mean` and `std` (D,), as they belong in the data set's facts.
    """
    mean, std = moments.mean_and_std()
    rows = max(1, _CHUNK_BYTES // (4 * len(mean)))
    for split in statistics:
        path = folder / split.name / "features.f32"
        with path.open("r+b") as file:
            for start in range(0, split.frames, rows):
                place = start * 4 * len(mean)
                file.seek(place)
                count = min(rows, split.frames - start) * len(mean)
                frames = np.fromfile(file, dtype="<f4", count=count).reshape(-1, len(mean))
                file.seek(place)
                file.write(np.ascontiguousarray((frames - mean) / std, dtype="<f4").data)
    return {"mean": mean.tolist(), "std": std.tolist()}
