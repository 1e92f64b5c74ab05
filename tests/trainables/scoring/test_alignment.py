"""Alignments: the least errors, sclite's costs, and what both have to keep."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.scoring.alignment import (
    Edit,
    align_by_least_errors,
    align_like_sclite,
    count_errors,
)

words = st.lists(st.sampled_from(["A", "a", "B", "C", "D E"]), max_size=7)
Align = Callable[[list[str], list[str]], list[Edit]]
both = pytest.mark.parametrize("align", [align_by_least_errors, align_like_sclite])


def test_an_alignment_by_hand() -> None:
    # Broken if reference and hypothesis were swapped, or columns came in another order.
    expected = [Edit("equal", "A", "A"), Edit("substitute", "B", "X"), Edit("equal", "C", "C")]
    assert align_by_least_errors(["A", "X", "C", "Y"], ["A", "B", "C"]) == [
        *expected,
        Edit("insert", None, "Y"),
    ]
    assert align_like_sclite(["A", "X", "C"], ["A", "B", "C", "D"]) == [
        *expected,
        Edit("delete", "D", None),
    ]


@both
@given(hypothesis=words, reference=words)
def test_an_alignment_holds_both_sentences(
    align: Align, hypothesis: list[str], reference: list[str]
) -> None:
    # Broken if a word were lost, doubled or moved, or a mark did not fit its column.
    edits = align(hypothesis, reference)
    assert [edit.reference for edit in edits if edit.reference is not None] == reference
    assert [edit.hypothesis for edit in edits if edit.hypothesis is not None] == hypothesis
    for edit in edits:
        assert (edit.operation == "insert") == (edit.reference is None)
        assert (edit.operation == "delete") == (edit.hypothesis is None)
    counted = count_errors(edits)
    assert counted.words == len(reference)
    assert counted.words - counted.deletions + counted.insertions == len(hypothesis)


@given(words, words)
def test_sclite_never_counts_fewer_than_the_least(
    hypothesis: list[str], reference: list[str]
) -> None:
    # Between words of one case. Broken if either alignment were not the best by its own rule.
    lower = [[word.lower() for word in sentence] for sentence in (hypothesis, reference)]
    like_sclite = count_errors(align_like_sclite(*lower))
    least = count_errors(align_by_least_errors(*lower))
    assert least.errors <= like_sclite.errors
    cost = [4 * c.substitutions + 3 * (c.deletions + c.insertions) for c in (like_sclite, least)]
    assert cost[0] <= cost[1]


def test_case_counts_by_the_definition_and_not_for_sclite() -> None:
    # Broken if either rule took the other's idea of equal; sclite folds A to Z and no umlaut.
    assert count_errors(align_by_least_errors(["regen"], ["REGEN"])).errors == 1
    assert count_errors(align_like_sclite(["regen"], ["REGEN"])).errors == 0
    assert count_errors(align_like_sclite(["über"], ["ÜBER"])).errors == 1
