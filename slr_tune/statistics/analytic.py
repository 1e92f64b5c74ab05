"""The distribution of `bootstrap` with a t distribution in the place of the resampled utterances.

For many differences at once: arrays of one shape, or that broadcast. Plans and simulations use it;
with enough utterances of a like length it gives the p-values of the bootstrap to a few percent.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from slr_tune.statistics.counts import FloatArray

Values = npt.ArrayLike
_EVEN = (np.arange(60) + 0.5) / 60
"""Probabilities at which the utterances' part is averaged."""
_HALVINGS = 20


def drawn_in(seed: Values, unit: Values, seed_df: Values, *, most: float = 0.15) -> FloatArray:
    """Factor on the width of the interval, as `VarianceComponents.drawn_in`."""
    total = np.asarray(seed, dtype=np.float64) + np.asarray(unit, dtype=np.float64)
    share = np.asarray(seed, dtype=np.float64) / np.maximum(total, 1e-300)
    factor = most * np.minimum(2.0 / np.asarray(seed_df, float), 1.0) ** 2
    found: FloatArray = 1.0 - factor * (256 / 27) * share * (1.0 - share) ** 3
    return found


def beyond(
    points: Values,
    seed: Values,
    unit: Values,
    *,
    seed_df: Values,
    unit_df: Values,
    width: Values = 1.0,
) -> FloatArray:
    """Probability that the noise of a difference is above `points`.

    Args:
        points: Points of WER.
        seed: Variance of the seeds' part, above 0.
        unit: Variance of the utterances' part, from 0.
        seed_df: Degrees of freedom of the seeds' part.
        unit_df: Of the utterances' part.
        width: Factor on both; see `drawn_in`.
    """
    arrays = np.broadcast_arrays(points, seed, unit, seed_df, unit_df, width)
    gap, seed_, unit_, df, units, wide = (np.asarray(a, float) for a in arrays)
    return _above(gap, seed_, _noise(unit_, units), seed_df=df, width=wide)


def _noise(unit: FloatArray, unit_df: FloatArray) -> FloatArray:
    """The utterances' part at the probabilities where it is averaged, (..., 60)."""
    found: FloatArray = np.sqrt(unit[..., None]) * stdtrit(unit_df[..., None], _EVEN)
    return found


def _above(
    points: FloatArray,
    seed: FloatArray,
    noise: FloatArray,
    *,
    seed_df: FloatArray,
    width: FloatArray,
) -> FloatArray:
    """As `beyond`, with the utterances' part as `_noise` gives it."""
    scale = np.sqrt(np.maximum(seed, 1e-300))[..., None]
    apart = points[..., None] / width[..., None] - noise
    found: FloatArray = stdtr(seed_df[..., None], -apart / scale).mean(axis=-1)
    return found


def critical_points(
    alpha: float, seed: Values, unit: Values, *, seed_df: Values, unit_df: Values, width: Values
) -> FloatArray:
    """Size from which a difference is shown at a two-sided level, points; shapes as `beyond`."""
    arrays = np.broadcast_arrays(seed, unit, seed_df, unit_df, width)
    seed, unit, seed_df, unit_df, width = (np.asarray(a, float) for a in arrays)
    noise = _noise(unit, unit_df)
    upper = 1.0 - alpha / 2.0
    high = 2.0 * (np.sqrt(seed) * stdtrit(seed_df, upper) + np.sqrt(unit) * stdtrit(unit_df, upper))
    low = np.zeros_like(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        p = _above(middle, seed, noise, seed_df=seed_df, width=width)
        low, high = np.where(p > alpha / 2.0, middle, low), np.where(p > alpha / 2.0, high, middle)
    found: FloatArray = (low + high) / 2.0
    return found
