"""Runs that collapsed are told from runs that scatter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from slr_tune.statistics.collapse import collapsed_runs, fisher


def test_a_run_far_above_its_arm() -> None:
    """24 points above the median of runs that lie within 1; 18 points are spread."""
    others = {name: [12.0, 11.0, 13.0] for name in "cde"}
    found = collapsed_runs({"b": [12.0, 13.0, 36.5], "x": [12.0, 11.0, 30.0], **others})
    assert found["b"] == (False, False, True)
    assert not any(any(flags) for name, flags in found.items() if name != "b")


def test_an_arm_of_which_all_runs_collapsed() -> None:
    """Its median is no yardstick; 85 is, while another arm trains. Nothing is where none does."""
    found = collapsed_runs({"b": [30.0, 31.0, 29.0], "x": [95.0, 96.0, 97.0]})
    assert found == {"b": (False,) * 3, "x": (True,) * 3}
    hard = collapsed_runs({"b": [90.0, 91.0, 92.0], "x": [95.0, 96.0, 97.0]})
    assert not any(map(any, hard.values()))


def test_a_wide_spread_is_none() -> None:
    """Where all runs lie 10 points apart, one 40 points off is not called an exception."""
    wide = {n: [20.0, 30.0, 40.0, 50.0, 60.0] for n in "bx"}
    wide["y"] = [20.0, 30.0, 40.0, 50.0, 80.0]
    assert not any(map(any, collapsed_runs(wide).values()))


def test_one_seed_each_is_never_flagged() -> None:
    """A single run has no siblings to be an exception to."""
    assert collapsed_runs({"b": [30.0], "x": [95.0]}) == {"b": (False,), "x": (False,)}


def test_normal_runs_give_no_false_alarm() -> None:
    """Studies of six arms with seeds of 2 points: not one of 2,000 is flagged."""
    rng = np.random.default_rng(7)
    for _ in range(2000):
        runs = 30 + 2 * rng.normal(size=(6, 5))
        assert not any(map(any, collapsed_runs({str(n): r for n, r in enumerate(runs)}).values()))


@pytest.mark.parametrize(("first", "second", "runs"), [(5, 0, 5), (3, 0, 3), (2, 1, 5), (4, 4, 7)])
def test_fishers_test_is_scipys(first: int, second: int, runs: int) -> None:
    """By hand for 5 of 5 against none: 2 / 252."""
    table = [[first, runs - first], [second, runs - second]]
    assert fisher(first, second, runs) == pytest.approx(fisher_exact(table).pvalue)
    assert fisher(5, 0, 5) == pytest.approx(2 / 252)
