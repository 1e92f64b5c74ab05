"""MAPSSWE against hand-worked cases and the tests of scipy it comes close to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slr_tune.statistics.mapsswe import mapsswe


def test_by_hand() -> None:
    """Z = 1, 1, 0, -1, 1: mean 0.4, s = sqrt(0.8), W = 0.4 / sqrt(0.8 / 5) = 1."""
    found = mapsswe(np.array([2, 1, 3, 0, 4]), np.array([1, 0, 3, 1, 3]))
    assert found.mean_difference == pytest.approx(0.4)
    assert found.statistic == pytest.approx(1.0)
    assert found.p_value == pytest.approx(0.31731050786)
    assert found.segments == 5


def test_statistic_is_that_of_the_paired_t_test() -> None:
    """Same statistic, read against the normal distribution, as Gillick and Cox do."""
    rng = np.random.default_rng(0)
    arm, baseline = rng.poisson(2.0, 500), rng.poisson(2.2, 500)
    found = mapsswe(arm, baseline)
    expected = stats.ttest_rel(arm, baseline)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.01)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(expected.statistic)))


def test_wilcoxon_where_all_differences_have_one_size() -> None:
    """With Z = +-1 the signed ranks are signs: W = z sqrt((n - 1) / n / (1 - mean^2))."""
    difference = np.array([1] * 60 + [-1] * 40)
    found = mapsswe(difference, np.zeros(100, dtype=int))
    z = stats.wilcoxon(difference, correction=False, method="asymptotic").zstatistic
    assert abs(found.statistic) == pytest.approx(abs(z) * np.sqrt(0.99 / (1 - 0.2**2)))


def test_no_difference_and_the_same_difference_everywhere() -> None:
    """Neither may divide by the spread of zero."""
    same = mapsswe(np.array([1, 2]), np.array([1, 2]))
    assert (same.statistic, same.p_value) == (0.0, 1.0)
    always = mapsswe(np.array([1, 2]), np.array([2, 3]))
    assert (always.statistic, always.p_value) == (-np.inf, 0.0)


def test_unpaired_runs_are_refused() -> None:
    """Runs on different utterances cannot be matched."""
    with pytest.raises(ValueError, match="same two or more segments"):
        mapsswe(np.array([1, 2, 3]), np.array([1, 2]))
    with pytest.raises(ValueError, match="same two or more segments"):
        mapsswe(np.array([1]), np.array([1]))
