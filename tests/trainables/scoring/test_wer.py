"""Word error rate: hand-worked splits, edges, and a second implementation."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.scoring.wer import WerResult, corpus_wer, utterance_errors

sentences = st.lists(st.sampled_from("ABCD"), max_size=7)


def levenshtein(a: list[str], b: list[str]) -> int:
    """Least number of substitutions, deletions and insertions, by the textbook's table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def test_a_corpus_by_hand() -> None:
    # One substitution, one deletion, one insertion in 3 + 2 + 1 words.
    # Broken if hypothesis and reference were swapped: then deletions and insertions trade places.
    result = corpus_wer([["A", "X", "C"], ["A"], ["A", "B"]], [["A", "B", "C"], ["A", "B"], ["A"]])
    assert result == WerResult(substitutions=1, deletions=1, insertions=1, words=6)
    assert result.errors == 3
    assert result.wer_percent == 50.0


def test_wer_is_of_the_corpus_not_a_mean_over_utterances() -> None:
    # Broken if short utterances weighed as much as long ones: the mean would be 50.
    result = corpus_wer([["X"], ["A"] * 9], [["A"], ["A"] * 9])
    assert result.wer_percent == pytest.approx(10.0)


def test_counts_of_each_utterance() -> None:
    # Broken if the bootstrap over utterances got other errors than the corpus has.
    counts = utterance_errors(
        [["X", "Y"], ["A", "B"], [], ["A"], []], [["A", "B"], ["A"], ["A", "B"], [], []]
    )
    assert counts.dtype == np.int64
    assert counts.tolist() == [[2, 0, 0, 2], [0, 0, 1, 1], [0, 2, 0, 2], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_an_empty_hypothesis_is_all_deletions() -> None:
    # Broken if it were skipped: a model that says nothing would have a WER of 0.
    assert corpus_wer([[]], [["A", "B"]]) == WerResult(0, 2, 0, 2)


def test_wer_may_exceed_100() -> None:
    # Broken if it were clipped: a model that babbles would look like one that is silent.
    assert corpus_wer([["X", "Y", "Z"]], [["A"]]).wer_percent == 300.0


def test_a_gloss_is_compared_whole() -> None:
    # Broken if sentences were joined and split at spaces, changed in case or stripped of marks.
    assert corpus_wer([["WIE AUSSEHEN"]], [["WIE", "AUSSEHEN"]]).errors == 2
    assert corpus_wer([["__ON__", "a", "ICH+DU"]], [["__ON__", "A", "ICH-DU"]]).substitutions == 2
    assert corpus_wer([["", " "]], [["", " "]]).errors == 0


@given(st.lists(st.tuples(sentences, sentences), max_size=6))
def test_errors_are_the_edit_distance(pairs: list[tuple[list[str], list[str]]]) -> None:
    # Broken if the alignment were not the shortest, or a count went to another utterance.
    hypotheses, references = [h for h, _ in pairs], [r for _, r in pairs]
    counts = utterance_errors(hypotheses, references)
    assert counts.shape == (len(pairs), 4)
    for (hypothesis, reference), (subs, dels, ins, words) in zip(pairs, counts, strict=True):
        assert subs + dels + ins == levenshtein(hypothesis, reference)
        assert words == len(reference)
        assert words - dels + ins == len(hypothesis)


@given(st.lists(sentences, min_size=1, max_size=5))
def test_a_perfect_recogniser_makes_no_errors(references: list[list[str]]) -> None:
    # Broken if equal sentences were ever aligned apart.
    assert utterance_errors(references, references)[:, :3].sum() == 0


def test_what_has_no_wer_is_refused() -> None:
    # Broken if an empty corpus gave 0, the best WER there is.
    for hypotheses, references in (([], []), ([[]], [[]]), ([["A"]], [[]])):
        with pytest.raises(ValueError, match="the WER is not defined"):
            corpus_wer(hypotheses, references)
    with pytest.raises(ValueError, match="got 1 hypotheses for 2 references"):
        corpus_wer([["A"]], [["A"], ["B"]])


def test_an_epoch_is_scored_in_milliseconds() -> None:
    # Broken if scoring became a visible part of an epoch; the goal is 10 ms, the limit allows
    # for a busy machine.
    rng = np.random.default_rng(0)
    references, hypotheses = (
        [[f"G{gloss}" for gloss in rng.integers(1, 16, size=6)] for _ in range(150)]
        for _ in range(2)
    )
    seconds = math.inf
    for _ in range(3):
        start = time.perf_counter()
        corpus_wer(hypotheses, references)
        seconds = min(seconds, time.perf_counter() - start)
    assert seconds < 0.05
