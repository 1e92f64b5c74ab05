"""Each trial at every rung that it reached and at the end, on one scale: data of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from slr_tune.importance.matched_epoch import values_at
from slr_tune.importance.parameter_columns import Floats, Ints

MOST_ROWS = 300
"""Of longer studies an even part is taken; the work grows with the cube."""
LEAST_AT_THE_END = 4
_LEAST_AT_A_RUNG = 2
_REACH, _EXPLODED = 10.0, 100.0
_FLAT = 0.1
"""Spread of a rung, as a share of a later one's, below which its trials are taken as tied."""


@dataclass(frozen=True)
class TrialRows:
    """M values of trials at epochs.

    Attributes:
        epochs: (R,) where trials are compared, ascending; the last is where the model is read.
        trial: (M,) place of the trial.
        rung: (M,) place of the epoch.
        values: (M,) best so far, smaller is better, less its rung's mean, over `scale`.
        centres: (R,) mean of each rung, in the metric's unit, smaller is better.
        scale: Standard deviation of the first rung that has one, in the metric's unit.
        acts: (M, D) whether each coordinate can have acted by then.
        bounded: Places of the trials with a value that exploded, and counts as a bound.
    """

    epochs: tuple[int, ...]
    trial: Ints
    rung: Ints
    values: Floats
    centres: Floats
    scale: float
    acts: NDArray[np.bool_]
    bounded: tuple[int, ...] = ()

    @property
    def at_the_end(self) -> NDArray[np.bool_]:
        """(M,) rows at the last epoch."""
        return np.asarray(self.rung == len(self.epochs) - 1)

    @property
    def place(self) -> Floats:
        """(R,) of each epoch on a logarithmic scale, 0 for the first and 1 for the last."""
        if len(self.epochs) == 1:
            return np.ones(1)
        epochs = np.log(np.array(self.epochs, dtype=float))
        return np.asarray((epochs - epochs[0]) / (epochs[-1] - epochs[0]))

    def without(self, trials: Sequence[int]) -> TrialRows:
        """The same without some trials; on the same scale."""
        keep = ~np.isin(self.trial, list(trials))
        return replace(
            self,
            trial=self.trial[keep],
            rung=self.rung[keep],
            values=self.values[keep],
            acts=self.acts[keep],
        )


def trial_rows(
    trials: Sequence[FrozenTrial],
    epochs: Sequence[int],
    *,
    sign: float,
    acts: Callable[[int, int], Sequence[bool]],
    seed: int = 0,
) -> TrialRows | None:
    """The rows of a study.

    Args:
        trials: All of it.
        epochs: Rungs and the last epoch, ascending.
        sign: 1 where smaller is better, else -1.
        acts: (trial's place, epoch) -> whether each coordinate can have acted by then.
        seed: Of the part that is taken of a long study.

    Returns:
        None without any value. The last epoch is the last one that at least four trials reached.
        A rung at which no trial has begun to learn yet is left out: all tie there.
    """
    values = {epoch: sign * values_at(trials, epoch) for epoch in epochs}
    counts = {epoch: int(np.isfinite(column).sum()) for epoch, column in values.items()}
    ends = [epoch for epoch in epochs if counts[epoch] >= LEAST_AT_THE_END]
    if not ends:
        return None
    used = [e for e in epochs if e <= ends[-1] and counts[e] >= _LEAST_AT_A_RUNG]
    used = _after_the_start(used, [float(np.nanstd(values[epoch])) for epoch in used])
    table = np.column_stack([values[epoch] for epoch in used])  # [N, R]
    reach = _within_reach(table)
    bounded = tuple(map(int, np.flatnonzero((table > reach).any(axis=1))))
    table = reach
    table[_left_out(np.isfinite(table), seed)] = np.nan
    trial, rung = np.nonzero(np.isfinite(table))
    centres = np.nanmean(table, axis=0)
    spreads = np.nanstd(table, axis=0)
    scale = next((s for s in spreads if s > 0.02 * spreads.max()), 0.0) or 1.0
    scores = (table[trial, rung] - centres[rung]) / scale
    acting = np.array([acts(int(t), used[r]) for t, r in zip(trial, rung, strict=True)], dtype=bool)
    return TrialRows(tuple(used), trial, rung, scores, centres, float(scale), acting, bounded)


def _within_reach(table: Floats) -> Floats:
    """(N, R) with values that exploded set to a bound: how far they went says nothing more.

    The bound of a rung is its median plus ten times the largest distance, over the rungs, between
    the median and the best tenth. It is used only where some value is off by a hundred times that
    distance: an error rate cannot explode.
    """
    middle, good = np.nanquantile(table, [0.5, 0.1], axis=0)
    reach = float((middle - good).max())
    exploded = reach > 0 and float(np.nanmax(table - middle)) > _EXPLODED * reach
    return np.minimum(table, middle + _REACH * reach) if exploded else table


def _after_the_start(epochs: Sequence[int], spreads: Sequence[float]) -> list[int]:
    """Epochs without those at which trials differ far less than later, though all are there.

    Trials that survive differ less from each other, so a larger spread later means that the
    earlier values are from before the runs began to learn.
    """
    last = len(epochs) - 1
    return [
        epoch
        for place, epoch in enumerate(epochs)
        if place == last or spreads[place] >= _FLAT * max(spreads[place:])
    ]


def _left_out(there: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """(N,) trials that do not count because there are too many; those that got far count first."""
    rows = there.sum(axis=1)
    if rows.sum() <= MOST_ROWS:
        return np.zeros(len(rows), dtype=bool)
    rng = np.random.default_rng(seed)
    ended = there[:, -1]
    left = np.ones(len(rows), dtype=bool)
    for group, most in ((ended, MOST_ROWS // 2), (~ended, MOST_ROWS)):
        order = rng.permutation(np.flatnonzero(group))
        room = most - (rows[~left].sum() if group is not ended else 0)
        left[order[np.cumsum(rows[order]) <= room]] = False
    return left
