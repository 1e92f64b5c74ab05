"""Best path decoding by hand and against the definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables.decoding.best_path import greedy_decode


def scores_of(*paths: list[int], classes: int = 5) -> torch.Tensor:
    """Scores (T, N, C) whose best path in each utterance is the given one."""
    frames = max(len(path) for path in paths)
    scores = torch.zeros(frames, len(paths), classes)
    for i, path in enumerate(paths):
        for t, label in enumerate(path):
            scores[t, i, label] = 1.0
    return scores


def test_repeats_merge_unless_a_blank_stands_between() -> None:
    # Broken if blanks were dropped before repeats were merged: 2 0 2 would become 2.
    paths = ([1, 1, 0, 2, 0, 2, 2], [0, 0, 0, 0, 0, 0, 0], [3, 4, 4, 3, 0, 0, 1])
    decoded = greedy_decode(scores_of(*paths), torch.tensor([7, 7, 7]))
    assert decoded == [[1, 2, 2], [], [3, 4, 3, 1]]


def test_frames_past_the_end_are_not_read() -> None:
    # Broken if padding were decoded: every utterance but the longest would gain glosses.
    path = [1, 2, 3, 4]
    decoded = greedy_decode(scores_of(path, path, path), torch.tensor([4, 2, 0]))
    assert decoded == [[1, 2, 3, 4], [1, 2], []]


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=4))
def test_decoding_is_the_definition(paths: list[list[int]]) -> None:
    # Broken if the vectorised form differed from "merge repeats, then drop blanks" anywhere.
    expected = [[k for k, _ in itertools.groupby(path) if k != 0] for path in paths]
    lengths = torch.full((len(paths),), 6)
    scores = scores_of(*paths)
    assert greedy_decode(scores, lengths) == expected
    assert greedy_decode(scores.numpy(), lengths.numpy()) == expected


def test_the_result_holds_plain_integers() -> None:
    # Broken if NumPy's integers leaked out: JSON refuses them.
    decoded = greedy_decode(scores_of([1, 2]), torch.tensor([2]))
    assert type(decoded[0][0]) is int


def test_scores_with_a_gradient_are_decoded() -> None:
    # Broken if decoding a training batch needed a detach first.
    scores = scores_of([1, 0, 1]).requires_grad_()
    assert greedy_decode(scores, torch.tensor([3])) == [[1, 1]]


def test_the_first_of_equal_classes_wins() -> None:
    # Broken if ties were broken by chance, or differently in NumPy and PyTorch.
    scores = np.zeros((1, 1, 4), dtype=np.float32)
    scores[0, 0, [2, 3]] = 1.0
    assert greedy_decode(scores, np.array([1])) == [[2]]
    assert greedy_decode(torch.from_numpy(scores), torch.tensor([1])) == [[2]]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([2], r"lengths \(N,\)"), ([2, 4], r"0\.\.3, got 2\.\.4"), ([-1, 2], r"0\.\.3, got -1\.\.2")],
)
def test_lengths_that_do_not_fit_are_refused(lengths: list[int], message: str) -> None:
    # Broken if a length too large were cut silently.
    with pytest.raises(ValueError, match=message):
        greedy_decode(scores_of([1, 2, 3], [1, 2, 3]), torch.tensor(lengths))
