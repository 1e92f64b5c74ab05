"""PED-ANOVA of several parameters as one: loss weights as a simplex, a schedule with its parts.

The marginals of alpha, beta and gamma do not add up to what the weights matter together. Here the
densities of the best and of all trials are compared in the joint space: product kernels between
cells of a coarse grid, none between branches of a choice. It follows the single-parameter figure
in all else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slr_tune.importance.parameter_columns import Floats, Ints, Variable
from slr_tune.importance.ped_anova import one_hot

_BINS = 16
_COARSE_BINS = 8
_MOST_CELLS = 2000
_PRIOR = 1.0


class JointGrid:
    """The occupied cells of a group's joint space; made once, asked for every resample."""

    def __init__(self, members: Sequence[Variable]) -> None:
        """Sorts the trials into cells.

        Args:
            members: Columns of the group, N trials each.
        """
        cells, branch = _cells(members)
        self._occupied, index = _occupied(branch, cells)  # [C, 1 + D]
        if len(self._occupied) > _MOST_CELLS:
            self._occupied, index = _occupied(branch, cells // (_BINS // _COARSE_BINS))
        self._membership = one_hot(index, len(self._occupied))
        self._counts = np.bincount(index, minlength=len(self._occupied)).astype(np.float64)
        self._kernels: dict[int, Floats] = {}

    def divergences(self, top: Floats, region: Floats) -> Floats:
        """Pearson divergence of the best trials' joint density from all trials'.

        Args:
            top: (B, N) weights of the best trials.
            region: (B, N) weights of all trials.

        Returns:
            (B,) at least 0, no unit, on the scale of `ped_anova.divergences`.
        """
        counts_top = np.asarray(top @ self._membership)
        counts_region = np.asarray(region @ self._membership)
        n_top, n_region = top.sum(axis=1), region.sum(axis=1)
        size = round(float(n_top.mean()))
        if size not in self._kernels:
            self._kernels[size] = _kernel(self._occupied, size, self._counts)
        p_top = _density(counts_top, self._kernels[size])
        p_region = _density(counts_region, self._kernels[size])
        divergence = (p_region * (p_top / p_region - 1.0) ** 2).sum(axis=1)
        return np.asarray(divergence * (n_top / n_region) ** 2)


def _occupied(branch: Ints, cells: Ints) -> tuple[Ints, Ints]:
    """(C, 1 + D) the cells that some trial lies in, and the cell of each trial (N,)."""
    rows, index = np.unique(np.column_stack([branch, cells]), axis=0, return_inverse=True)
    return rows, index.ravel()


def _cells(members: Sequence[Variable]) -> tuple[Ints, Ints]:
    """(N, D) cell of each trial in each number, -1 where it has none; (N,) its branch."""
    numbers = [_cell(member) for member in _free(members) if not member.options]
    count = len(members[0].values)
    codes = [
        np.where(member.active, np.nan_to_num(member.values), -1).astype(np.int64)
        for member in members
        if member.options
    ]
    cells = np.column_stack(numbers) if numbers else np.zeros((count, 0), dtype=np.int64)
    pattern = np.column_stack([*codes, (cells >= 0)]) if codes else (cells >= 0)
    _, branch = np.unique(pattern, axis=0, return_inverse=True)
    return cells, branch.ravel()


def _free(members: Sequence[Variable]) -> Sequence[Variable]:
    """The members without the last weight of a simplex, which the others give."""
    return members[:-1] if all(member.simplex for member in members) else members


def _cell(member: Variable) -> Ints:
    cells = np.clip((np.nan_to_num(member.unit()) * _BINS).astype(np.int64), 0, _BINS - 1)
    return np.where(member.active, cells, -1)


def _kernel(occupied: Ints, top_count: int, counts: Floats) -> Floats:
    """(C, C) column m spreads a trial in cell m over the occupied cells; columns sum to 1."""
    places = occupied[:, 1:].astype(np.float64)
    dimensions = max(1, places.shape[1])
    factor = max(top_count, 1) ** (-1.0 / (dimensions + 4))
    exponent = np.zeros((len(occupied), len(occupied)))
    for column in places.T:
        has = column >= 0
        if has.sum() < 2:
            continue
        mean = np.average(column[has], weights=counts[has])
        deviation = np.sqrt(np.average((column[has] - mean) ** 2, weights=counts[has]))
        sigma = max(1.059 * factor * deviation, 0.5)
        exponent += ((column[:, None] - column[None, :]) / sigma) ** 2
    kernel = np.exp(-0.5 * exponent)
    kernel[occupied[:, :1] != occupied[:, 0][None, :]] = 0.0
    # A crowded cell stands for its trials: the measure on the cells is that of all trials.
    kernel *= counts[:, None]
    return np.asarray(kernel / kernel.sum(axis=0, keepdims=True))


def _density(counts: Floats, kernel: Floats) -> Floats:
    """(B, C) smoothed shares with one trial's weight spread evenly as a prior."""
    spread = counts @ kernel.T
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray((spread + _PRIOR / len(kernel)) / (total + _PRIOR)) + 1e-12
