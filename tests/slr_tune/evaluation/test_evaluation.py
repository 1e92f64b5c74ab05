"""Intervals, mistakes and the search over decoder settings, each against a plain count."""

from __future__ import annotations

import numpy as np
import pytest

from slr_tune.evaluation.decode import Decoded
from slr_tune.evaluation.mistakes import find_mistakes
from slr_tune.evaluation.tuning import Tried, _held_out
from slr_tune.statistics import compare
from slr_tune.statistics.wer_interval import drawn_units, paired_difference, wer_with_interval
from trainables.decoding.settings import BeamSettings


def counts_of(
    errors: list[int], words: int = 10
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """All errors are substitutions."""
    table = np.zeros((len(errors), 4), dtype=np.int64)
    table[:, 0], table[:, 3] = errors, words
    return table


def test_interval_against_the_normal_one() -> None:
    # Broken if the interval were of something else: with many alike utterances the bootstrap
    # has to give mean +- 1.96 standard errors.
    errors = np.random.default_rng(1).binomial(10, 0.3, size=600)
    found = wer_with_interval(counts_of(errors.tolist()), None)
    mean, error = 10 * errors.mean(), 10 * errors.std() / np.sqrt(600)
    assert found.percent == pytest.approx(mean)
    assert found.low == pytest.approx(mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(mean + 1.96 * error, abs=0.15 * error)


def test_signers_are_drawn_whole() -> None:
    # Broken if utterances of one signer counted as independent: here two signers are all there is.
    counts = counts_of([0] * 50 + [10] * 50)
    by_signer = wer_with_interval(counts, ["a"] * 50 + ["b"] * 50)
    # Two signers that differ by 100 points tell next to nothing of others.
    assert by_signer.low == 0.0 and by_signer.high > 100.0
    alone = wer_with_interval(counts, ["a"] * 100)  # one signer cannot be drawn anew
    assert 30 < alone.low < alone.high < 70
    assert drawn_units(["a"] * 50 + ["b"] * 50) == "signers (2 here)"
    assert drawn_units(["a"] * 100) == drawn_units(None) == "utterances"


def test_paired_difference_is_that_of_the_ablation() -> None:
    # Broken if two commands tested one difference in two ways, or with the sign turned round.
    rng = np.random.default_rng(2)
    ours, theirs = rng.binomial(10, 0.2, size=80), rng.binomial(10, 0.3, size=80)
    found = paired_difference(counts_of(ours.tolist()), counts_of(theirs.tolist()), None)
    assert found is not None
    arms = {"base": theirs[None], "arm": ours[None]}
    expected = compare(arms, [10] * 80, baseline="base")["arm"].difference
    assert expected is not None and found == expected
    assert found.points == pytest.approx(10 * (ours.mean() - theirs.mean()))


def test_mistakes_are_counted() -> None:
    # Broken if a confusion were told the wrong way round, or the worst were not the first.
    found = find_mistakes(
        [["A", "X", "C"], ["A", "X"], ["A"], ["A", "Z", "B"]],
        [["A", "B", "C"], ["A", "B"], ["A", "B", "C"], ["A", "B"]],
        most=3,
    )
    assert found.confusions == (("B", "X", 2),)
    assert dict(found.deleted) == {"B": 1, "C": 1}
    assert dict(found.inserted) == {"Z": 1}
    assert [number for number, _ in found.worst] == [2, 0, 3]


def test_held_out_figure_by_hand() -> None:
    # Broken if settings were measured on the utterances that chose them: the optimistic figure
    # here is 0, since each setting is perfect on one half.
    even, odd = [0, 4, 0, 4], [4, 0, 4, 0]
    tried = [
        Tried(BeamSettings(), Decoded("beam", ((),) * 4, counts_of(errors), 1.0))
        for errors in (even, odd)
    ]
    assert _held_out(tried) == pytest.approx(40.0)
    same = [Tried(BeamSettings(), Decoded("beam", ((),) * 4, counts_of([1] * 4), 1.0))]
    assert _held_out(same) == pytest.approx(10.0)


def test_held_out_figure_among_equals() -> None:
    # Broken if a tie on the choosing half went to what is best on the half to be measured: the
    # large beam, which is the better one there, would give 5.
    tried = [
        Tried(BeamSettings(width), Decoded("beam", ((),) * 4, counts_of(errors), 1.0))
        for width, errors in ((20, [0, 1, 0, 1]), (5, [1, 1, 1, 1]))
    ]
    assert _held_out(tried) == pytest.approx(10.0)
