"""Counterfactual patience: what a smaller patience would have cost and saved, from stored curves.

A run that its own patience, or nothing, ended shows exactly where any smaller patience would have
ended it: training does not depend on it. One that ran to its last epoch shows it for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from trainables.runs.early_stopping import stale_epochs

Floats = NDArray[np.float64]

TOLERANCE = 0.1
"""WER points by which a recommended patience may be worse, on average and for the best run."""

_LEAST_RUNS = 3
LEAST_TO_RECOMMEND = 20
"""What four runs say of a patience costs a point on other runs."""


@dataclass(frozen=True)
class FinishedRun:
    """A run that ended by itself.

    Attributes:
        number: Of its trial.
        wers: Dev WER of each epoch, percent.
        patience: Its own.
        min_delta: Its own, in the unit of what it watches.
        max_epochs: Its own.
        watched: What its early stopping watches after each epoch, where that is not the dev WER.
    """

    number: int
    wers: tuple[float, ...]
    patience: int
    min_delta: float
    max_epochs: int
    watched: tuple[float, ...] = ()

    @property
    def longest(self) -> float:
        """The largest patience whose end is known: its own, or any where it ran to the end."""
        return math.inf if len(self.wers) >= self.max_epochs else self.patience


@dataclass(frozen=True)
class Patience:
    """What each patience would have given.

    Attributes:
        values: (P,) the patiences, 1 .. P.
        runs: (R,) numbers of the usable trials.
        epochs: (P, R) epochs until the end.
        wers: (P, R) best dev WER until then, percent.
        recommended: The smallest that surely costs next to nothing; None with fewer than 20 usable
            runs, or where there is none.
    """

    values: tuple[int, ...]
    runs: tuple[int, ...]
    epochs: Floats
    wers: Floats
    recommended: int | None

    @property
    def mean_epochs(self) -> Floats:
        """(P,)."""
        return np.asarray(self.epochs.mean(axis=1))

    @property
    def mean_wers(self) -> Floats:
        """(P,) percent."""
        return np.asarray(self.wers.mean(axis=1))

    @property
    def saved(self) -> float:
        """Share of the epochs that the recommended patience saves, 0..1."""
        if self.recommended is None:
            return 0.0
        spent = self.mean_epochs
        return float(1 - spent[self.recommended - 1] / spent[-1])


def end_epochs(run: FinishedRun) -> dict[int, int]:
    """Epoch at which each patience from 1 on ends a run, as `early_stopping.verdict` says.

    Those beyond the run's own are left out where its own ended it.
    """
    ends: dict[int, int] = {}
    for epoch in range(1, len(run.wers) + 1):
        stale = stale_epochs((run.watched or run.wers)[:epoch], min_delta=run.min_delta)
        for patience in range(len(ends) + 1, stale + 1):
            ends[patience] = epoch
    if math.isinf(run.longest):
        for patience in range(len(ends) + 1, run.max_epochs + 1):
            ends[patience] = len(run.wers)
    return {patience: end for patience, end in ends.items() if patience <= run.longest}


def counterfactual(runs: Sequence[FinishedRun]) -> Patience | None:
    """What each patience would have given over the runs that show it.

    All patiences are compared over the same runs: those long enough for the largest one, which is
    as large as half of the runs allow.

    Returns:
        None where fewer than three runs are long enough for a patience of 2.
    """
    runs = [run for run in runs if run.wers and all(map(math.isfinite, run.wers + run.watched))]
    if len(runs) < _LEAST_RUNS:
        return None
    ends = {run.number: end_epochs(run) for run in runs}
    reach = sorted((max(found, default=0) for found in ends.values()), reverse=True)
    most = reach[max(_LEAST_RUNS, math.ceil(len(runs) / 2)) - 1]
    long_runs = [run for run in runs if len(ends[run.number]) >= most]
    if most < 2:
        return None
    values = range(1, most + 1)
    epochs = np.array([[ends[run.number][p] for run in long_runs] for p in values], dtype=float)
    bests = {run.number: np.minimum.accumulate(run.wers) for run in long_runs}
    wers = np.array(
        [[bests[run.number][ends[run.number][p] - 1] for run in long_runs] for p in values]
    )
    return Patience(
        tuple(values),
        tuple(run.number for run in long_runs),
        epochs,
        wers,
        _recommended(wers, epochs),
    )


def _recommended(wers: Floats, epochs: Floats) -> int | None:
    """The smallest patience within the tolerance from which on all larger ones are too.

    Within it is the upper end of a one-sided 95 % interval of the mean loss, and the best run.
    """
    count = wers.shape[1]
    if count < LEAST_TO_RECOMMEND:
        return None
    last = wers[-1]
    lost = wers - last
    reach = student_t.ppf(0.95, count - 1) / math.sqrt(count)
    surely = lost.mean(axis=1) + reach * lost.std(axis=1, ddof=1)
    winner = int(np.argmin(last))
    within = (surely <= TOLERANCE) & (wers[:, winner] - last[winner] <= TOLERANCE)
    good = len(within) - int(np.argmin(within[::-1])) if not within.all() else 0
    # One that saves nothing is not a recommendation but the run's length.
    return good + 1 if epochs[good].mean() < epochs[-1].mean() else None
