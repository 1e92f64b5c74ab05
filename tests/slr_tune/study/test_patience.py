"""Counterfactual patience against the rule that ends real runs."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slr_tune.study.patience import FinishedRun, counterfactual, end_epochs
from trainables.runs.early_stopping import verdict

wers = st.lists(st.floats(0, 100).map(lambda value: round(value, 1)), min_size=1, max_size=20)


def run(number: int, *curve: float, patience: int = 50, max_epochs: int = 0) -> FinishedRun:
    return FinishedRun(number, curve, patience, 0.0, max_epochs or len(curve))


def straight(curve: list[float], patience: int, min_delta: float, max_epochs: int) -> int:
    """Epochs of a run, an epoch at a time, as training itself decides."""
    for epoch in range(1, len(curve) + 1):
        rule = {"patience": patience, "min_delta": min_delta, "max_epochs": max_epochs}
        if verdict(curve[:epoch], **rule) is not None:
            return epoch
    raise AssertionError("the curve is too short")


@given(wers, st.sampled_from([0.0, 0.5, 5.0]))
def test_every_patience_ends_where_a_real_run_would(curve: list[float], min_delta: float) -> None:
    """The report would promise savings that no run gives."""
    done = FinishedRun(0, tuple(curve), 99, min_delta, len(curve))
    ends = end_epochs(done)
    assert set(ends) == set(range(1, len(curve) + 1))
    for patience, end in ends.items():
        assert end == straight(curve, patience, min_delta, len(curve))


@given(wers, st.integers(1, 6))
def test_a_run_ended_by_its_patience_shows_no_larger_one(curve: list[float], own: int) -> None:
    """What came after its end was never trained."""
    flat = [*curve, *[100.0] * 7]
    end = straight(flat, own, 0.0, 99)
    stopped = FinishedRun(0, tuple(flat[:end]), own, 0.0, 99)
    ends = end_epochs(stopped)
    assert set(ends) == set(range(1, own + 1))
    assert ends == {p: straight(flat, p, 0.0, 99) for p in ends}


def test_by_hand() -> None:
    """Three runs; a patience of 1 stops two of them one epoch before a gain of 10 points."""
    runs = [run(0, 50, 60, 40, 41), run(1, 30, 31, 20, 21), run(2, 80, 70, 60, 50)]
    found = counterfactual(runs)
    assert found is not None
    assert found.values == (1, 2, 3, 4)
    assert found.runs == (0, 1, 2)
    np.testing.assert_allclose(found.epochs[0], [2, 2, 4])
    np.testing.assert_allclose(found.wers[0], [50, 30, 50])
    np.testing.assert_allclose(found.mean_wers, [130 / 3, 110 / 3, 110 / 3, 110 / 3])
    # Of the patiences that cost nothing none saves an epoch.
    assert found.recommended is None and found.saved == 0.0


def test_recommends_the_smallest_that_costs_nothing() -> None:
    """A patience too small loses the late gain of the best run; one too large wastes epochs."""
    tail = [30.0] * 6
    runs = [run(n, 50 + n / 9, 40 + n / 9, 45, 20 + n / 9, *tail) for n in range(20)]
    found = counterfactual(runs)
    assert found is not None and found.recommended == 2
    np.testing.assert_allclose(found.epochs[1], [6] * 20)
    assert math.isclose(found.saved, 0.4)
    few = counterfactual(runs[:19])
    assert few is not None and few.recommended is None


def test_a_rare_late_gain_is_not_overlooked() -> None:
    """One run of twenty that gains two points late is a tenth of a point on average."""
    plain = [run(n, 50.0, 40.0, 41.0, 41.0, 41.0, 41.0) for n in range(19)]
    found = counterfactual([*plain, run(19, 50.0, 41.0, 41.5, 41.5, 39.5, 41.0)])
    assert found is not None and found.wers[1].mean() - found.wers[-1].mean() < 0.1
    assert found.recommended == 3


def test_nothing_is_recommended_that_saves_nothing() -> None:
    """Runs that improve at every epoch end where they do whatever their patience is."""
    found = counterfactual([run(n, *(90.0 - 4 * e - n for e in range(9))) for n in range(20)])
    assert found is not None and len(set(found.mean_epochs)) == 1
    assert found.recommended is None and found.saved == 0.0


def test_the_best_run_must_not_lose() -> None:
    """An average over many hides that the winner would have been cut off."""
    losers = [run(n, 60.0, *[61.0] * 9) for n in range(1, 120)]
    winner = run(0, 30.0, 31.0, 31.0, 25.0, *[26.0] * 6)
    found = counterfactual([winner, *losers])
    assert found is not None
    assert found.mean_wers[0] - found.mean_wers[-1] < 0.1
    assert found.recommended == 3


def test_all_patiences_are_compared_over_the_same_runs() -> None:
    """Means over different runs would show the difference of the runs."""
    short = [
        FinishedRun(n, (90.0, 91.0, 91.0), patience=2, min_delta=0.0, max_epochs=9) for n in (1, 2)
    ]
    long = [run(n, *[20.0 - e for e in range(9)]) for n in (3, 4, 5)]
    found = counterfactual([*short, *long])
    assert found is not None
    assert found.runs == (3, 4, 5) and len(found.values) == 9


def test_too_few_runs_tell_nothing() -> None:
    """Two runs are no ground for a recommendation; a diverged one is no run."""
    two = [run(n, 50.0, 40.0, 41.0) for n in (0, 1)]
    assert counterfactual(two) is None
    assert counterfactual([*two, run(2, 50.0, math.nan, 41.0)]) is None
    assert counterfactual([]) is None
