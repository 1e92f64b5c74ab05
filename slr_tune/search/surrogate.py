"""A Gaussian process over the unit cube of a space, and the targets that it is fitted to.

It screens proposals: it says which of them promise most, seldom where the best is. So it is kept
small: zero mean over normal scores, one length scale a parameter with a prior that holds them near
each other, and the maximum of the posterior instead of an average over it.

Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, sections 2.7 (profiled
variance), 4.2 (Matern), 5.4 (marginal likelihood); Jones, Schonlau and Welch 1998, J. Global
Optimization 13, equation 15 (expected improvement).

SciPy is imported where it is needed: a search that fits no model, and every view, start without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slr_tune.study.per_trial import PerTrial

Floats = npt.NDArray[np.float64]

_SCALE_MEAN, _SCALE_SD = math.log(2.78), 1.3
_NOISE_MEAN, _NOISE_SD = math.log(0.1), 1.0
_SCALE_BOUNDS, _NOISE_BOUNDS = (-4.0, 6.0), (-6.0, 1.0)
_START_SCALE, _START_NOISE = math.log(4.0), math.log(0.1)
_ITERATIONS = 20


def rank_places(values: Sequence[Mapping[int, float]]) -> Floats:
    """Places of trials in one order over all rungs, the best 0.

    The first rung orders them all. Then, from each higher rung on, those that reached it are sorted
    again by their values there, within the places that they hold. So a trial that went far is never
    compared by a value at an epoch which others did not reach. Equal values share their places.

    Args:
        values: Of each of N trials its value by rung, smaller is better; all have the first rung.

    Returns:
        (N,), from 0 to N - 1.
    """
    from scipy.stats import rankdata

    rungs = sorted({rung for own in values for rung in own})
    if not rungs:
        return np.zeros(len(values))
    places: Floats = rankdata([own[rungs[0]] for own in values]) - 1.0
    for rung in rungs[1:]:
        here = np.array([i for i, own in enumerate(values) if rung in own])
        held = np.sort(places[here])
        own = np.array([values[i][rung] for i in here])
        order = np.argsort(own, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(held)])
        first = np.searchsorted(own[order], own, side="left")
        last = np.searchsorted(own[order], own, side="right")
        places[here] = (sums[last] - sums[first]) / (last - first)
    return places


def normal_scores(places: Floats) -> Floats:
    """Places 0..N-1 as quantiles of the normal distribution: Phi^-1((place + .5) / N)."""
    from scipy.stats import norm

    scores: Floats = norm.ppf((places + 0.5) / len(places))
    return scores


class LastFit:
    """Keeps the model that was fitted last: the same trials are not fitted twice.

    While many workers ask one after the other, only what is pending differs between suggestions.

    Attributes:
        seen: What its samplers know of the trials of the one study; None before the first look.
    """

    def __init__(self) -> None:
        """Keeps none."""
        self.seen: PerTrial[Any] | None = None
        self._of: tuple[bytes, ...] | None = None
        self._model: GaussianProcess | None = None

    def fit(
        self, points: Floats, scores: Floats, choices: npt.NDArray[np.bool_]
    ) -> GaussianProcess:
        """The model of these; see `GaussianProcess`."""
        asked = (points.tobytes(), scores.tobytes(), choices.tobytes())
        if self._model is None or asked != self._of:
            self._of, self._model = asked, GaussianProcess(points, scores, choices)
        return self._model


class GaussianProcess:
    """Matern 5/2 with a length scale a parameter, fitted to the maximum of its posterior.

    With d_j the distance along parameter j (0 or 1 for a choice), r^2 = 5 sum theta_j d_j^2 and
    k = (1 + r + r^2 / 3) exp(-r). The variance has its maximum-likelihood value.

    Attributes:
        theta: (D,) inverse squared length scales.
        noise: Variance of the noise over that of the process.
        variance: Of the process.
    """

    def __init__(self, points: Floats, scores: Floats, choices: npt.NDArray[np.bool_]) -> None:
        """Fits.

        Args:
            points: (N, D) in [0, 1], choices by their option's place.
            scores: (N,) of mean about 0; smaller is better.
            choices: (D,) which parameters are choices.
        """
        from scipy.linalg import cho_solve, cholesky
        from scipy.optimize import minimize

        self._points, self._scores, self._choices = points, scores, choices
        squares = _squares(points, points, choices)  # [D, N, N]
        start = np.append(np.full(points.shape[1], _START_SCALE), _START_NOISE)
        bounds = [_SCALE_BOUNDS] * points.shape[1] + [_NOISE_BOUNDS]
        found = minimize(
            _loss,
            start,
            args=(squares.reshape(len(squares), -1), scores),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": _ITERATIONS},
        )
        self.theta, self.noise = np.exp(found.x[:-1]), float(np.exp(found.x[-1]))
        kernel = _matern(np.tensordot(self.theta, squares, 1)) + self.noise * np.eye(len(scores))
        self._root = cholesky(kernel, lower=True)
        self._weights = cho_solve((self._root, True), scores)
        self.variance = float(scores @ self._weights) / len(scores)

    def mean(self, points: Floats) -> Floats:
        """Posterior mean at (M, D) points: (M,)."""
        mean: Floats = self._cross(points).T @ self._weights
        return mean

    def improvement(self, points: Floats, pending: Floats) -> Floats:
        """Expected improvement under the least score, at (M, D) points: (M,).

        Args:
            points: Candidates.
            pending: (P, D) configurations whose scores are not known yet. They are held for
                measured at their means, with the fit as it is.
        """
        from scipy.linalg import cholesky, solve_triangular
        from scipy.special import ndtr

        everything = np.vstack([self._points, pending])
        squares = _squares(everything, everything, self._choices)
        kernel = _matern(np.tensordot(self.theta, squares, 1))
        root = cholesky(kernel + self.noise * np.eye(len(everything)), lower=True)
        cross = _matern(np.tensordot(self.theta, _squares(everything, points, self._choices), 1))
        shares = solve_triangular(root, cross, lower=True)
        deviation = np.sqrt(self.variance * np.maximum(1e-12, 1.0 - (shares**2).sum(axis=0)))
        mean = self.mean(points)
        gain = self._scores.min() - mean
        scaled = gain / deviation
        density = np.exp(-0.5 * scaled**2) / math.sqrt(2 * math.pi)
        expected: Floats = gain * ndtr(scaled) + deviation * density
        return expected

    def _cross(self, points: Floats) -> Floats:
        squares = _squares(self._points, points, self._choices)
        return _matern(np.tensordot(self.theta, squares, 1))


def _squares(one: Floats, other: Floats, choices: npt.NDArray[np.bool_]) -> Floats:
    """Squared distances along each parameter, 0 or 1 for choices: (D, N, M)."""
    apart: Floats = one.T[:, :, None] - other.T[:, None, :]
    apart[choices] = apart[choices] != 0
    return apart**2


def _matern(sums: Floats) -> Floats:
    """The kernel, from sum theta_j d_j^2."""
    r = np.sqrt(5.0 * sums)
    kernel: Floats = (1.0 + r + r**2 / 3.0) * np.exp(-r)
    return kernel


def _loss(logs: Floats, squares: Floats, scores: Floats) -> tuple[float, Floats]:
    """Negative log posterior of (log theta, log noise), the variance profiled out; its gradient.

    Args:
        logs: (D + 1,).
        squares: (D, N * N).
        scores: (N,).
    """
    from scipy.linalg import cho_solve, cholesky

    many = len(scores)
    theta, noise = np.exp(logs[:-1]), math.exp(logs[-1])
    r = np.sqrt(5.0 * (theta @ squares)).reshape(many, many)
    decay = np.exp(-r)
    kernel = (1.0 + r + r**2 / 3.0) * decay
    kernel[np.diag_indices(many)] += noise
    root = cholesky(kernel, lower=True, check_finite=False)
    inverse = cho_solve((root, True), np.eye(many), check_finite=False)
    weights = inverse @ scores
    fit = float(scores @ weights)
    apart = (logs - np.append(np.full(len(theta), _SCALE_MEAN), _NOISE_MEAN)) / _sds(len(theta))
    loss = 0.5 * many * math.log(fit / many) + float(np.log(np.diag(root)).sum())
    # The loss changes by sum(pull * dK): K^-1 from the determinant, the rest from the fit.
    pull = 0.5 * (inverse - (many / fit) * np.outer(weights, weights))
    slope = (pull * (-5.0 / 6.0) * (1.0 + r) * decay).ravel()
    gradient = np.append(theta * (squares @ slope), noise * np.trace(pull))
    return loss + 0.5 * float(apart @ apart), gradient + apart / _sds(len(theta))


def _sds(dimensions: int) -> Floats:
    return np.append(np.full(dimensions, _SCALE_SD), _NOISE_SD)
