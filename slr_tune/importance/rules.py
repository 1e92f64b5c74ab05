"""What a reading supports: no effect seen, a first place, a failure set aside.

The limits were found on truths drawn by chance (`benchmarks/known_truth.py --drawn`), other ones
than those by which they are rated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slr_tune.importance.bands import Draw, over_draws
from slr_tune.importance.coordinates import Coordinates
from slr_tune.importance.gaussian_process import OFF, GaussianProcess, Solved
from slr_tune.importance.parameter_columns import Floats
from slr_tune.importance.reading import left_out_residuals
from slr_tune.importance.trial_rows import TrialRows

_LEAST_COST, _FEW_COST = 2.0, 30.0
"""Log likelihood that a unit must be worth to be called real: of many trials, and more of few."""
_OTHERS_STEPS = 10
LEAST_EXPLAINED = 0.8
LEAST_FIRST = 0.9
_FAILURE = 4.0
_MOST_FAILURES = 0.05
_ROUNDS = 3
_MOST_COLLAPSES = 0.25
_COLLAPSE = 4.0
_GAIN_WITHOUT = 0.2
LEAST_BEYOND = 8
"""Trials that must have got to where a parameter acts before a figure of it is given."""


def fitted(space: Coordinates, rows: TrialRows) -> tuple[GaussianProcess, tuple[int, ...]]:
    """The model, fitted without the trials that failed in a way no configuration explains.

    A trial is set aside where its value is worse by more than 4 standard deviations than the model
    predicts that has not seen it; three rounds, at most 5 % of the trials. Where runs collapse
    more often than that, they are set aside together: see `_without_collapses`.

    Returns:
        The model, and the places of the trials that were set aside.
    """
    model = GaussianProcess(space, rows)
    model.fit()
    model, aside = _without_collapses(model)
    most = len(aside) + int(_MOST_FAILURES * len(np.unique(rows.trial)))
    for _ in range(_ROUNDS):
        kept = model.rows
        residuals, deviations = left_out_residuals(
            model.solve(model.theta), kept.trial, kept.values
        )
        apart = residuals / deviations
        worst = {int(t): float(apart[kept.trial == t].max()) for t in np.unique(kept.trial)}
        new = sorted((t for t in worst if worst[t] > _FAILURE), key=lambda t: -worst[t])
        new = new[: most - len(aside)]
        if not new:
            break
        aside += new
        model = GaussianProcess(space, rows.without(aside))
        model.fit()
    return model, tuple(sorted(aside))


def _without_collapses(model: GaussianProcess) -> tuple[GaussianProcess, list[int]]:
    """Fitted without the runs that collapsed, where many did and no configuration explains it.

    So many hide each other: the noise that they make looks like that of all runs. They are seen by
    the robust spread of what the model misses, 4 standard deviations by the median absolute
    deviation, in up to a quarter of the trials. They are left out only where the model, fitted
    without them, predicts unseen trials by 0.2 in R^2 better: configurations that are bad by
    themselves are predicted, and stay.

    Returns:
        The model, and the places of the trials that were set aside: none where it is as it was.
    """
    rows = model.rows
    trials = np.unique(rows.trial)
    solved = model.solve(model.theta)
    residuals, _ = left_out_residuals(solved, rows.trial, rows.values)
    worst = np.array([residuals[rows.trial == trial].max() for trial in trials])
    middle = float(np.median(worst))
    spread = 1.4826 * float(np.median(np.abs(worst - middle)))
    apart = [int(trial) for trial in trials[worst > middle + _COLLAPSE * spread]]
    if not _MOST_FAILURES * len(trials) < len(apart) <= _MOST_COLLAPSES * len(trials):
        return model, []
    without = GaussianProcess(model.space, rows.without(apart))
    without.fit()
    better = explained(without.solve(without.theta), without.rows) - explained(solved, rows)
    return (without, apart) if better > _GAIN_WITHOUT else (model, [])


def least_cost(trials: int) -> float:
    """Log likelihood that a unit must be worth to be called real."""
    return _LEAST_COST + _FEW_COST / trials


def effect_costs(
    model: GaussianProcess, *, units: Sequence[str] | None = None, at_any_epoch: bool = False
) -> Floats:
    """(U,) what the log likelihood loses without each unit, the rest fitted again in ten steps.

    Args:
        model: The model.
        units: Which units; None for all.
        at_any_epoch: Whether a unit's change over the epochs is taken from it too; otherwise only
            what lasts to the end.
    """
    space, least = model.space, least_cost(len(np.unique(model.rows.trial)))
    full = model.solve(model.theta).log_likelihood
    costs = []
    for unit in space.units if units is None else units:
        off = np.flatnonzero(np.isin(model.owner, space.of_unit(unit)))
        if at_any_epoch:
            off = np.concatenate([off, off + len(model.owner)])
        held = model.theta.copy()
        held[off] = OFF
        most = full - model.solve(held).log_likelihood
        if most <= least:  # fitting the rest again makes it less
            costs.append(most)
            continue
        without = model.fit(start=model.theta, steps=_OTHERS_STEPS, off=off)
        costs.append(full - model.solve(without).log_likelihood)
    return np.array(costs)


def acting_too_late(space: Coordinates, rows: TrialRows) -> dict[str, int]:
    """Units that act only later and where fewer than eight trials got, with how many did."""
    found = {}
    for unit in space.units:
        places = space.of_unit(unit)
        applies = np.isfinite(space.values[rows.trial][:, places])
        observed = (applies & rows.acts[:, places]).any(axis=1)
        there = len(np.unique(rows.trial[observed]))
        if there < LEAST_BEYOND and bool((applies.any(axis=1) & ~observed).any()):
            found[unit] = there
    return found


def explained(solved: Solved, rows: TrialRows) -> float:
    """R^2 of the first rung's values, each predicted without its trial."""
    first = rows.rung == 0
    residuals, _ = left_out_residuals(solved, rows.trial, rows.values)
    values = rows.values[first]
    spread = float(((values - values.mean()) ** 2).sum())
    return 1.0 - float((residuals[first] ** 2).sum()) / spread if spread > 0 else 0.0


def chance_of_first(draws: list[Draw], place: int) -> float:
    """Share of the draws in which a unit has the largest share."""
    shares = over_draws(draws, lambda reading, w: reading.shapley(reading.variances(w)))
    return float(np.mean(shares.argmax(axis=1) == place))
