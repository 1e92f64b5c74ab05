"""Error counts and the corpus word error rate."""

from __future__ import annotations

import numpy as np
import pytest

from slr_tune.statistics import ErrorCounts
from slr_tune.statistics.counts import corpus_wer


def test_wer_is_all_errors_over_all_words() -> None:
    """By hand: 1 + 3 errors on 2 + 8 words are 40 %, not the mean of 50 % and 37.5 %."""
    wer = corpus_wer([[1, 3], [0, 1]], [2, 8])
    assert wer.per_seed == (40.0, 10.0)
    assert wer.percent == 25.0
    assert wer.words == 10
    assert (wer.substitutions, wer.deletions, wer.insertions) == (None, None, None)


def test_kinds_of_error_add_up_to_the_rate() -> None:
    """A kind counted twice or over the wrong words would not add up."""
    counts = ErrorCounts(
        substitutions=np.array([[1, 0], [2, 0]]),
        deletions=np.array([[0, 2], [0, 0]]),
        insertions=np.array([[0, 0], [0, 1]]),
    )
    wer = corpus_wer(counts, [2, 8])
    assert (wer.substitutions, wer.deletions, wer.insertions) == (15.0, 10.0, 5.0)
    assert wer.percent == 30.0
    assert wer.per_seed == (30.0, 30.0)


def test_an_utterance_without_words_counts_its_insertions() -> None:
    """An empty reference must not divide by zero nor lose its errors."""
    assert corpus_wer([[3, 1]], [0, 4]).percent == 100.0


@pytest.mark.parametrize(
    ("errors", "words", "message"),
    [
        ([[1, -1]], [2, 2], "whole numbers"),
        ([[1, 0.5]], [2, 2], "whole numbers"),
        ([1, 2], [2, 2], "2 non-empty dimensions"),
        ([[]], [], "non-empty"),
        ([[1, 2]], [2, 2, 2], "3 utterances"),
        ([[1, 2]], [0, 0], "no reference word"),
    ],
)
def test_what_cannot_be_counted_is_refused(
    errors: list[object], words: list[int], message: str
) -> None:
    """A mixed-up array must not become a word error rate."""
    with pytest.raises(ValueError, match=message):
        corpus_wer(errors, words)


def test_kinds_of_different_shape_are_refused() -> None:
    """Broadcasting would add the errors of one utterance to all."""
    with pytest.raises(ValueError, match="differ in shape"):
        ErrorCounts(np.ones((2, 3)), np.ones((2, 3)), np.ones((1, 3)))
