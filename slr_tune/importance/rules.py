"""What a reading supports: no effect seen, a first place, a failure set aside.

The limits were found on truths drawn by chance (`benchmarks/known_truth.py --drawn`), other ones
than those by which they are rated.
"""

from __future__ import annotations

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
LEAST_BEYOND = 8
"""Trials that must have got to where a parameter acts before a figure of it is given."""


def fitted(space: Coordinates, rows: TrialRows) -> tuple[GaussianProcess, tuple[int, ...]]:
    """The model, fitted without the trials that failed in a way no configuration explains.

    A trial is set aside where its value is worse by more than 4 standard deviations than the model
    predicts that has not seen it; three rounds, at most 5 % of the trials.

    Returns:
        The model, and the places of the trials that were set aside.
    """
    most = int(_MOST_FAILURES * len(np.unique(rows.trial)))
    aside: list[int] = []
    model = GaussianProcess(space, rows)
    model.fit()
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


def least_cost(trials: int) -> float:
    """Log likelihood that a unit must be worth to be called real."""
    return _LEAST_COST + _FEW_COST / trials


def effect_costs(model: GaussianProcess) -> Floats:
    """(U,) what the log likelihood loses without each unit, the rest fitted again in ten steps."""
    space, least = model.space, least_cost(len(np.unique(model.rows.trial)))
    full = model.solve(model.theta).log_likelihood
    costs = []
    for unit in space.units:
        off = np.flatnonzero(np.isin(model.owner, space.of_unit(unit)))
        held = model.theta.copy()
        held[off] = OFF
        most = full - model.solve(held).log_likelihood
        if most <= least:  # fitting the rest again makes it less
            costs.append(most)
            continue
        without = model.fit(start=model.theta, steps=_OTHERS_STEPS, off=off)
        costs.append(full - model.solve(without).log_likelihood)
    return np.array(costs)


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
