"""Optuna's own samplers with its own pruners."""

from __future__ import annotations

import math
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.simulate import Strategy, Work


def make_strategy(
    name: str, table: CurveTable, *, prior: dict[str, Any], seed: int, workers: int
) -> Strategy:
    _, sampler, pruner = name.split("-")
    return OptunaStrategy(table, prior, seed, sampler, pruner)


class OptunaStrategy:
    """A study, the baseline enqueued, every epoch reported."""

    def __init__(
        self, table: CurveTable, prior: dict[str, Any], seed: int, sampler: str, pruner: str
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
        pruners: dict[str, BasePruner] = {
            "halving": SuccessiveHalvingPruner(min_resource=table.grace, reduction_factor=3),
            "hyperband": HyperbandPruner(
                min_resource=table.grace, max_resource=table.max_epochs, reduction_factor=3
            ),
        }
        self.table = table
        # The name shapes Hyperband's brackets.
        self.study = optuna.create_study(
            study_name=f"search {seed}", sampler=samplers[sampler](seed=seed),
            pruner=pruners[pruner],
        )  # fmt: skip
        self.study.enqueue_trial(dict(prior))
        self.trials: dict[int, optuna.Trial] = {}

    def next(self) -> Work:
        trial = self.study.ask()
        for axis in self.table.axes:
            if not all(trial.params.get(key) == option for key, option in axis.conditions):
                continue
            if axis.options:
                trial.suggest_categorical(axis.key, axis.options)
            elif axis.whole:
                trial.suggest_int(axis.key, int(axis.low), int(axis.high), log=axis.log)
            else:
                trial.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
        self.trials[trial.number] = trial
        return Work(trial.number, trial.params)

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        live = self.trials[trial]
        if math.isfinite(value):
            live.report(value, epoch)
        if ended == "nan":
            self.study.tell(live, state=TrialState.FAIL)
        elif ended:
            self.study.tell(live, value)
        elif live.should_prune():
            self.study.tell(live, state=TrialState.PRUNED)
            return False
        return ended is None
