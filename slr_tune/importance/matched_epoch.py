"""Values at one epoch: stopped trials are neither thrown away nor mixed with finished ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial, TrialState
from scipy.special import ndtri

from slr_tune.importance.parameter_columns import Floats

_RESAMPLES = 100
_SURE = 1.0 - 1e-9
"""A correlation of 1 has no interval by Fisher's transform."""
_WIDENED = 1.5
"""Resamples of few survivors agree too well; see `benchmarks/advice.py`."""
_FEW = 5
"""With fewer finished trials a correlation shows nothing."""

ENOUGH_TO_RANK = 10
"""An epoch that fewer trials reached is taken only where no epoch has more."""


@dataclass(frozen=True)
class Candidate:
    """An epoch at which trials can be compared.

    Attributes:
        epoch: From 1.
        trials: Trials that have a value there.
        correlation: Rank correlation of the value there with the last one that all trials would
            show, see `end_correlation`. None where too few ran to their end.
        information: `trials` x `correlation`^2, in trials run to their end.
    """

    epoch: int
    trials: int
    correlation: float | None
    information: float


@dataclass(frozen=True)
class Choice:
    """The epoch that was taken, and why.

    Attributes:
        epoch: From 1.
        reason: In words.
        candidates: What there was to choose from.
    """

    epoch: int
    reason: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class EndCorrelation:
    """How well the order at an epoch predicts that at the end, over all trials.

    Attributes:
        correlation: Estimate of the rank correlation.
        low: Lower end of its 90 % interval.
        high: Upper end.
    """

    correlation: float
    low: float
    high: float


def values_at(trials: Sequence[FrozenTrial], epoch: int) -> Floats:
    """(N,) best value up to an epoch; NaN for a trial that did not reach it.

    A run that ended by itself before, by its patience, keeps its value: its configuration gives
    no other at a later epoch.
    """
    values = np.full(len(trials), np.nan)
    for row, trial in enumerate(trials):
        stored = trial.intermediate_values
        value = stored.get(epoch)
        if value is None and trial.state == TrialState.COMPLETE and stored:
            last = max(stored)
            value = stored[last] if last < epoch else None
        if value is not None and math.isfinite(value):
            values[row] = value
    return values


def choose_epoch(
    trials: Sequence[FrozenTrial], rungs: Sequence[int], max_epochs: int, *, asked: int | None
) -> Choice:
    """The epoch requested, or the one that keeps the most information.

    Late values say more, early ones are of more trials. A value that correlates with the last one
    by rho is worth rho^2 of it, so an epoch is worth `trials x rho^2`.

    Args:
        trials: All of a study.
        rungs: Epochs at which ASHA stopped trials.
        max_epochs: Of a trial.
        asked: The epoch that a person wants, None to choose.
    """
    epochs = sorted({*rungs, max_epochs, *([asked] if asked else [])})
    table = np.column_stack([values_at(trials, epoch) for epoch in epochs])
    candidates = tuple(_candidate(epoch, table[:, place:]) for place, epoch in enumerate(epochs))
    if asked is not None:
        count = next(c.trials for c in candidates if c.epoch == asked)
        return Choice(asked, f"asked for; {count} trials reached it", candidates)
    able = [c for c in candidates if c.trials >= ENOUGH_TO_RANK] or list(candidates)
    best = max(able, key=lambda c: (c.information, c.trials, -c.epoch))
    return Choice(best.epoch, _reason(best, candidates), candidates)


def _candidate(epoch: int, later: Floats) -> Candidate:
    count = int(np.isfinite(later[:, 0]).sum())
    rho = all_trials_correlation(later)
    worth = count * (1.0 if rho is None else max(rho, 0.0) ** 2)
    return Candidate(epoch, count, rho, worth)


def _reason(best: Candidate, candidates: Sequence[Candidate]) -> str:
    if all(c.correlation is None for c in candidates):
        return (
            f"{best.trials} trials reached it; fewer than {_FEW} ran to their end, too few to "
            f"know which epoch predicts the last one best"
        )
    parts = [
        f"epoch {c.epoch}: {c.trials} trials x {(c.correlation or 0.0):.2f}\u00b2 = "
        f"{c.information:.1f}"
        for c in candidates
    ]
    few = [c for c in candidates if c.trials < ENOUGH_TO_RANK]
    rest = f"; epochs with fewer than {ENOUGH_TO_RANK} trials do not count" if few else ""
    what = "worth the most, in trials run to the end (trials x squared correlation with the last "
    return f"{what}epoch): {'; '.join(parts)}{rest}"


def all_trials_correlation(table: Floats) -> float | None:
    """Rank correlation of the first epoch with the last that all trials would show.

    Each rung lets the best of it through, by its own values. What is missing behind a rung is
    missing given what was seen until then, so each column is regressed on the earlier ones among
    those that have it, and the correlation is that of the whole chain. Correcting for the first
    rung alone takes the survivors of the later ones for all.

    Args:
        table: (N, R) values at the epoch, at each later rung and at the end; NaN behind a stop.

    Returns:
        Spearman's, from Pearson's as under normality; None with fewer than 5 trials at the end, or
        fewer than the regression needs.

    Source: Anderson 1957, JASA 52, 200-203 (monotone missing data); Lawley 1943 for the correction
    of selection by several variables.
    """
    table = table[np.isfinite(table[:, 0])]
    if len(table) < _FEW:
        return None
    if table.shape[1] == 1:
        return 1.0
    if not np.std(table[:, 0]):
        return 0.0
    # All trials have the first column, so its ranks are theirs; those of the others are survivors'.
    later = [_without_extremes(column) for column in table[:, 1:].T]
    scores = np.column_stack([_normal_scores(table[:, 0]), *later])
    spread = np.ones((1, 1))
    for place in range(1, scores.shape[1]):
        rows = np.isfinite(scores[:, : place + 1]).all(axis=1)
        count = int(rows.sum())
        if count < max(_FEW, place + 3):
            return None
        known = np.column_stack([np.ones(count), scores[rows, :place]])
        observed = scores[rows, place]
        weights = np.linalg.lstsq(known, observed, rcond=None)[0]
        rest = float(((observed - known @ weights) ** 2).sum()) / (count - place - 1)
        shared = spread @ weights[1:]
        own = float(weights[1:] @ shared) + rest
        spread = np.block([[spread, shared[:, None]], [shared[None, :], np.array([[own]])]])
    if spread[-1, -1] <= 0:
        return 0.0
    r = float(np.clip(spread[0, -1] / math.sqrt(spread[0, 0] * spread[-1, -1]), -1.0, 1.0))
    return 6 / math.pi * math.asin(r / 2)


def end_correlation(table: Floats, *, seed: int = 0) -> EndCorrelation | None:
    """`all_trials_correlation` with its interval, from resamples of the trials.

    Args:
        table: As there.
        seed: Of the resamples.

    Returns:
        None where there is none.
    """
    found = all_trials_correlation(table)
    if found is None:
        return None
    rng = np.random.default_rng(seed)
    drawn = [
        value
        for _ in range(_RESAMPLES)
        if (value := all_trials_correlation(table[rng.integers(0, len(table), len(table))]))
        is not None
    ]
    if len(drawn) < _RESAMPLES // 2 or not np.ptp(drawn):
        return EndCorrelation(found, -1.0, 1.0)
    middle, *ends = np.arctanh(np.clip([found, *np.quantile(drawn, [0.05, 0.95])], -_SURE, _SURE))
    low, high = (float(np.tanh(middle + _WIDENED * (end - middle))) for end in ends)
    return EndCorrelation(found, min(low, found), max(high, found))


def _without_extremes(values: Floats) -> Floats:
    """(N,) what is there, no further than 3 robust standard deviations from the median."""
    there = values[np.isfinite(values)]
    if not len(there):
        return values
    middle = float(np.median(there))
    reach = 3 * 1.4826 * float(np.median(np.abs(there - middle))) or float(np.ptp(there))
    return np.asarray(np.clip(values, middle - reach, middle + reach))


def _normal_scores(values: Floats) -> Floats:
    """(N,) normal quantiles of the ranks of what is there."""
    scores = np.full(len(values), np.nan)
    there = np.isfinite(values)
    count = int(there.sum())
    if count:
        scores[there] = ndtri((_ranks(values[there]) - 0.5) / count)
    return scores


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation, ties by their mean rank; 0 where a side does not vary."""
    return _correlation(_ranks(one), _ranks(other))


def _correlation(one: Floats, other: Floats) -> float:
    """Pearson's; 0 where a side does not vary."""
    if len(one) < 2 or not (np.std(one) and np.std(other)):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = ends - (counts - 1) / 2
    return means[inverse]
