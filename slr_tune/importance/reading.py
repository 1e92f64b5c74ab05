"""What a fitted model says of the whole space: parts of the variance, curves, slices, draws.

Each function of the model is written in the eigenfunctions of its kernel on the grid of the space,
which are orthonormal there: f = sum w phi. The variance of a part over the space is the sum of its
squared w times how often it applies; no sample of configurations is needed.

Source: Shapley shares of independent inputs by Owen 2014, SIAM/ASA J. Uncertainty Quantification
2, 245-251: a unit's own parts, and half of each pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from slr_tune.importance.gaussian_process import (
    GaussianProcess,
    Solved,
    lower_root,
    rung_kernel,
)
from slr_tune.importance.parameter_columns import Floats, Ints

_OWN, _IN_PAIRS = 7, 4
"""Eigenfunctions of a coordinate by itself, and in a pair."""


@dataclass(frozen=True)
class _Basis:
    """Eigenfunctions of one coordinate."""

    spread: Floats  # (K,) prior variance of each weight
    weighed: Floats  # (G, K) functions on the grid times the share of the space there
    amplitudes: Floats  # (L,) of the kernel that they belong to


class Reading:
    """A model at one set of hyperparameters, read at one epoch.

    Attributes:
        model: The model.
        solved: It at these hyperparameters.
        parts: (W,) which part each weight belongs to: D coordinates, then the pairs.
        pairs: The two coordinates of each pair.
        spread: (W,) prior variance of the weights.
        mean: (W,) their posterior mean.
    """

    def __init__(self, model: GaussianProcess, theta: Floats, *, rung: int = -1) -> None:
        """Solves the model.

        Args:
            model: The model.
            theta: (H,) logarithms of the hyperparameters.
            rung: Place of the epoch at which it is read.
        """
        self.model, self.theta = model, theta
        self.solved: Solved = model.solve(theta)
        axes, beta = model.space.axes, model.beta(theta)
        places = model.rows.place
        here = places[rung][None]
        lasting, changing = model.amplitudes(theta)
        # Before the last epoch a coordinate does f + h; a pair has no h.
        together = lasting + float(rung_kernel(here, here)[0, 0]) * changing
        count = range(len(axes))
        self._bases = [self._basis(place, together) for place in count]
        self._in_pairs = [self._basis(place, lasting, most=_IN_PAIRS) for place in count]
        never, chances = model.space.never, model.space.chances
        self.pairs = [
            pair for pair in combinations(count, 2) if pair not in never and chances[pair] > 0
        ]
        spreads = [basis.spread for basis in self._in_pairs]
        blocks = [basis.spread for basis in self._bases]
        blocks += [beta * np.outer(spreads[i], spreads[j]).ravel() for i, j in self.pairs]
        self.parts: Ints = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
        self.spread = np.concatenate(blocks)
        slopes = model.slope(theta)
        self.size = float(slopes[rung])
        shared = rung_kernel(here, places[model.rows.rung])[0]  # [M]
        rows = model.own_against_grid
        crossed = [
            self._shared(place, lasting, rows)
            + shared[:, None] * self._shared(place, changing, rows)
            for place in count
        ]
        own = sum(len(basis.spread) for basis in self._bases)
        joint = self._pair_functions(rows) * self.spread[own:]
        self._cross = np.concatenate([*crossed, joint], axis=1)  # [M, W]
        self._cross *= slopes[model.rows.rung][:, None]
        self.mean: Floats = self._cross.T @ self.solved.alpha

    def _basis(self, place: int, amplitudes: Floats, *, most: int = _OWN) -> _Basis:
        axis = self.model.space.axes[place]
        mine = amplitudes[self.model.owner == place]
        grid = _weighed(mine, self.model.grid_against_grid[place])
        root = np.sqrt(axis.weights)
        values, vectors = np.linalg.eigh(root[:, None] * grid * root[None, :])
        order = np.argsort(-values)[:most]
        order = order[values[order] > 1e-9 * max(values.max(), 1e-12)]
        return _Basis(values[order], root[:, None] * vectors[:, order], mine)

    def _shared(self, place: int, amplitudes: Floats, kernels: list[Floats]) -> Floats:
        """(P, K) covariance of a coordinate's weights with a function of these amplitudes."""
        kernel = _weighed(amplitudes[self.model.owner == place], kernels[place])
        return np.asarray(kernel @ self._bases[place].weighed)

    def _functions(self, place: int, basis: _Basis, kernels: list[Floats]) -> Floats:
        """(P, K) eigenfunctions of a coordinate at points."""
        kernel = _weighed(basis.amplitudes, kernels[place])
        return np.asarray(kernel @ basis.weighed / basis.spread)

    def _pair_functions(self, kernels: list[Floats]) -> Floats:
        few = [self._functions(place, b, kernels) for place, b in enumerate(self._in_pairs)]
        count = kernels[0].shape[1]
        blocks = [
            (few[i][:, :, None] * few[j][:, None, :]).reshape(count, -1) for i, j in self.pairs
        ]
        return np.concatenate([np.zeros((count, 0)), *blocks], axis=1)

    def design(self, kernels: list[Floats]) -> Floats:
        """(P, W) of the weights' functions at points.

        A coordinate that is NaN there is averaged over, or does not apply: it adds nothing.

        Args:
            kernels: What the model's `against_grid` gives of the points.
        """
        own = [self._functions(place, b, kernels) for place, b in enumerate(self._bases)]
        return np.concatenate([*own, self._pair_functions(kernels)], axis=1)

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, W) weights from their posterior, by Matheron's rule."""
        prior = rng.normal(size=(count, len(self.spread))) * np.sqrt(self.spread)
        seen = self._cross / np.maximum(self.spread, 1e-300)  # [M, W]
        rest = self.solved.covariance - self._cross @ seen.T
        rest = 0.5 * (rest + rest.T)
        noise = rng.normal(size=(count, len(rest))) @ lower_root(rest).T
        made = prior @ seen.T + noise
        gap = (self.model.rows.values - made) @ self.solved.inverse  # [count, M]
        return np.asarray(prior + gap @ self._cross)

    def variances(self, weights: Floats) -> Floats:
        """(B, parts) variance over the space of each part, by weights (B, W), model's scale."""
        chances = self.model.space.chances
        often = [chances[place, place] for place in range(len(self._bases))]
        often += [chances[pair] for pair in self.pairs]
        squares = np.zeros((len(weights), len(often)))
        for part in range(len(often)):
            squares[:, part] = (weights[:, self.parts == part] ** 2).sum(axis=1)
        return np.asarray(squares * np.array(often))

    def shapley(self, variances: Floats) -> Floats:
        """(B, U) share of each unit; they sum to 1."""
        sums = variances @ self._unit_weights(0.5)
        total = sums.sum(axis=1, keepdims=True)
        return np.asarray(sums / np.where(total > 0, total, 1.0))

    def deviations(self, variances: Floats) -> Floats:
        """(B, U) standard deviation over the space of all that touches a unit, metric's unit."""
        touched = np.sqrt(variances @ self._unit_weights(1.0))
        return np.asarray(touched * self.size * self.model.rows.scale)

    def _unit_weights(self, across: float) -> Floats:
        """(parts, U): 1 for a unit's own parts, `across` for a pair with another unit."""
        space = self.model.space
        units = space.units
        of = [units.index(axis.unit) for axis in space.axes]
        found = np.zeros((len(of) + len(self.pairs), len(units)))
        found[np.arange(len(of)), of] = 1.0
        for place, (i, j) in enumerate(self.pairs, start=len(of)):
            if of[i] == of[j]:
                found[place, of[i]] = 1.0
            else:
                found[place, [of[i], of[j]]] = across
        return found


def _weighed(amplitudes: Floats, kernels: Floats) -> Floats:
    """(P, G) sum of kernels (L, P, G)."""
    return np.asarray(np.tensordot(amplitudes, kernels, axes=1))


def left_out_residuals(solved: Solved, trials: Ints, values: Floats) -> tuple[Floats, Floats]:
    """What each trial's values would be missed by, had the model not seen the trial.

    Args:
        solved: The model.
        trials: (M,) trial of each row.
        values: (M,) values.

    Returns:
        (M,) residuals and (M,) their standard deviations.

    Source: Rasmussen and Williams 2006, section 5.4.2, for blocks.
    """
    residuals, deviations = np.empty(len(values)), np.empty(len(values))
    for trial in np.unique(trials):
        rows = np.flatnonzero(trials == trial)
        block = np.linalg.inv(solved.inverse[np.ix_(rows, rows)])
        residuals[rows] = block @ solved.alpha[rows]
        deviations[rows] = np.sqrt(np.maximum(np.diag(block), 1e-12))
    return residuals, deviations
