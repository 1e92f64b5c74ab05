"""PED-ANOVA of many resamples at once: Optuna's figure, as matrix products.

Optuna's evaluator takes about 50 ms for a thousand trials, so that a bootstrap of it would take
half a minute. This one gives the same numbers (a test holds them together) for all resamples at
once, from counts on the same grid.

Source: Watanabe et al. 2023, PED-ANOVA, arXiv:2304.10255; conditional parameters by Higashi et
al. 2026, arXiv:2601.20800, theorem 4.2; Optuna's `PedAnovaImportanceEvaluator`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from slr_tune.importance.parameter_columns import Floats, Ints, SearchedRange, Variable

STEPS = 50
_PRIOR = 1.0
_TINY = 1e-12
_MIN_CELLS = 2
_MIN_IN_REGIME = 2
_SIGMA_MIN = 0.5 / 1.64


def top_weights(losses: Floats, weights: Floats, quantile: float) -> Floats:
    """Weights of the best trials of each resample, ties at the border included.

    Args:
        losses: (N,) values, smaller is better.
        weights: (B, N) how often each resample holds each trial.
        quantile: Share that counts as best, in (0, 1].

    Returns:
        (B, N): the weight where the trial is among the best, else 0.
    """
    order = np.argsort(losses, kind="stable")
    running = np.cumsum(weights[:, order], axis=1)
    wanted = np.ceil(quantile * running[:, -1:] - 1e-9)
    cut = np.argmax(running >= wanted, axis=1)  # [B]
    limit = losses[order][cut]
    kept: Floats = np.where(losses[None, :] <= limit[:, None], weights, 0.0)
    return kept


class MarginalGrid:
    """A parameter's cells on Optuna's grid; made once, used in every resample."""

    def __init__(self, variable: Variable, *, weights: int = 2) -> None:
        """Sorts the trials into cells.

        Args:
            variable: A column of N trials.
            weights: Of a simplex's weight, how many weights the simplex has.
        """
        self._density = _categorical if variable.options else _numeric
        self._regimes: list[tuple[Ints, Any, Floats]] = []
        for number in range(max(1, len(variable.ranges))):
            member = np.flatnonzero(variable.regime == number)
            cells, size = _grid(variable, number, member)
            if size >= _MIN_CELLS:
                even = _even(size, weights if variable.simplex else 2)
                self._regimes.append((member, one_hot(cells, size), even))

    def divergences(self, top: Floats, region: Floats) -> Floats:
        """Pearson divergence of the best trials' density from an even one over the space.

        Not from all trials': a sampler that has found the good values of a parameter tries nothing
        else any more, so that the best differ from the rest in all other parameters.

        Args:
            top: (B, N) weights of the best trials.
            region: (B, N) weights of all trials.

        Returns:
            (B,) at least 0, no unit; Optuna's importance with `evaluate_on_local=False`, before it
            is normalised.
        """
        n_top, n_region = top.sum(axis=1), region.sum(axis=1)
        total = np.zeros(len(top))
        for member, cells, even in self._regimes:
            counts_top = np.asarray(top[:, member] @ cells)
            in_top, in_region = counts_top.sum(axis=1), region[:, member].sum(axis=1)
            used = (in_top > 0) & (in_region >= _MIN_IN_REGIME)
            if not used.any():
                continue
            p_top = self._density(counts_top[used]) + _TINY
            divergence = (even * (p_top / even - 1.0) ** 2).sum(axis=1)
            shares = (in_top[used] / n_top[used]) ** 2 / (in_region[used] / n_region[used])
            total[used] += shares * divergence
        return np.asarray(total * (n_top / n_region) ** 2)


def _even(size: int, weights: int) -> Floats:
    """(size,) density of an even draw; a weight of K is Beta(1, K - 1)."""
    if weights == 2:
        return np.full(size, 1.0 / size)
    edges = np.linspace(0.0, 1.0, size + 1)
    return np.asarray(np.diff(1 - (1 - edges) ** (weights - 1)) + _TINY)


def one_hot(cells: Ints, size: int) -> Any:
    """(N, size) sparse: a 1 in the column of each trial's cell."""
    from scipy.sparse import csr_array

    count = len(cells)
    return csr_array((np.ones(count), (np.arange(count), cells)), shape=(count, size))


def _grid(variable: Variable, number: int, member: Ints) -> tuple[Ints, int]:
    """Cell of each trial on the parameter's grid, and the number of cells."""
    values = variable.values[member]
    if variable.options:
        return values.astype(np.int64), len(variable.options)
    part = variable.ranges[number]
    size = _cells(part)
    if size < 2 or part.low == part.high:
        return np.zeros(len(values), dtype=np.int64), 1
    low, high = (math.log(part.low), math.log(part.high)) if part.log else (part.low, part.high)
    scaled = np.log(values) if part.log else values
    # Ties go to the lower cell, as Optuna has it.
    cells = np.ceil((scaled - low) / ((high - low) / (size - 1)) - 0.5).astype(np.int64)
    return np.clip(cells, 0, size - 1), size


def _cells(part: SearchedRange) -> int:
    if part.whole and part.log:
        return min(math.ceil(math.log2(part.high - part.low + 1)) + 1, STEPS)
    if part.step is not None:
        return min(round((part.high - part.low) / part.step) + 1, STEPS)
    return STEPS


def _categorical(counts: Floats) -> Floats:
    """(B, C) mixture of one kernel for each option that occurs, and a prior."""
    seen = counts > 0
    size = counts.shape[1]
    prior = _PRIOR / (seen.sum(axis=1, keepdims=True) + 1)
    row_sum = 1.0 + size * prior
    weights = np.where(seen, counts, 0.0)
    spread = (weights.sum(axis=1, keepdims=True)) * prior / row_sum
    density = spread + weights / row_sum + _PRIOR / size
    return np.asarray(density / (weights.sum(axis=1, keepdims=True) + _PRIOR))


def _numeric(counts: Floats) -> Floats:
    """(B, G) mixture of truncated normals on the cells 0..G-1, by Scott's rule, and a prior."""
    size = counts.shape[1]
    sigma = _scott(counts)  # [B]
    cells = np.arange(size)
    steps = np.arange(-size, size + 1)
    # A kernel's mass in a cell depends on their distance alone: one row of values per resample.
    cumulative = ndtr((steps - 0.5)[None, :] / sigma[:, None])  # [B, 2G + 1]
    within = cumulative[:, 2 * size - cells] - cumulative[:, size - cells]  # [B, G]
    distance = cells[:, None] - cells[None, :] + size
    mass = np.diff(cumulative, axis=1)[:, distance]  # [B, G, G]
    density = (mass @ (counts / within)[:, :, None])[:, :, 0]
    edges = np.arange(size + 1) - 0.5
    middle, wide = (size - 1) / 2.0, float(size)
    prior = np.diff(ndtr((edges - middle) / wide))
    density += _PRIOR * prior / prior.sum()
    return np.asarray(density / (counts.sum(axis=1, keepdims=True) + _PRIOR))


def _scott(counts: Floats) -> Floats:
    """(B,) bandwidth in cells, from the smaller of deviation and interquartile range."""
    cells = np.arange(counts.shape[1], dtype=np.float64)
    total = counts.sum(axis=1)
    mean = counts @ cells / total
    square = (counts * (cells[None, :] - mean[:, None]) ** 2).sum(axis=1)
    deviation = np.sqrt(square / np.maximum(1.0, total - 1.0))
    running = np.cumsum(counts, axis=1)
    first = _quartile(counts, running, total // 4, right=False)
    third = _quartile(counts, running, total * 3 // 4, right=True)
    spread = np.minimum((third - first) / 1.34, deviation)
    return np.asarray(np.maximum(1.059 * spread * total**-0.2, _SIGMA_MIN))


def _quartile(counts: Floats, running: Floats, mark: Floats, *, right: bool) -> Floats:
    """Cell at which the running count of occupied cells passes a mark, the last one at most."""
    reached = running > mark[:, None] if right else running >= mark[:, None]
    reached &= counts > 0
    last = counts.shape[1] - 1 - np.argmax(counts[:, ::-1] > 0, axis=1)
    cell = np.where(reached.any(axis=1), np.argmax(reached, axis=1), last)
    return np.asarray(cell, dtype=np.float64)
