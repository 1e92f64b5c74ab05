"""Which utterances are trained on, how they are grouped, and what they look like."""

from typing import Any

import numpy as np
import pytest

from trainables.config import RunConfig
from trainables.data import Dataset
from trainables.errors import ConfigError
from trainables.runs.training_set import TrainingSet


def training_set(data: Dataset, **settings: Any) -> TrainingSet:
    return TrainingSet(data.train, RunConfig(**settings))


def test_every_utterance_once_in_batches_of_the_size(libras: Dataset) -> None:
    groups = training_set(libras, batch_size=4, accumulation=2).groups(seed=0, epoch=1)
    assert [len(group) for group in groups] == [2, 2, 1]
    parts = [part for group in groups for part in group]
    assert sorted(np.concatenate(parts)) == list(range(18))
    assert sorted(len(part) for part in parts) == [2, 4, 4, 4, 4]


@pytest.mark.parametrize("split", [2, 4, 8])
def test_splitting_keeps_the_utterances_of_each_step(libras: Dataset, split: int) -> None:
    # The remedy for too little memory must not change what a step sees.
    chosen = training_set(libras, batch_size=4, accumulation=2)
    whole = chosen.groups(seed=0, epoch=1)
    parts = chosen.groups(seed=0, epoch=1, split=split)
    assert [np.concatenate(g).tolist() for g in whole] == [
        np.concatenate(g).tolist() for g in parts
    ]
    assert max(len(part) for group in parts for part in group) == max(1, 4 // split)
    assert min(len(part) for group in parts for part in group) >= 1


def test_grouping_depends_on_seed_and_epoch_alone(libras: Dataset) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        groups = training_set(libras, batch_size=4).groups(seed=seed, epoch=epoch)
        return [int(i) for group in groups for part in group for i in part]

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_augmentation_of_an_utterance_does_not_depend_on_its_batch(libras: Dataset) -> None:
    # Halved batches, or another order, must show the same frames in the same epoch.
    chosen = training_set(libras, augmentation={"time_jitter": 0.3, "noise": 0.1, "mixup": 0.2})
    (one,) = chosen.load([np.array([3, 7, 2])], seed=0, epoch=4)
    (other,) = chosen.load([np.array([7])], seed=0, epoch=4)
    length = int(other.lengths[0])
    assert int(one.lengths[1]) == length
    assert np.array_equal(one.features[1, :length], other.features[0])
    (later,) = chosen.load([np.array([7])], seed=0, epoch=5)
    assert later.features.shape != other.features.shape or not np.array_equal(
        later.features, other.features
    )


def test_utterances_draw_numbers_of_their_own(libras: Dataset) -> None:
    # One noise pattern for all sentences of an epoch would be no noise but an offset.
    chosen = training_set(libras, augmentation={"noise": 0.1})
    (batch,) = chosen.load([np.array([0, 1])], seed=0, epoch=1)
    length = int(batch.lengths.min())
    noise = [batch.features[i, :length].numpy() - libras.train.frames(i)[:length] for i in (0, 1)]
    assert not np.allclose(noise[0], noise[1], atol=1e-3)


def test_nothing_is_changed_without_augmentation(libras: Dataset) -> None:
    (batch,) = training_set(libras).load([np.array([5])], seed=0, epoch=1)
    assert np.array_equal(batch.features[0], libras.train.frames(5))


def test_truncation_cuts_where_the_glosses_still_fit_and_leaves_out_the_rest(
    libras: Dataset,
) -> None:
    # A sentence cut below what CTC needs has an infinite loss: one would end the whole run.
    split = libras.train
    longest = int(split.frames_needed.max()) * 2 - 1  # one frame too few for the longest sentences
    chosen = training_set(libras, truncate_frames=longest, subsampling=2)
    assert 0 < len(chosen.indices) <= len(split)
    output = -(-np.minimum(split.lengths, longest - 2) // 2)
    fewer = training_set(libras, truncate_frames=longest - 2, subsampling=2)
    assert fewer.indices.tolist() == np.flatnonzero(output >= split.frames_needed).tolist()
    assert len(fewer.indices) < len(split)
    assert f"{len(split) - len(fewer.indices)} of 18 training utterances" in fewer.warnings[0]
    assert f"cut to {longest - 2} frames" in fewer.warnings[1]
    assert all(len(fewer.frames(int(i))) == longest - 2 for i in fewer.indices)
    trained = {int(i) for g in fewer.groups(seed=0, epoch=1) for part in g for i in part}
    assert trained == set(fewer.indices.tolist())


def test_no_utterance_left_is_reported(libras: Dataset) -> None:
    with pytest.raises(ConfigError, match="no training utterance"):
        training_set(libras, truncate_frames=1)


@pytest.mark.parametrize("subsampling", [1, 2, 4])
def test_jitter_never_makes_a_sentence_impossible(libras: Dataset, subsampling: int) -> None:
    split = libras.train
    needed = int(split.frames_needed.max())
    chosen = training_set(
        libras,
        subsampling=subsampling,
        truncate_frames=needed * subsampling,
        augmentation={"time_jitter": 0.9},
    )
    (batch,) = chosen.load([chosen.indices], seed=0, epoch=1)
    output = -(-batch.lengths.numpy() // subsampling)
    assert (output >= split.frames_needed[chosen.indices]).all()


def test_a_seed_of_the_data_sets_the_order_alone(libras: Dataset) -> None:
    # The same order with another seed of the run, and another with another seed of the data.
    def order(seed: int, data_seed: int | None) -> list[list[int]]:
        chosen = training_set(libras, batch_size=4, data_seed=data_seed)
        return [part.tolist() for group in chosen.groups(seed=seed, epoch=2) for part in group]

    assert order(0, 5) == order(1, 5) != order(0, 6)
    assert order(5, None) == order(0, 5) != order(0, None)
