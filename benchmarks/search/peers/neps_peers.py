"""NePS: PriorBand with two confidences, and ASHA. Mallik et al. 2023, arXiv:2306.12370."""

from __future__ import annotations

import random
from typing import Any

import neps
import numpy as np
import torch
from neps.optimizers import algorithms
from neps.space.parameters import HPOCategorical, HPOFloat, HPOInteger
from neps.space.search_space import SearchSpace

from benchmarks.search.curve_table import CurveAxis, CurveTable
from benchmarks.search.simulate import Strategy, Work

FIDELITY = "epochs"


def make_strategy(
    name: str, table: CurveTable, *, prior: dict[str, Any], seed: int, workers: int
) -> Strategy:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    confidence = "high" if name.endswith("-high") else "low"  # low is the default
    parameters: dict[str, Any] = {
        axis.key: _parameter(axis, prior.get(axis.key, middle(axis)), confidence)
        for axis in table.axes
    }
    parameters[FIDELITY] = HPOInteger(table.grace, table.max_epochs, is_fidelity=True)
    algorithm = algorithms.asha if name == "neps-asha" else algorithms.priorband
    return NepsStrategy(
        table, algorithm(SearchSpace(parameters), sample_prior_first="highest_fidelity")
    )


def middle(axis: CurveAxis) -> Any:
    """What stands for a value that the baseline does not have."""
    if axis.options:
        return axis.options[0]
    value = (axis.low * axis.high) ** 0.5 if axis.log else (axis.low + axis.high) / 2
    return round(value) if axis.whole else value


def _parameter(axis: CurveAxis, prior: Any, confidence: Any) -> Any:
    if axis.options:
        return HPOCategorical(list(axis.options), prior=prior, prior_confidence=confidence)
    kind = HPOInteger if axis.whole else HPOFloat
    return kind(axis.low, axis.high, log=axis.log, prior=prior, prior_confidence=confidence)


class NepsStrategy:
    """Ask and tell; a configuration that is promoted goes on where it stands."""

    def __init__(self, table: CurveTable, optimizer: Any) -> None:
        self._ask = neps.AskAndTell(optimizer)
        self._worst = 10.0 * float(np.abs(table.values[np.isfinite(table.values)]).max())
        self._running: dict[str, tuple[str, int]] = {}  # root: id and epochs asked for
        self._reached: dict[str, int] = {}
        self._last: dict[str, float] = {}

    def next(self) -> Work:
        trial = self._ask.ask()
        config = dict(trial.config)
        epochs = int(config.pop(FIDELITY))
        name = str(trial.metadata.id)
        previous = trial.metadata.previous_trial_id
        root = name.split("_")[0]
        if previous is None and root in self._reached:
            root = name
        self._running[root] = (name, epochs)
        return Work(root, config, min(self._reached.get(root, 0), epochs - 1))

    def report(self, trial: str, epoch: int, value: float, ended: str | None) -> bool:
        name, epochs = self._running[trial]
        if ended is None and epoch < epochs:
            return True
        self._reached[trial] = epoch
        self._ask.tell(name, value if np.isfinite(value) and ended != "nan" else self._worst)
        return False
