"""Uncertainty, groups, matched epochs and effects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from generated_study import SPACE
from optuna.trial import FrozenTrial, TrialState, create_trial

from slr_tune.importance.analysis import analyse
from slr_tune.importance.effects import best_region
from slr_tune.importance.matched_epoch import (
    all_trials_correlation,
    choose_epoch,
    end_correlation,
    rank_correlation,
    values_at,
)
from slr_tune.importance.parameter_columns import SearchedRange, Variable, variables_of
from slr_tune.space import load_spec


def number(name: str, values: np.ndarray, group: str = "") -> Variable:
    regime = np.zeros(len(values), dtype=np.int64)
    return Variable(name, group or name, values, regime, (SearchedRange(0.0, 1.0),))


def trial(values: dict[int, float], state: TrialState = TrialState.PRUNED) -> FrozenTrial:
    output = None if state in (TrialState.FAIL, TrialState.RUNNING) else values[max(values)]
    return create_trial(state=state, value=output, intermediate_values=values)


def test_values_at_an_epoch_keep_stopped_trials_apart_from_those_that_never_came() -> None:
    """A stopped trial counts where it was, one that ended by patience keeps its value after."""
    trials = [
        trial({1: 50.0, 2: 40.0, 3: 30.0}, TrialState.COMPLETE),
        trial({1: 60.0}),
        trial({1: 55.0, 2: 45.0}, TrialState.COMPLETE),  # by patience
        trial({1: math.nan}, TrialState.FAIL),
        trial({1: 70.0, 2: 65.0}, TrialState.RUNNING),
    ]
    assert values_at(trials, 1).tolist()[:3] == [50.0, 60.0, 55.0]
    assert np.isnan(values_at(trials, 1)[3])
    assert np.array_equal(
        values_at(trials, 3), [30.0, np.nan, 45.0, np.nan, np.nan], equal_nan=True
    )


def test_the_epoch_with_the_most_information_is_chosen_and_reported() -> None:
    """40 trials that predict the end well beat 12 that are the end; noise at epoch 1 does not."""
    rng = np.random.default_rng(0)
    ends = rng.normal(30, 10, 40)
    trials = []
    for place, end in enumerate(ends):
        curve = {1: float(rng.normal(90, 10)), 3: float(end + rng.normal(0, 2)), 9: float(end)}
        done = place < 12
        curve = curve if done else {1: curve[1], 3: curve[3]}
        trials.append(trial(curve, TrialState.COMPLETE if done else TrialState.PRUNED))
    choice = choose_epoch(trials, (1, 3), 9, asked=None)
    assert choice.epoch == 3
    assert "epoch 3: 40 trials" in choice.reason and "epoch 9: 12 trials" in choice.reason
    assert choose_epoch(trials, (1, 3), 9, asked=1).epoch == 1
    assert "too few" in choose_epoch(trials[10:], (1, 3), 9, asked=None).reason


def staged(count: int, seed: int, late: float) -> tuple[np.ndarray, float]:
    """Three epochs of which two stop two thirds each, and the rank correlation without stopping."""
    rng = np.random.default_rng(seed)
    early = rng.normal(size=count)
    middle = 0.5 * early + rng.normal(size=count)
    final = late * early + 0.9 * middle + 0.4 * rng.normal(size=count)
    table = np.column_stack([np.exp(early), middle, final])
    whole = rank_correlation(early, final)
    table[early > np.quantile(early, 1 / 3), 1:] = np.nan
    here = table[:, 1][np.isfinite(table[:, 1])]
    table[~(table[:, 1] <= np.quantile(here, 1 / 3)), 2] = np.nan
    return table, whole


@pytest.mark.parametrize("late", [-0.4, 0.0, 0.6])
def test_correlations_are_corrected_for_every_rung(late: float) -> None:
    """Corrected for the first rung alone, an order that predicts nothing looked like one."""
    table, whole = staged(20_000, 1, late)
    kept = np.isfinite(table[:, 2])
    assert abs(rank_correlation(table[kept, 0], table[kept, 2]) - whole) > 0.1
    found = all_trials_correlation(table)
    assert found == pytest.approx(whole, abs=0.06)
    assert rank_correlation(table[:9, 0], np.exp(table[:9, 0])) == pytest.approx(1.0)


def test_the_interval_of_a_correlation_is_honest_about_few_trials() -> None:
    """A few survivors settle nothing; none at all say nothing."""
    output = [
        (end_correlation(table), whole) for table, whole in (staged(600, n, 0.6) for n in range(12))
    ]
    held = [one is not None and one.low <= whole <= one.high for one, whole in output]
    assert sum(held) >= 8
    table, _ = staged(60, 2, 0.6)
    few = end_correlation(table)
    assert few is not None and few.high - few.low > 0.5
    assert end_correlation(table[:12]) is None
    none = end_correlation(np.column_stack([np.ones(12), np.arange(12.0)]))
    assert none is not None and (none.low, none.high) == (-1.0, 1.0)


def test_too_few_trials_give_no_bars() -> None:
    """Bars over a handful of trials would be believed."""
    columns = [number("x", np.linspace(0, 1, 6))]
    assert analyse(columns, np.arange(6.0), epoch=3, evaluator="ped-anova").units == ()


def test_ranks_that_swap_are_called_unstable() -> None:
    """Two parameters that matter alike must not be told apart by luck."""
    rng = np.random.default_rng(2)
    x, y, z = rng.random((3, 60))
    losses = np.abs(x - 0.5) + 0.9 * np.abs(y - 0.5) + rng.normal(0, 0.02, 60)
    columns = [number("x", x), number("y", y), number("z", z)]
    found = analyse(columns, losses, epoch=3, evaluator="ped-anova")
    leaders = found.units[:2]
    assert {bar.name for bar in leaders} == {"x", "y"} and all(bar.unstable for bar in leaders)
    assert found.named is None


def test_more_trials_narrow_the_intervals_and_settle_the_order() -> None:
    """An interval that does not shrink says nothing of the number of trials."""
    widths = []
    for count in (60, 800):
        rng = np.random.default_rng(3)
        x, y = rng.random((2, count))
        losses = 3 * np.abs(x - 0.5) + np.abs(y - 0.5)
        found = analyse([number("x", x), number("y", y)], losses, epoch=3, evaluator="ped-anova")
        widths.append(found.units[0].high - found.units[0].low)
    assert widths[1] < widths[0]
    assert found.units[0].name == "x" and not found.units[0].unstable and found.named == "x"


def test_parts_never_matter_more_than_their_group() -> None:
    """A reader would not believe a weight above its simplex."""
    rng = np.random.default_rng(4)
    draws = rng.dirichlet([1, 1, 1], size=30)
    columns = [number(f"w.{k}", draws[:, i], "w") for i, k in enumerate("abc")]
    columns.append(number("x", rng.random(30)))
    found = analyse(columns, np.abs(draws[:, 1] - 0.2), epoch=3, evaluator="ped-anova")
    unit = next(bar for bar in found.units if bar.name == "w")
    assert {part.name for part in found.parts} == {"w.a", "w.b", "w.c"}
    assert all(part.share <= unit.share + 1e-12 for part in found.parts)
    assert sum(bar.share for bar in found.units) == pytest.approx(1.0)


def test_columns_are_in_the_terms_of_the_file() -> None:
    """A reader knows alpha and the schedule's start, not u1 and one start for each branch."""
    space = load_spec(SPACE).space
    values = {
        "dropout": 0.1,
        "learning_rate": 0.01,
        "loss_weights": {"alpha": 0.5, "beta": 0.3, "gamma": 0.2},
        "kd_blank": "drop",
        "temperature": {"schedule": "linear", "start": 6.0, "end": 2.0},
        "patience": 9,
    }
    params = space.encode(values)
    constant = values | {"temperature": {"schedule": "constant", "start": 3.0}}
    other = space.encode(constant)
    given = [create_trial(state=TrialState.WAITING) for _ in range(2)]
    for one, chosen in zip(given, (params, other), strict=True):
        one._params = chosen
    found = {column.name: column for column in variables_of(space, given)}
    assert not any("u1" in name or "linear" in name for name in found)
    assert found["loss_weights.alpha"].values[0] == pytest.approx(0.5)
    assert {found[f"loss_weights.{k}"].group for k in ("alpha", "beta", "gamma")} == {
        "loss_weights"
    }
    assert found["temperature.start"].values.tolist() == [6.0, 3.0]
    assert found["temperature.start"].group == found["temperature.schedule"].group == "temperature"
    assert found["temperature.end"].active.tolist() == [True, False]


def test_the_region_of_the_best_is_in_original_units() -> None:
    """Shares of a logarithmic range are of no use in a search-space file."""
    rates = np.geomspace(1e-4, 1e-1, 100)
    column = Variable(
        "rate", "rate", rates, np.zeros(100, dtype=np.int64), (SearchedRange(1e-4, 1e-1, True),)
    )
    (region,) = best_region([column], np.argsort(np.abs(np.log10(rates) + 2.0))[:10])
    assert region.low is not None and region.high is not None
    assert 6e-3 < region.low < 1e-2 < region.high < 1.5e-2
    assert region.best == pytest.approx(1e-2, rel=0.05)
