"""The expected best of n trials, against subsets written out and against fresh draws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from slr_tune.statistics.expected_best import expected_best


def test_it_is_the_mean_over_all_subsets() -> None:
    """Drawn with replacement the best of all 9 trials would look worse than the best seen."""
    values = [9.0, 3.0, 7.0, 5.0, 8.0, 4.0, 6.0, 2.0, 11.0]
    for count, found in zip((1, 3, 9), expected_best(values, (1, 3, 9)), strict=True):
        subsets = [min(subset) for subset in combinations(values, count)]
        assert found.value == pytest.approx(float(np.mean(subsets)))
        assert found.low <= found.value <= found.high
    assert expected_best(values, (9,))[0].value == 2.0


def test_twice_the_trials_are_foretold_about_right() -> None:
    """Over many searches the band holds the mean of what 48 gave, from 24 each."""
    rng = np.random.default_rng(0)
    truth = float(np.mean(np.sort(rng.gamma(2.0, 3.0, (4000, 48)), axis=1)[:, 0]))
    held, output = 0, []
    for _ in range(60):
        (found,) = expected_best(10 + rng.gamma(2.0, 3.0, 24), (48,))
        held += found.low <= 10 + truth <= found.high
        output.append(found.value)
    assert float(np.mean(output)) == pytest.approx(10 + truth, abs=0.15)
    assert held >= 48


def test_what_cannot_be_said_is_refused() -> None:
    """Seven trials, or three times as many as there were, are no ground for a figure."""
    with pytest.raises(ValueError, match="at least 8"):
        expected_best([1.0] * 7, (3,))
    with pytest.raises(ValueError, match=r"1\.\.16"):
        expected_best([float(n) for n in range(8)], (24,))
