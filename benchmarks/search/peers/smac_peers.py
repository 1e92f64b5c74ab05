"""SMAC3's multi-fidelity facade. Lindauer et al. 2022, JMLR 23."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    Integer,
)
from smac import MultiFidelityFacade, Scenario
from smac.runhistory import StatusType, TrialValue

from benchmarks.search.cells import TRAININGS
from benchmarks.search.curve_table import CurveTable
from benchmarks.search.simulate import Strategy, Work


def make_strategy(
    name: str, table: CurveTable, *, prior: dict[str, Any], seed: int, workers: int
) -> Strategy:
    return SmacStrategy(table, prior, seed)


def config_space(table: CurveTable, seed: int) -> ConfigurationSpace:
    space = ConfigurationSpace(seed=seed)
    for axis in table.axes:
        if axis.options:
            space.add(Categorical(axis.key, list(axis.options)))
        else:
            kind = Integer if axis.whole else Float
            ends = (int(axis.low), int(axis.high)) if axis.whole else (axis.low, axis.high)
            space.add(kind(axis.key, ends, log=axis.log))
    for axis in table.axes:
        for key, option in axis.conditions[:1]:
            space.add(EqualsCondition(space[axis.key], space[key], option))
    return space


def within(space: ConfigurationSpace, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters inside the bounds, which ConfigSpace rounds."""
    found = dict(params)
    for key, value in params.items():
        if hasattr(space[key], "lower"):
            found[key] = min(max(value, space[key].lower), space[key].upper)
    return found


class SmacStrategy:
    """Ask and tell; a configuration with a larger budget goes on where it stands."""

    def __init__(self, table: CurveTable, prior: dict[str, Any], seed: int) -> None:
        space = config_space(table, seed)
        # About as many trials as the budget allows; it shapes the initial design alone.
        trials = int(TRAININGS * table.max_epochs / 6)
        scenario = Scenario(
            space, deterministic=True, n_trials=trials, min_budget=table.grace,
            max_budget=table.max_epochs, seed=seed,
            output_directory=Path(tempfile.mkdtemp(prefix="smac-")),
        )  # fmt: skip
        baseline = Configuration(space, values=within(space, prior))
        design = MultiFidelityFacade.get_initial_design(scenario, additional_configs=[baseline])
        self._facade = MultiFidelityFacade(
            scenario, lambda config, seed, budget: 0.0, initial_design=design, overwrite=True,
            logging_level=False,
        )  # fmt: skip
        self._worst = 10.0 * float(np.abs(table.values[np.isfinite(table.values)]).max())
        self._names: dict[Configuration, int] = {}
        self._running: dict[int, Any] = {}
        self._reached: dict[int, int] = {}

    def next(self) -> Work:
        info = self._facade.ask()
        name = self._names.setdefault(info.config, len(self._names))
        self._running[name] = info
        start = min(self._reached.get(name, 0), round(info.budget) - 1)
        return Work(name, dict(info.config), start)

    def report(self, trial: int, epoch: int, value: float, ended: str | None) -> bool:
        info = self._running[trial]
        if ended is None and epoch < round(info.budget):
            return True
        self._reached[trial] = epoch
        bad = ended == "nan" or not np.isfinite(value)
        cost = self._worst if bad else value
        self._facade.tell(info, TrialValue(cost, status=StatusType.SUCCESS), save=False)
        return False
