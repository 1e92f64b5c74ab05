"""Syne Tune's MOBSTER, promoting, in the last version that has it. Klein et al. 2020."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import MOBSTER
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.peers.syne_tune_peers_shared import domain, middle
from benchmarks.search.simulate import Strategy, Work


def make_strategy(
    name: str, table: CurveTable, *, prior: dict[str, Any], seed: int, workers: int
) -> Strategy:
    logging.disable(logging.ERROR)
    np.random.seed(seed)
    baseline = {axis.key: prior.get(axis.key, middle(axis)) for axis in table.axes}
    scheduler = MOBSTER(
        {**{axis.key: domain(axis) for axis in table.axes}, "epochs": table.max_epochs},
        metric="value",
        resource_attr="epoch",
        max_resource_attr="epochs",
        type="promotion",
        grace_period=table.grace,
        reduction_factor=3,
        random_seed=seed,
        points_to_evaluate=[baseline],
        search_options={"debug_log": False},
    )
    return MobsterStrategy(table, scheduler)


class MobsterStrategy:
    """A promoting scheduler as its tuner drives it, a result each epoch."""

    def __init__(self, table: CurveTable, scheduler: Any) -> None:
        self._scheduler = scheduler
        self._worst = 10.0 * float(np.abs(table.values[np.isfinite(table.values)]).max())
        self._trials: dict[int, Trial] = {}
        self._reached: dict[int, int] = {}

    def next(self) -> Work:
        number = len(self._trials)
        suggestion = self._scheduler.suggest(number)
        if not suggestion.spawn_new_trial_id:
            number = suggestion.checkpoint_trial_id
            if suggestion.config is not None:
                self._trials[number].config = suggestion.config
            return Work(number, self._trials[number].config, self._reached[number])
        trial = Trial(number, suggestion.config, datetime.datetime(2026, 1, 1))
        self._trials[number] = trial
        self._scheduler.on_trial_add(trial)
        return Work(number, trial.config)

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        self._reached[trial] = epoch
        bad = ended == "nan" or not np.isfinite(value)
        result = {"value": self._worst if bad else value, "epoch": epoch}
        live = self._trials[trial]
        decision = self._scheduler.on_trial_result(live, result)
        if ended or decision == SchedulerDecision.STOP:
            self._scheduler.on_trial_complete(live, result)
            return False
        if decision == SchedulerDecision.PAUSE:
            self._scheduler.on_trial_remove(live)
            return False
        return True
