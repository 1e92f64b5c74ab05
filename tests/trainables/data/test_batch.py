"""Utterances as padded tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainables.data import Dataset
from trainables.data.batch import collate


def test_batch_holds_the_utterances_and_zeros(libras: Dataset) -> None:
    """Frame for frame what the split has, and nothing after an utterance's end."""
    indices = [5, 0, 17]
    batch = collate(libras.train, indices)
    assert len(batch.indices) == 3
    assert batch.features.shape == (3, int(libras.train.lengths[indices].max()), 6)
    assert batch.features.dtype == torch.float32
    assert batch.lengths.tolist() == libras.train.lengths[indices].tolist()
    assert batch.indices.tolist() == indices
    ends = np.cumsum([0, *batch.target_lengths.tolist()])
    for row, index in enumerate(indices):
        length = int(batch.lengths[row])
        np.testing.assert_array_equal(batch.features[row, :length], libras.train.frames(index))
        assert not batch.features[row, length:].any()
        target = batch.targets[ends[row] : ends[row + 1]]
        assert target.tolist() == libras.train.target(index).tolist()
    for tensor in (batch.lengths, batch.targets, batch.target_lengths, batch.indices):
        assert tensor.dtype == torch.int64


def test_batch_is_a_copy(libras: Dataset) -> None:
    """Writing to a batch, as a model in place may, must not reach the mapped file."""
    batch = collate(libras.train, np.array([0]))
    batch.features.zero_()
    assert libras.train.frames(0).any()


def test_frames_can_be_replaced(libras: Dataset) -> None:
    """Augmented frames keep the targets of their utterance."""
    frames = [np.full((7, 6), 2, dtype=np.float32), np.full((3, 6), 3, dtype=np.float32)]
    batch = collate(libras.train, [4, 9], frames=frames)
    assert batch.lengths.tolist() == [7, 3]
    assert batch.features.sum() == 2 * 42 + 3 * 18
    expected = [*libras.train.target(4).tolist(), *libras.train.target(9).tolist()]
    assert batch.targets.tolist() == expected


def test_moving_keeps_lengths_on_the_cpu(libras: Dataset) -> None:
    """Packing and CTC read them on the CPU; from a GPU that would wait for it at every step."""
    batch = collate(libras.train, [0, 1]).to(torch.device("meta"))
    assert batch.features.device.type == "meta"
    for tensor in (batch.lengths, batch.targets, batch.target_lengths, batch.indices):
        assert tensor.device.type == "cpu"


def test_misuse_is_refused(libras: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one utterance"):
        collate(libras.train, [])
    with pytest.raises(ValueError, match="1 features were given for 2"):
        collate(libras.train, [0, 1], frames=[libras.train.frames(0)])
