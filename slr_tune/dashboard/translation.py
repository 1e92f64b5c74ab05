"""Trials as the dashboard shows them: the file's own names, and how they ended.

A sampler's coordinates (`loss_weights.u1`, `temperature.step.start`) mean nothing to a reader. The
dashboard's tables and plots get `loss_weights.alpha` and `temperature.start` instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from slr_tune.importance.parameter_columns import Variable, columns_of
from slr_tune.space import Space
from slr_tune.study.record import ATTRIBUTE, ended_by, epochs_run, is_foreign, record_of

_DIGITS = 4
_VALUE_DIGITS = 5
"""Significant digits of parameters and of values: 16 of them say nothing more."""


class Translation:
    """The terms of one study's space."""

    def __init__(self, space: Space) -> None:
        """Collects the searched values' names and ranges over all branches of the space."""
        self._space = space
        columns = columns_of(space, [])
        self._distributions = {column.name: _distribution(column) for column in columns}

    def translate(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The trials in the file's terms; what was given is not changed."""
        columns = columns_of(self._space, trials)
        return [self._one(trial, row, columns) for row, trial in enumerate(trials)]

    def _one(self, trial: FrozenTrial, row: int, columns: Sequence[Variable]) -> FrozenTrial:
        params = {
            column.name: _shown(column, row, self._distributions[column.name])
            for column in columns
            if column.active[row]
        }
        shown = copy(trial)
        shown.params = params
        shown.distributions = {name: self._distributions[name] for name in params}
        shown.user_attrs = _attributes(trial)
        shown.values = None if trial.values is None else [_short(value) for value in trial.values]
        shown.intermediate_values = {
            step: _short(value) for step, value in trial.intermediate_values.items()
        }
        if is_foreign(trial):
            # Optuna's pages would call it the best; its own value is among the attributes.
            shown.state, shown.values = TrialState.FAIL, None
        shown.system_attrs = {k: v for k, v in trial.system_attrs.items() if k != "fixed_params"}
        return shown


def _distribution(column: Variable) -> BaseDistribution:
    if column.options:
        return CategoricalDistribution(column.options)
    if column.whole:
        return IntDistribution(int(column.low), int(column.high), log=column.log)
    return FloatDistribution(column.low, column.high, log=column.log)


def _shown(column: Variable, row: int, distribution: BaseDistribution) -> str | int | float:
    value = float(column.values[row])
    if column.options:
        return column.options[int(value)]
    if isinstance(distribution, IntDistribution):
        return int(value)
    # Digits that nobody reads would fill the tables; the trial's note has them all.
    return min(max(float(f"{value:.{_DIGITS}g}"), column.low), column.high)


def _short(value: float) -> float:
    return float(f"{value:.{_VALUE_DIGITS}g}")


def _attributes(trial: FrozenTrial) -> dict[str, Any]:
    """User attributes: the record of the trial in words, and attributes that others wrote."""
    others = {key: value for key, value in trial.user_attrs.items() if key != ATTRIBUTE}
    record = record_of(trial)
    if is_foreign(trial):
        values = {"foreign value": trial.values[0]} if trial.values else {}
        return {"ended by": ended_by(trial), **values, **others}
    if record is None:
        return others
    attributes: dict[str, Any] = {
        "ended by": ended_by(trial),
        "epochs": epochs_run(trial),
        "best epoch": record.best_epoch,
        "seconds": round(record.seconds, 1),
        "seed": record.seed,
        "parameters": record.parameters,
        "checkpoint": record.checkpoint,
        "error": record.error,
        "imported from": record.imported,
    }
    return {**{key: value for key, value in attributes.items() if value is not None}, **others}
