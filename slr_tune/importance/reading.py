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
from scipy.linalg import cholesky

from slr_tune.importance.gaussian_process import (
    GaussianProcess,
    Solved,
    centred_kernels,
    rung_kernel,
)
from slr_tune.importance.parameter_columns import Floats, Ints

_OWN, _IN_PAIRS = 7, 4
"""Eigenfunctions of a coordinate by itself, and in a pair."""


@dataclass(frozen=True)
class _Basis:
    """Eigenfunctions of one coordinate: `inner` maps kernel values on the grid to them."""

    spread: Floats  # (K,) prior variance of each weight
    inner: Floats  # (G, K)


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
        self._bases = [self._basis(place) for place in range(len(axes))]
        never, chances = model.space.never, model.space.chances
        self.pairs = [
            pair
            for pair in combinations(range(len(axes)), 2)
            if pair not in never and chances[pair] > 0
        ]
        blocks = [basis.spread for basis in self._bases]
        blocks += [
            beta
            * np.outer(
                self._bases[i].spread[:_IN_PAIRS], self._bases[j].spread[:_IN_PAIRS]
            ).ravel()
            for i, j in self.pairs
        ]
        self.parts: Ints = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
        self.spread = np.concatenate(blocks)
        self._own = self.parts < len(axes)
        places = model.rows.place
        here = places[rung]
        # What a coordinate does at an epoch before the last is f + h; a pair has no h.
        change = 1 + beta * float(rung_kernel(here[None], here[None])[0, 0])
        shared = 1 + beta * rung_kernel(here[None], places[model.rows.rung])[0]  # [M]
        self.size = float(model.slope(theta)[rung])
        slope = model.slope(theta)[model.rows.rung]
        design = self.design(model.values)  # [M, W]
        self._cross = design * slope[:, None] * self.spread
        self._cross[:, self._own] *= shared[:, None]
        self.spread = np.where(self._own, self.spread * change, self.spread)
        self.mean: Floats = self._cross.T @ self.solved.alpha

    def _basis(self, place: int) -> _Basis:
        axis = self.model.space.axes[place]
        grid = self._kernel(place, axis.grid, axis.grid)
        root = np.sqrt(axis.weights)
        values, vectors = np.linalg.eigh(root[:, None] * grid * root[None, :])
        order = np.argsort(-values)[:_OWN]
        order = order[values[order] > 1e-9 * max(values.max(), 1e-12)]
        spread = values[order]
        return _Basis(spread, root[:, None] * vectors[:, order] / spread)

    def _kernel(self, place: int, one: Floats, other: Floats) -> Floats:
        kernels = centred_kernels(self.model.space.axes[place], one, other)
        amplitudes = np.exp(self.theta[: len(self.model.owner)][self.model.owner == place])
        return np.asarray(np.tensordot(amplitudes, np.array(kernels), axes=1))

    def design(self, points: Floats) -> Floats:
        """(P, W) of the weights' functions at points (P, D).

        A coordinate that is NaN there is averaged over, or does not apply: it adds nothing.
        """
        functions = [
            self._kernel(place, points[:, place], axis.grid) @ basis.inner
            for place, (axis, basis) in enumerate(
                zip(self.model.space.axes, self._bases, strict=True)
            )
        ]
        few = [function[:, :_IN_PAIRS] for function in functions]
        count = len(points)
        blocks = functions + [
            (few[i][:, :, None] * few[j][:, None, :]).reshape(count, -1) for i, j in self.pairs
        ]
        return np.concatenate(blocks, axis=1)

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, W) weights from their posterior, by Matheron's rule."""
        prior = rng.normal(size=(count, len(self.spread))) * np.sqrt(self.spread)
        seen = self._cross / np.maximum(self.spread, 1e-300)  # [M, W]
        rest = self.solved.covariance - self._cross @ seen.T
        rest = 0.5 * (rest + rest.T)
        rest[np.diag_indices_from(rest)] += 1e-8 + max(0.0, -np.linalg.eigvalsh(rest)[0])
        noise = rng.normal(size=(count, len(rest))) @ cholesky(rest, lower=True).T
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
        return squares * np.array(often)

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
