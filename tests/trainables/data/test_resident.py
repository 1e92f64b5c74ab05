"""Batches gathered from data that stay on a device, the CPU in the device's place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainables.data import Dataset, Split
from trainables.data.batch import collate
from trainables.data.resident import (
    ResidentFeatures,
    ResidentRows,
    fits_16_bits,
    forget_kept,
    kept,
    resident_bytes,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("half", [False, True])
def test_gathered_batches_are_those_that_are_read(libras: Dataset, half: bool) -> None:
    """Bit for bit, cut utterances and parts of a split too; in 16 bits, the rounded features."""
    split = libras.train.part([3, 0, 7, 11, 5])
    features = ResidentFeatures(split, CPU, half=half)
    indices, lengths = np.array([4, 0, 2]), split.lengths[[4, 0, 2]] - [0, 2, 5]
    frames = [split.frames(i)[:n] for i, n in zip(indices, lengths, strict=True)]
    expected = collate(split, indices, frames=frames, half=half)
    batch = features.batch(indices, lengths)
    assert torch.equal(batch.features, expected.features.float())
    assert batch.features.dtype == torch.float32 and features.bits == (16 if half else 32)
    for name in ("lengths", "targets", "target_lengths", "indices"):
        assert torch.equal(getattr(batch, name), getattr(expected, name)), name


def test_what_does_not_fit_16_bits_is_found(libras: Dataset) -> None:
    split = libras.train.part([0, 1])
    assert fits_16_bits(split)
    for value in (7e4, np.nan):
        wide = np.array(split.features)
        wide[-1, -1] = value
        whole: Split = replace(libras.train, features=wide)  # type: ignore[arg-type]
        assert not fits_16_bits(whole)


def test_size_is_what_the_device_holds(libras: Dataset) -> None:
    for half in (False, True):
        features = ResidentFeatures(libras.train, CPU, half=half)
        assert features._frames.rows.nbytes == resident_bytes(libras.train, half=half)


def test_frames_that_were_not_announced_are_refused() -> None:
    with pytest.raises(ValueError, match="2 frames were given, 3 were announced"):
        ResidentRows([np.zeros((2, 4), dtype=np.float32)], 3, CPU)


def test_the_last_of_each_kind_is_kept() -> None:
    """A reused worker must not copy gigabytes anew for each trial, nor hold those of two sets."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    forget_kept()
    try:
        for key in ("a", "a", "b", "b", "a"):
            assert kept("test", key, lambda key=key: make(key)) == key
        assert made == ["a", "b", "a"]
    finally:
        forget_kept()
