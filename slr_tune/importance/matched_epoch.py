"""Values at one epoch: stopped trials are neither thrown away nor mixed with finished ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from slr_tune.importance.parameter_columns import Floats

_SURE = 1.0 - 1e-9
"""A correlation of 1 has no interval by Fisher's transform."""

_FEW = 5
"""Below so many finished trials a correlation says nothing."""

ENOUGH_TO_RANK = 10
"""An epoch that fewer trials reached is taken only where no epoch has more."""


@dataclass(frozen=True)
class Candidate:
    """An epoch at which trials can be compared.

    Attributes:
        epoch: From 1.
        trials: Trials that have a value there.
        correlation: Of the value there with the last one: among the trials that ran to their end,
            corrected for their having been chosen by it. None where they are too few.
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
class Foretold:
    """How well the order at an epoch foretells that at the end, over all trials.

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
    """The epoch asked for, or the one that keeps the most information.

    Late values say more, early ones are of more trials. A value that correlates with the last one
    by rho is worth rho^2 of it, so an epoch is worth `trials x rho^2`.

    Args:
        trials: All of a study.
        rungs: Epochs at which ASHA stopped trials.
        max_epochs: Of a trial.
        asked: The epoch that a person wants, None to choose.
    """
    epochs = sorted({*rungs, max_epochs, *([asked] if asked else [])})
    final = values_at(trials, max_epochs)
    candidates = tuple(_candidate(trials, epoch, final) for epoch in epochs)
    if asked is not None:
        count = next(c.trials for c in candidates if c.epoch == asked)
        return Choice(asked, f"asked for; {count} trials reached it", candidates)
    able = [c for c in candidates if c.trials >= ENOUGH_TO_RANK] or list(candidates)
    best = max(able, key=lambda c: (c.information, c.trials, -c.epoch))
    return Choice(best.epoch, _reason(best, candidates), candidates)


def _candidate(trials: Sequence[FrozenTrial], epoch: int, final: Floats) -> Candidate:
    values = values_at(trials, epoch)
    both = np.isfinite(values) & np.isfinite(final)
    count = int(np.isfinite(values).sum())
    rho = None
    if both.sum() >= _FEW:
        rho = corrected_correlation(values[both], final[both], values[np.isfinite(values)])
    worth = count * (1.0 if rho is None else max(rho, 0.0) ** 2)
    return Candidate(epoch, count, rho, worth)


def _reason(best: Candidate, candidates: Sequence[Candidate]) -> str:
    if all(c.correlation is None for c in candidates):
        return (
            f"{best.trials} trials reached it; fewer than {_FEW} ran to their end, too few to tell "
            "which epoch foretells the last one best"
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


def corrected_correlation(early: Floats, final: Floats, everyone: Floats) -> float:
    """Correlation that all trials would show, from those that were let through.

    ASHA lets the best of an early epoch through, and among them the early value varies little, so
    that their own correlation is too small.

    Args:
        early: (K,) early values of the trials that ran to their end.
        final: (K,) their last values.
        everyone: (N,) early values of all trials.

    Source: Thorndike 1949, Personnel Selection, case 2: r k / sqrt(1 - r^2 + r^2 k^2) with k the
    ratio of the standard deviations.
    """
    return _widened(_correlation(early, final), early, everyone)


def foretold(early: Floats, final: Floats) -> Foretold:
    """Rank correlation with the end that all trials would show, with how sure that is.

    As `corrected_correlation`, of ranks: a run that diverged would settle the other by itself.

    Args:
        early: (N,) early values of all trials.
        final: (N,) last values of those that ran to their end, at least 4; NaN of the others.

    Source: Fisher 1921, Metron 1, 3-32, for the interval of the uncorrected one.
    """
    done = np.isfinite(final)
    everyone, ends = _ranks(early), _ranks(final[done])
    ranks = everyone[done]
    if not (np.std(ranks) and np.std(ends)):
        return Foretold(0.0, -1.0, 1.0)
    r = _correlation(ranks, ends)
    middle = math.atanh(min(max(r, -_SURE), _SURE))
    reach = NormalDist().inv_cdf(0.95) / math.sqrt(len(ends) - 3)
    low, high = (_widened(math.tanh(middle + side * reach), ranks, everyone) for side in (-1, 1))
    return Foretold(_widened(r, ranks, everyone), low, high)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation, ties by their mean rank; 0 where a side does not vary."""
    return _correlation(_ranks(one), _ranks(other))


def _correlation(one: Floats, other: Floats) -> float:
    """Pearson's; 0 where a side does not vary."""
    if len(one) < 2 or not (np.std(one) and np.std(other)):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _widened(r: float, some: Floats, everyone: Floats) -> float:
    """A correlation among some where the first side varies as much as among everyone."""
    if r == 0.0:
        return 0.0
    k = max(1.0, float(np.std(everyone)) / float(np.std(some)))
    return r * k / math.sqrt(max(1.0 - r * r + r * r * k * k, 1e-12))


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = ends - (counts - 1) / 2
    return means[inverse]
