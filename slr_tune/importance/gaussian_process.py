"""The additive-plus-pairs Gaussian process over (configuration, epoch): kernel and fit.

The value of trial i at rung r is

    c_r + s_r (f(x_i) + h(x_i, r) + t_i) + noise,

f the sum of one function a coordinate and one a pair, h what changes with the epoch and is nothing
at the last one, t_i the trial's own. Its covariance is

    s s' (sum C_j + beta sum_{i<j} C_i C_j + C_rung sum H_j + tau [same trial]) + 10 [same rung]
    + nu I,

C_j = sum_l a_jl k_jl with Matern 5/2 kernels of length .2 and .7 of the range (of a choice: whether
the option is the same), each centred over the space, so that a part has no mean of its own. H_j is
the same with amplitudes b_jl of its own: what changes only the speed has a large one and no C_j.

Source: Duvenaud, Nickisch and Rasmussen 2011, Additive Gaussian processes; Durrande et al. 2013,
ANOVA kernels, J. Multivariate Analysis 115, 57-67, for the centring.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from slr_tune.importance.coordinates import Coordinate, Coordinates
from slr_tune.importance.parameter_columns import Floats, Ints
from slr_tune.importance.trial_rows import TrialRows

LENGTHS = (0.2, 0.7)
OFF = -9.0
"""Logarithm of an amplitude that counts as nothing."""
_START = {"a": 0.1, "b": 0.03}
_STEPS = 60
_RUNG_VARIANCE = 10.0
_PRIORS = {
    "a": (np.log(0.05), 2.0, OFF, 4.0),
    "b": (np.log(0.015), 2.0, OFF, 4.0),
    "beta": (np.log(0.3), 1.5, -6.0, 3.0),
    "tau": (np.log(0.05), 1.5, -8.0, 1.0),
    "nu": (np.log(0.05), 1.5, -7.0, 1.0),
    "s": (0.0, 0.5, -1.5, 1.5),
}
"""Of logarithms: median, standard deviation, lower and upper bound."""


def matern(distance: Floats, length: float) -> Floats:
    """Matern 5/2 by the distance, in shares of the range."""
    r = np.sqrt(5.0) * np.abs(distance) / length
    return np.asarray((1 + r + r * r / 3) * np.exp(-r))


def centred_kernels(axis: Coordinate, one: Floats, other: Floats) -> list[Floats]:
    """(P, Q) kernels of a coordinate, each with mean 0 over the space; 0 where it does not apply.

    Args:
        axis: The coordinate.
        one: (P,) places, NaN where it does not apply.
        other: (Q,) likewise.
    """
    there = np.isfinite(one)[:, None] & np.isfinite(other)[None, :]
    one, other = np.nan_to_num(one), np.nan_to_num(other)
    found = []
    for length in (0.0,) if axis.options else LENGTHS:

        def kernel(a: Floats, b: Floats, length: float = length) -> Floats:
            gaps = a[:, None] - b[None, :]
            return matern(gaps, length) if length else (gaps == 0).astype(float)

        inner = kernel(axis.grid, axis.grid) @ axis.weights
        mean = float(axis.weights @ inner)
        left, right = (kernel(p, axis.grid) @ axis.weights for p in (one, other))
        centred = kernel(one, other) - np.outer(left, right) / mean
        found.append(np.where(there, centred / (1 - mean), 0.0))
    return found


def rung_kernel(one: Floats, other: Floats) -> Floats:
    """(P, Q) of places between first and last epoch; nothing at the last, which is 1."""
    at_end = matern(one - 1, 0.7)[:, None] * matern(other - 1, 0.7)[None, :]
    return np.asarray(matern(one[:, None] - other[None, :], 0.7) - at_end)


@dataclass(frozen=True)
class Solved:
    """The model at given hyperparameters.

    Attributes:
        covariance: (M, M) of the values.
        inverse: (M, M) of it.
        alpha: (M,) the inverse times the values.
        log_likelihood: Of the values.
        gradient: Of it, by the hyperparameters.
    """

    covariance: Floats
    inverse: Floats
    alpha: Floats
    log_likelihood: float
    gradient: Floats


class GaussianProcess:
    """The model of one study.

    Attributes:
        space: Its coordinates.
        rows: Its values.
        owner: (J,) coordinate of each amplitude.
        theta: Logarithms of the hyperparameters: J amplitudes, J of the change over the epochs,
            beta, tau, nu, and s of each rung but the last.
    """

    rung_variance = _RUNG_VARIANCE

    def __init__(self, space: Coordinates, rows: TrialRows) -> None:
        """Prepares the kernels; `fit` finds the hyperparameters.

        Args:
            space: D coordinates of all trials.
            rows: M values of them.
        """
        self.space, self.rows = space, rows
        self.values = np.where(rows.acts, space.values[rows.trial], np.nan)  # [M, D]
        kernels, owner = [], []
        for place, axis in enumerate(space.axes):
            column = self.values[:, place]
            for kernel in centred_kernels(axis, column, column):
                kernels.append(kernel)
                owner.append(place)
        count = len(rows.values)
        self._kernels = np.array(kernels).reshape(len(owner), count, count)
        self.owner: Ints = np.array(owner, dtype=np.int64)
        late = rows.place[rows.rung]
        self._over_rungs = rung_kernel(late, late)
        self._same_trial = (rows.trial[:, None] == rows.trial[None, :]).astype(float)
        self._same_rung = (rows.rung[:, None] == rows.rung[None, :]).astype(float)
        kinds = (
            ["a"] * len(owner)
            + ["b"] * len(owner)
            + ["beta", "tau", "nu"]
            + ["s"] * (len(rows.epochs) - 1)
        )
        self.median, self.deviation, self.low, self.high = np.array([_PRIORS[k] for k in kinds]).T
        self.theta = self.median.copy()
        for kind, begin in _START.items():
            self.theta[np.array(kinds) == kind] = np.log(begin)

    def against_grid(self, points: Floats) -> list[Floats]:
        """For each coordinate (L, P, G): its kernels between points (P, D) and its grid."""
        return [
            np.array(centred_kernels(axis, points[:, place], axis.grid))
            for place, axis in enumerate(self.space.axes)
        ]

    @cached_property
    def own_against_grid(self) -> list[Floats]:
        """The same of the model's own rows."""
        return self.against_grid(self.values)

    @cached_property
    def grid_against_grid(self) -> list[Floats]:
        """For each coordinate (L, G, G)."""
        return [np.array(centred_kernels(axis, axis.grid, axis.grid)) for axis in self.space.axes]

    @cached_property
    def _partners(self) -> Floats:
        """(D, D) 1 where two coordinates make a pair."""
        count = len(self.space.axes)
        found = np.ones((count, count)) - np.eye(count)
        for one, other in self.space.never:
            found[one, other] = found[other, one] = 0.0
        return found

    @cached_property
    def _owned(self) -> Floats:
        """(D, J) 1 where an amplitude is a coordinate's."""
        mine = np.arange(len(self.space.axes))[:, None] == self.owner[None, :]
        return np.asarray(mine, dtype=np.float64)

    def slope(self, theta: Floats) -> Floats:
        """(R,) s of each rung, 1 for the last."""
        rungs = len(self.rows.epochs) - 1
        return np.append(np.exp(theta[len(theta) - rungs :]), 1.0)

    def beta(self, theta: Floats) -> float:
        """Strength of pairs."""
        return float(np.exp(theta[2 * len(self.owner)]))

    def amplitudes(self, theta: Floats) -> tuple[Floats, Floats]:
        """(J,) of the last epoch, and of the change until then."""
        count = len(self.owner)
        return np.exp(theta[:count]), np.exp(theta[count : 2 * count])

    def solve(self, theta: Floats) -> Solved:
        """Covariance, likelihood and gradient."""
        lasting, changing = self.amplitudes(theta)
        first = 2 * len(self.owner)
        beta, tau, nu = np.exp(theta[first : first + 3])
        own = np.tensordot(self._owned * lasting, self._kernels, axes=1)  # [D, M, M]
        partners = np.tensordot(self._partners, own, axes=1)  # [D, M, M]
        pairs = 0.5 * np.einsum("dmn,dmn->mn", own, partners)
        change = self._over_rungs * np.tensordot(changing, self._kernels, axes=1)
        slope = self.slope(theta)[self.rows.rung]
        product = np.outer(slope, slope)
        signal = product * (own.sum(axis=0) + change + beta * pairs + tau * self._same_trial)
        covariance = signal + _RUNG_VARIANCE * self._same_rung
        covariance[np.diag_indices_from(covariance)] += nu
        factor = lower_root(covariance)
        inverse = _inverse(factor)
        alpha = inverse @ self.rows.values
        size = len(alpha)
        logarithm = float(np.log(np.diag(factor)).sum())
        likelihood = -0.5 * float(self.rows.values @ alpha) - logarithm
        likelihood -= 0.5 * size * np.log(2 * np.pi)
        weight = np.outer(alpha, alpha) - inverse
        inner = 0.5 * weight * product
        by_axis = inner + beta * inner * partners  # [D, M, M]
        over = inner * self._over_rungs
        gradient = np.empty(len(theta))
        for place, (axis, kernel) in enumerate(zip(self.owner, self._kernels, strict=True)):
            gradient[place] = lasting[place] * np.vdot(by_axis[axis], kernel)
            gradient[len(self.owner) + place] = changing[place] * np.vdot(over, kernel)
        gradient[first] = beta * np.vdot(inner, pairs)
        gradient[first + 1] = tau * np.vdot(inner, self._same_trial)
        gradient[first + 2] = 0.5 * nu * np.trace(weight)
        by_row = (weight * signal).sum(axis=1)
        rungs = len(self.rows.epochs) - 1
        gradient[first + 3 :] = np.bincount(self.rows.rung, by_row, minlength=rungs + 1)[:rungs]
        return Solved(covariance, inverse, alpha, likelihood, gradient)

    def log_posterior(self, theta: Floats) -> tuple[float, Floats]:
        """With its gradient."""
        found = self.solve(theta)
        gap = (theta - self.median) / self.deviation
        return (
            found.log_likelihood - 0.5 * float(gap @ gap),
            found.gradient - gap / self.deviation,
        )

    def fit(
        self, *, start: Floats | None = None, steps: int = _STEPS, off: Ints | None = None
    ) -> Floats:
        """The hyperparameters of the highest posterior.

        Args:
            start: Where to begin; None for the usual place.
            steps: Of L-BFGS, at most.
            off: Amplitudes to hold at nothing; None for none.

        Returns:
            Theta; it is kept as `theta` where nothing is held.
        """
        begin = (self.theta if start is None else start).copy()
        free = np.ones(len(begin), dtype=bool)
        if off is not None:
            begin[off], free[off] = OFF, False

        def loss(part: Floats) -> tuple[float, Floats]:
            theta = begin.copy()
            theta[free] = part
            value, gradient = self.log_posterior(theta)
            return -value, -gradient[free]

        bounds = list(zip(self.low[free], self.high[free], strict=True))
        options = {"maxiter": steps}
        found = minimize(
            loss, begin[free], jac=True, bounds=bounds, method="L-BFGS-B", options=options
        )
        begin[free] = found.x
        if off is None:
            self.theta = begin
        return begin


def lower_root(covariance: Floats) -> Floats:
    """Lower Cholesky factor; as much is added to the diagonal as is needed.

    Raises:
        LinAlgError: It is far from positive.
    """
    size = max(float(np.trace(covariance)) / len(covariance), 1e-12)
    for extra in (1e-10, 1e-8, 1e-6, 1e-4, 1e-2):
        shifted = covariance + extra * size * np.eye(len(covariance))
        factor, wrong = lapack.dpotrf(shifted, lower=1, clean=1)
        if not wrong:
            return np.asarray(factor)
    raise np.linalg.LinAlgError("the covariance is not positive")


def _inverse(factor: Floats) -> Floats:
    """Of the matrix that a lower Cholesky factor belongs to."""
    half, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(half)
    return np.asarray(lower + np.tril(lower, -1).T)
