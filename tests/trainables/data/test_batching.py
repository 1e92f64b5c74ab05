"""Batches by length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from trainables.data import Dataset
from trainables.data.batching import epoch_batches
from trainables.data.dataset import Indices


def padding_share(lengths: ArrayLike, batches: list[Indices]) -> float:
    """Share of a padded epoch's frames that hold no data, 0..1."""
    frames = np.asarray(lengths)
    padded = sum(len(batch) * int(frames[batch].max()) for batch in batches)
    real = sum(int(frames[batch].sum()) for batch in batches)
    return 1 - real / padded if padded else 0.0


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 500), max_size=80),
    batch_size=st.integers(1, 30),
    seed=st.integers(0, 2**32),
)
def test_every_utterance_once_and_one_small_batch_at_most(
    lengths: list[int], batch_size: int, seed: int
) -> None:
    """An utterance left out or seen twice would bias every epoch."""
    batches = epoch_batches(lengths, batch_size, rng=np.random.default_rng(seed))
    seen = [int(index) for batch in batches for index in batch]
    assert sorted(seen) == list(range(len(lengths)))
    small = [len(batch) for batch in batches if len(batch) != batch_size]
    assert small in ([], [len(lengths) % batch_size])
    assert len(batches) == -(-len(lengths) // batch_size)


@pytest.mark.parametrize("batch_size", [4, 8, 16, 24, 32])
def test_padding_on_libras_is_below_a_tenth(libras: Dataset, batch_size: int) -> None:
    """Padded frames are computed and thrown away: a third of them at 16 without sorting."""
    for seed in range(5):
        batches = epoch_batches(libras.train.lengths, batch_size, rng=np.random.default_rng(seed))
        assert padding_share(libras.train.lengths, batches) < 0.10


def test_padding_by_hand() -> None:
    """Lengths 2, 4 and 3 in one batch take 12 frames for 9; a batch of its own adds 5 for 5."""
    batches = [np.array([0, 1, 2]), np.array([3])]
    assert padding_share([2, 4, 3, 5], batches) == pytest.approx(1 - 14 / 17)
    assert padding_share([], []) == 0


def test_the_generator_alone_decides(libras: Dataset) -> None:
    """Resuming and forking give the same bits only if the batches are the same."""
    lengths = libras.train.lengths
    first, second = (epoch_batches(lengths, 16, rng=np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_batches_and_their_order_change(libras: Dataset) -> None:
    """Always the same company would take away half the point of shuffling."""
    lengths = libras.train.lengths
    first, second = (epoch_batches(lengths, 16, rng=np.random.default_rng(s)) for s in (1, 2))
    company = [
        {frozenset((int(a), int(b))) for batch in batches for a in batch for b in batch if a != b}
        for batches in (first, second)
    ]
    assert len(company[0] & company[1]) < 0.5 * len(company[0])
    means = [float(np.mean(lengths[batch])) for batch in first]
    assert means != sorted(means)
    assert means != sorted(means, reverse=True)


def test_the_small_batch_is_not_always_of_the_longest() -> None:
    """At the end of the sorted list it would always hold the same utterances."""
    lengths = np.arange(10, 110)
    where = {
        float(np.mean(lengths[min(batches, key=len)])) // 25
        for batches in (
            epoch_batches(lengths, 16, rng=np.random.default_rng(seed)) for seed in range(30)
        )
    }
    assert len(where) >= 4


def test_batch_size_must_be_positive() -> None:
    with pytest.raises(ValueError, match="batch_size is 0"):
        epoch_batches([1, 2], 0, rng=np.random.default_rng(0))
