"""Syne Tune: ASHA and BOHB. Salinas et al. 2022, AutoML-Conf."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHA, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.peers.syne_tune_peers_shared import domain, middle
from benchmarks.search.simulate import Strategy, Work


def make_strategy(
    name: str, table: CurveTable, *, prior: dict[str, Any], seed: int, workers: int
) -> Strategy:
    np.random.seed(seed)
    scheduler = (ASHA if name.endswith("asha") else BOHB)(
        {axis.key: domain(axis) for axis in table.axes},
        metric="value",
        time_attr="epoch",
        max_t=table.max_epochs,
        grace_period=table.grace,
        reduction_factor=3,
        random_seed=seed,
        points_to_evaluate=[{axis.key: prior.get(axis.key, middle(axis)) for axis in table.axes}],
    )
    return SyneTuneStrategy(table, scheduler)


class SyneTuneStrategy:
    """A scheduler as its tuner drives it, a result each epoch."""

    def __init__(self, table: CurveTable, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._worst = 10.0 * float(np.abs(table.values[np.isfinite(table.values)]).max())
        self._trials: dict[int, Trial] = {}

    def next(self) -> Work:
        suggestion = self._scheduler.suggest()
        number = len(self._trials)
        trial = Trial(number, suggestion.config, datetime.datetime(2026, 1, 1))
        self._trials[number] = trial
        self._scheduler.on_trial_add(trial)
        return Work(number, suggestion.config)

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        bad = ended == "nan" or not np.isfinite(value)
        result = {"value": self._worst if bad else value, "epoch": epoch}
        if ended:
            self._scheduler.on_trial_complete(self._trials[trial], result)
            return False
        decision = self._scheduler.on_trial_result(self._trials[trial], result)
        if decision == SchedulerDecision.CONTINUE:
            return True
        self._scheduler.on_trial_remove(self._trials[trial])
        return False
