"""How sure a reading is: draws of the hyperparameters, and of the functions given each.

Source: Laplace's approximation as in Rasmussen and Williams 2006, section 5.5.1. The factor by
which bands are widened was found on truths drawn by chance (`benchmarks/known_truth.py --drawn`),
other ones than those by which bands are rated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from slr_tune.importance.gaussian_process import GaussianProcess
from slr_tune.importance.parameter_columns import Floats
from slr_tune.importance.reading import Reading

HYPERPARAMETERS, FUNCTIONS = 16, 25
WIDENED = 1.2
_STEP = 1e-3
_LEAST_CURVATURE = 0.2
_FLOOR = 1e-6


@dataclass(frozen=True)
class Draw:
    """A reading at drawn hyperparameters, with functions drawn given them.

    Attributes:
        reading: The model there.
        weights: (25, W) of its functions.
    """

    reading: Reading
    weights: Floats


def posterior_draws(
    model: GaussianProcess, theta: Floats, *, rung: int = -1, seed: int = 0
) -> list[Draw]:
    """16 draws of the hyperparameters about the optimum, 25 of the functions from each.

    Args:
        model: The model.
        theta: (H,) its optimum.
        rung: Place of the epoch at which it is read.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    curvature = _curvature(model, theta)
    values, vectors = np.linalg.eigh(curvature)
    scale = 1 / np.sqrt(np.maximum(values, _LEAST_CURVATURE))
    found = []
    for _ in range(HYPERPARAMETERS):
        step = vectors @ (scale * rng.normal(size=len(theta)))
        reading = Reading(model, np.clip(theta + step, model.low, model.high), rung=rung)
        found.append(Draw(reading, reading.draws(FUNCTIONS, rng)))
    return found


def _curvature(model: GaussianProcess, theta: Floats) -> Floats:
    """(H, H) of the negative log posterior, by differences of its gradient."""
    here = model.log_posterior(theta)[1]
    rows = []
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = _STEP
        rows.append((here - model.log_posterior(theta + step)[1]) / _STEP)
    found = np.array(rows)
    return np.asarray(0.5 * (found + found.T))


def over_draws(draws: list[Draw], figure: Callable[[Reading, Floats], Floats]) -> Floats:
    """(draws, ...) of a figure of (reading, weights (B, W)) that gives (B, ...)."""
    return np.concatenate([figure(draw.reading, draw.weights) for draw in draws])


def positive_band(drawn: Floats, point: Floats) -> tuple[Floats, Floats]:
    """90 % band of a figure that is not negative, widened on the logarithmic scale.

    Args:
        drawn: (B, ...) draws.
        point: (...) the figure itself, which the band holds.
    """
    low, middle, high = np.log(np.maximum(np.quantile(drawn, [0.05, 0.5, 0.95], axis=0), _FLOOR))
    wide_low, wide_high = (np.exp(middle + WIDENED * (end - middle)) for end in (low, high))
    wide_low = np.where(wide_low <= 2 * _FLOOR, 0.0, wide_low)
    return np.minimum(wide_low, point), np.maximum(wide_high, point)


def band(drawn: Floats, point: Floats) -> tuple[Floats, Floats]:
    """90 % band of a figure of either sign, widened about its median."""
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=0)
    return (
        np.minimum(middle + WIDENED * (low - middle), point),
        np.maximum(middle + WIDENED * (high - middle), point),
    )
