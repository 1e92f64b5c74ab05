"""How an epoch's batches come to where a run computes.

On a CPU they are read from the mapped files when they are needed. A GPU has the features of all
training utterances where they fit, and gathers each batch by itself; where they do not, or where
they are drawn again each epoch, a thread reads ahead into pinned memory. What a batch holds is the
same bits either way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Protocol

import torch

from trainables.cards import room_for_data
from trainables.config import RunConfig
from trainables.data import Dataset
from trainables.data.batch import Batch
from trainables.data.prefetch import prefetched
from trainables.data.resident import ResidentFeatures, fits_16_bits, kept, resident_bytes
from trainables.runs.training_set import Group, TrainingSet


class Feed(Protocol):
    """Where batches come from.

    Attributes:
        where: In words: "device", "pinned" or "mapped".
        bits: Of a number of the features on their way, 16 or 32.
    """

    where: str
    bits: int

    def batches(
        self, groups: Sequence[Group], *, seed: int, epoch: int
    ) -> Generator[list[Batch], None, None]:
        """The batches of each group, on the run's device."""


class HostFeed:
    """Reads from the mapped files; for a GPU ahead of time, into pinned memory."""

    def __init__(
        self,
        training_set: TrainingSet,
        device: torch.device,
        *,
        half: bool = False,
        answered: Callable[[Batch], Batch] | None = None,
        ahead: bool | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            training_set: The utterances.
            device: Where batches are to be.
            half: Features travel in 16 bits.
            answered: Adds what a teacher says to a batch, while it is read ahead.
            ahead: Whether a thread reads ahead; None for a GPU only.
        """
        self.ahead = device.type == "cuda" if ahead is None else ahead
        self.where = "pinned" if self.ahead else "mapped"
        self.bits = 16 if half else 32
        self._training_set = training_set
        self._device = device
        self._answered = answered

    def batches(
        self, groups: Sequence[Group], *, seed: int, epoch: int
    ) -> Generator[list[Batch], None, None]:
        """As the protocol says."""
        read = self._read(groups, seed=seed, epoch=epoch)
        with closing(prefetched(read) if self.ahead else read) as given:
            for group in given:
                yield [batch.to(self._device) for batch in group]

    def _read(
        self, groups: Sequence[Group], *, seed: int, epoch: int
    ) -> Generator[list[Batch], None, None]:
        for group in groups:
            batches = self._training_set.load(group, seed=seed, epoch=epoch, half=self.bits == 16)
            if self.ahead and self._answered is not None:
                batches = [self._answered(batch) for batch in batches]
            yield [batch.pinned(self._device) for batch in batches]


class ResidentFeed:
    """Gathers batches from features that are on the device already."""

    where = "device"

    def __init__(self, training_set: TrainingSet, features: ResidentFeatures) -> None:
        """Takes the utterances, not augmented, and their features."""
        self.bits = features.bits
        self._lengths = training_set.lengths
        self._features = features

    def batches(
        self, groups: Sequence[Group], *, seed: int, epoch: int
    ) -> Generator[list[Batch], None, None]:
        """As the protocol says."""
        for group in groups:
            yield [self._features.batch(part, self._lengths[part]) for part in group]


def choose_feed(
    training_set: TrainingSet,
    data: Dataset,
    config: RunConfig,
    device: torch.device,
    *,
    answered: Callable[[Batch], Batch] | None = None,
    resident: bool = True,
) -> Feed:
    """The way that fits the device and its memory.

    Args:
        training_set: The utterances.
        data: The data set that they are of.
        config: The run's settings: `data_on_device`, `feature_bits`, `augmentation`.
        device: Where the run computes.
        answered: Adds what a teacher says to a batch, while it is read ahead.
        resident: False where memory has run out with the features on the device.
    """
    drawn = config.augmentation.active
    half = device.type == "cuda" and config.feature_bits == 16 and not drawn
    half = half and kept("16 bits", data.hash, lambda: fits_16_bits(data.train))
    if resident and not drawn and _stays(data, config, device, half=half):
        features = kept(
            "features",
            (data.hash, str(device), half),
            lambda: ResidentFeatures(data.train, device, half=half),
        )
        return ResidentFeed(training_set, features)
    return HostFeed(training_set, device, half=half, answered=answered)


def _stays(data: Dataset, config: RunConfig, device: torch.device, *, half: bool) -> bool:
    """Whether the features are to stay on the device."""
    if config.data_on_device != "auto":
        return config.data_on_device == "always"
    if device.type != "cuda":
        return False
    return has_room(resident_bytes(data.train, half=half), device)


def has_room(size: int, device: torch.device) -> bool:
    """Whether so many bytes of training data may go to a GPU."""
    return size <= room_for_data(device)
