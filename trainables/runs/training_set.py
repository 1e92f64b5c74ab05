"""The training utterances as a run sees them: cut to length, possible for CTC, in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from trainables.config import RunConfig
from trainables.data import Split
from trainables.data.augmentation import augment
from trainables.data.batch import Batch, collate
from trainables.data.batching import epoch_batches
from trainables.data.dataset import Frames, Indices
from trainables.data.parts import nested_order
from trainables.errors import ConfigError
from trainables.seeding import generator

Group = list[Indices]
"""Batches that make one step of the optimiser together, as utterance indices."""


class TrainingSet:
    """A training split under a run's settings.

    Attributes:
        indices: Utterances that are trained on, int64, ascending.
        lengths: Input frames of every utterance of the split after cutting, int64 (N,); 0 for one
            that is left out.
        output_lengths: Frames that the model gives for them, int64 (N,).
        warnings: What was cut or left out, in words.
    """

    def __init__(
        self, split: Split, config: RunConfig, shares: Sequence[tuple[int, float]] = ()
    ) -> None:
        """Cuts and selects.

        Args:
            split: The utterances.
            config: Settings of the run.
            shares: (last epoch, share of the utterances) of each stretch of epochs that sees a
                part of them, by ascending epochs; empty for all utterances always.

        Raises:
            ConfigError: No utterance is left.
        """
        self._split = split
        self._config = config
        self._shares = tuple(shares)
        longest = config.truncate_frames
        cut = split.lengths if longest is None else np.minimum(split.lengths, longest)
        possible = _ceil_div(cut, config.subsampling) >= split.frames_needed
        self.lengths: Indices = np.where(possible, cut, 0)
        self.output_lengths = _ceil_div(self.lengths, config.subsampling)
        self.indices: Indices = np.flatnonzero(possible)
        self.warnings = tuple(self._warnings(split.lengths))
        if not len(self.indices):
            raise ConfigError(
                "no training utterance keeps the frames that CTC needs for its glosses",
                hint="Lower subsampling, or raise truncate_frames.",
            )

    @property
    def has_shares(self) -> bool:
        """Whether some epochs may see a part of the utterances."""
        return bool(self._shares)

    def share(self, epoch: int) -> float:
        """Share of the utterances that an epoch sees; 1 beyond the last stretch."""
        return next((share for last, share in self._shares if epoch <= last), 1.0)

    def seen(self, epoch: int) -> Indices:
        """Utterances that an epoch sees, ascending; a smaller share is inside a larger one."""
        count = max(1, math.ceil(self.share(epoch) * len(self.indices) - 1e-9))
        if count == len(self.indices):
            return self.indices
        return np.sort(self._order[:count])

    @cached_property
    def _order(self) -> Indices:
        """The utterances in the order in which shares take them: that of `data.subset`."""
        possible = set(self.indices.tolist())
        return np.array([i for i in nested_order(self._split) if i in possible], dtype=np.int64)

    def frames(self, utterance: int) -> Frames:
        """Features (T, D) of an utterance after cutting, not augmented."""
        return self._split.frames(utterance)[: self.lengths[utterance]]

    def groups(self, *, seed: int, epoch: int, split: int = 1) -> list[Group]:
        """Puts every utterance that the epoch sees into one batch, and batches into groups.

        Both are drawn again each epoch.

        Args:
            seed: Of the run; `data_seed` replaces it where it is given.
            epoch: From 1.
            split: Parts that each batch is cut into, to save memory; groups stay the same.
        """
        given = self._config.data_seed
        rng = generator(seed if given is None else given, epoch, "batches")
        seen = self.seen(epoch)
        chosen = epoch_batches(self.lengths[seen], self._config.batch_size, rng=rng)
        size = self._config.accumulation
        return [
            [
                part
                for batch in chosen[start : start + size]
                for part in np.array_split(seen[batch], min(split, len(batch)))
            ]
            for start in range(0, len(chosen), size)
        ]

    def load(self, group: Group, *, seed: int, epoch: int, half: bool = False) -> list[Batch]:
        """Reads and augments a group, in 16 bits if asked. Each utterance draws from a stream."""
        return [
            collate(
                self._split,
                part,
                frames=[self._drawn(int(i), seed, epoch) for i in part],
                half=half,
            )
            for part in group
        ]

    def _drawn(self, utterance: int, seed: int, epoch: int) -> Frames:
        """Frames of an utterance as this epoch shows them."""
        frames = self.frames(utterance)
        settings = self._config.augmentation
        if not settings.active:
            return frames
        # Frames that the model needs to give `frames_needed` after subsampling.
        needed = int(self._split.frames_needed[utterance] - 1) * self._config.subsampling + 1
        return augment(
            frames,
            rng=generator(seed, epoch, f"augmentation {utterance}"),
            **settings.model_dump(),
            min_frames=max(1, needed),
        )

    def _warnings(self, before: Indices) -> list[str]:
        found = []
        left_out = len(before) - len(self.indices)
        if left_out:
            found.append(
                f"{left_out} of {len(before)} training utterances are left out: their glosses need "
                "more frames than subsampling and truncate_frames leave"
            )
        cut = int((self.lengths[self.indices] < before[self.indices]).sum())
        if cut:
            found.append(
                f"{cut} training utterances are cut to {self._config.truncate_frames} frames"
            )
        return found


def _ceil_div(lengths: Indices, divisor: int) -> Indices:
    return -(-lengths // divisor)
