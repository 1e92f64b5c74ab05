"""Decoding with a confidence threshold: the two rules, and where they change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainables.decoding.best_path import confident_decode, greedy_decode
from trainables.errors import ConfigError


def frames(*probs: list[float]) -> NDArray[np.float32]:
    """Log-probabilities (T, 1, C) of one utterance."""
    return np.log(np.array(probs, dtype=np.float32))[:, np.newaxis]


def decode(log_probs: NDArray[np.float32], threshold: float) -> list[int]:
    return confident_decode(log_probs, np.array([len(log_probs)]), threshold=threshold)[0]


def test_a_gloss_under_a_likelier_blank_is_rescued() -> None:
    # Broken if the blank still won: a model that answers blank everywhere would stay silent.
    silent = frames([0.9, 0.08, 0.02], [0.9, 0.02, 0.08], [0.97, 0.01, 0.02])
    assert decode(silent, math.log(0.05)) == [1, 2]
    assert decode(silent, math.log(0.5)) == []
    assert greedy_decode(silent, np.array([3])) == [[]]


def test_a_gloss_that_is_never_sure_is_left_out() -> None:
    # Broken if the filter looked at each frame alone: the sure frame keeps the whole gloss, once.
    unsure = frames([0.3, 0.4, 0.3], [0.1, 0.85, 0.05], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4])
    assert decode(unsure, math.log(0.8)) == [1]
    assert greedy_decode(unsure, np.array([4])) == [[1, 2]]


def test_a_blank_between_equal_glosses_keeps_them_apart() -> None:
    # Broken if blanks were dropped before repeats were merged.
    assert decode(frames([0.1, 0.9], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]), math.log(0.5)) == [1, 1]


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(0, 12))
def test_a_threshold_between_the_rules_is_greedy(seed: int, classes: int, length: int) -> None:
    # At ln 0.5 nothing can be rescued, and where each winner is sure nothing is filtered: then
    # the result is the best path's. Broken if either rule reached further than it says.
    rng = np.random.default_rng(seed)
    probs = np.full((length, classes), 0.3 / (classes - 1))
    probs[np.arange(length), rng.integers(0, classes, length)] = 0.7
    log_probs = np.log(probs)[:, np.newaxis]
    ends = np.array([length])
    expected = greedy_decode(log_probs, ends)
    assert confident_decode(log_probs, ends, threshold=math.log(0.5)) == expected


def test_tensors_and_padding() -> None:
    # Broken if frames past the end were read, or a batch needed a detach or NumPy first.
    log_probs = torch.tensor([[[0.1, 0.9], [0.1, 0.9]], [[0.9, 0.1], [0.2, 0.8]]]).log()
    decoded = confident_decode(
        log_probs.requires_grad_(), torch.tensor([2, 0]), threshold=math.log(0.5)
    )
    assert decoded == [[1], []]
    assert type(decoded[0][0]) is int


def test_what_does_not_fit_is_refused() -> None:
    # Broken if a probability were taken for a log-probability, or a length were cut silently.
    log_probs = frames([0.5, 0.5])
    for threshold in (0.5, math.nan):
        with pytest.raises(ConfigError, match="must be at most 0"):
            decode(log_probs, threshold)
    with pytest.raises(ValueError, match=r"expected \(T, N, C\)"):
        confident_decode(log_probs[:, 0], np.array([1]), threshold=-1.0)
    with pytest.raises(ValueError, match=r"lengths must be in 0\.\.1, got 2\.\.2"):
        confident_decode(log_probs, np.array([2]), threshold=-1.0)
