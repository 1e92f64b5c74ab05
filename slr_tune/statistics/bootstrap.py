"""The difference of an arm to the baseline, and the interval that covers it.

Utterances (or whole signers, where they are known) are drawn again with replacement, the same
ones for both arms and all seeds: what is hard for both arms drops out of the difference.

Seeds are nested in each draw, but they are not drawn from a hat. Three seeds have ten different
samples, one draw in nine holds one seed three times; the spread of the draws is short by the
factor sqrt((S - 1) / S), and their tails are those of a normal distribution that knows its own
width. Such intervals cover the truth in about 80 % of studies with three seeds, not 95 (run
`benchmarks/coverage.py`). Here each draw moves the difference by

    g * [ sqrt(V_unit) * (standardised draw of the utterances) * sqrt(f / chi2_f)
          + sqrt(V_seed) * t_(S - 1) ],                            f = units - 1

with the two variances of `components`: the solution of Behrens and Fisher for a sum of two
unknown variances, with the bootstrap in the place of the normal distribution of the utterances.
The t distribution stands for the seeds, and is averaged exactly, not drawn. Where the utterances
add nothing of their own the interval is the t interval over the seeds' differences.

That solution errs on the safe side: it covers up to 97.8 % with three seeds, most where the seeds
are a quarter of the variance. g draws it in there, by at most 15 % with three seeds and 4 % with
five. Over a grid of ratios of seed, utterance and interaction variance the interval then covers
94.8 to 96.3 % with three seeds and 94.9 to 96.0 % with five; tests at a level of 0.01, which Holm
needs for five arms, err in 0.2 to 1.2 %. The size of g was chosen by that simulation, not derived.
Degrees of freedom by Satterthwaite are the usual alternative: 92 to 95 % with three seeds, and at
0.01 they err up to three times too often, so that Holm's correction would not hold.

The p-value and the probability of improvement come from the same distribution: p is below 0.05
exactly where the 95 % interval leaves out zero.

Limits. Two seeds are covered too (95 to 98.8 %), by an interval so wide that it rarely shows
anything. One seed shows nothing about seeds: its interval holds for that one run on other
utterances. With fewer than about ten signers it covers 94 to 98 %. The seeds' effect is taken as
normal: a run that diverges in one seed of five is seen as spread, not as an exception.

Sources: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance
evaluation" (utterances, probability of improvement); Liu and Peng 2020, arXiv:1912.09508 (blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, stdtr

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.counts import FloatArray

_CHUNK = 500
"""Resamples drawn at a time: bounds memory to a few megabytes."""
_TOLERANCE = 1e-10
"""Of a quantile, as a share of its bracket."""


@dataclass(frozen=True, eq=False)
class DifferenceDistribution:
    """Where the true difference may lie, in points of WER; below 0 the arm is better.

    Attributes:
        center: The difference that was measured.
        seed_scale: Scale of the seeds' t distribution; 0 where there is no spread or one seed.
        seed_df: Its degrees of freedom.
        noise: What resampled utterances add, (resamples,), sorted.
    """

    center: float
    seed_scale: float
    seed_df: float
    noise: FloatArray

    def below(self, points: float) -> float:
        """Probability that the difference is at or below `points`."""
        gap = points - self.center - self.noise
        if self.seed_scale == 0.0:
            return float(np.mean(gap >= 0.0))
        return float(np.mean(stdtr(self.seed_df, gap / self.seed_scale)))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The interval that leaves (1 - level) / 2 of the probability on either side."""
        tail = (1.0 - level) / 2.0
        if self.seed_scale == 0.0:
            rank = max(int(np.ceil(tail * len(self.noise))), 1)
            low, high = float(self.noise[rank - 1]), float(self.noise[-rank])
            return self.center + low, self.center + high
        return self._quantile(tail), self._quantile(1.0 - tail)

    def p_value(self) -> float:
        """Two-sided p-value of no difference; never below 1 / (resamples + 1)."""
        below = self.below(0.0)
        above = 1.0 - below
        if self.seed_scale == 0.0:  # ties with zero count on both sides
            above = float(np.mean(self.center + self.noise >= 0.0))
        return float(np.clip(2.0 * min(below, above), 1.0 / (len(self.noise) + 1), 1.0))

    def probability_of_improvement(self) -> float:
        """Probability that the arm has the lower WER; a tie counts half."""
        if self.seed_scale == 0.0:
            drawn = self.center + self.noise
            return float(np.mean(drawn < 0.0) + 0.5 * np.mean(drawn == 0.0))
        return self.below(0.0)

    def _quantile(self, probability: float) -> float:
        """Where `below`, which rises everywhere, has a value."""
        from scipy.optimize import brentq

        reach = 4.0 * self.seed_scale + float(self.noise[-1] - self.noise[0])
        low, high = self.center - reach, self.center + reach
        while self.below(low) > probability:
            low -= high - low
        while self.below(high) < probability:
            high += high - low
        near = _TOLERANCE * (high - low)
        return float(brentq(lambda x: self.below(x) - probability, low, high, xtol=near))


def resampled_totals(columns: FloatArray, *, resamples: int, seed: int) -> FloatArray:
    """Totals of resampled units: the same draws for every column, so that arms stay paired.

    Args:
        columns: Values of each unit, (units, columns).
        resamples: Draws, each of as many units as there are, with replacement.
        seed: Of the generator.

    Returns:
        Totals (resamples, columns).
    """
    rng = np.random.default_rng(seed)
    units = len(columns)
    totals = np.empty((resamples, columns.shape[1]))
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        totals[start : start + rows] = times.astype(np.float64) @ columns
    return totals


def difference_distribution(
    center: float,
    components: VarianceComponents,
    *,
    errors: FloatArray,
    words: FloatArray,
    seed: int,
) -> DifferenceDistribution:
    """Puts the seeds' and the utterances' part together, as the module describes.

    Args:
        center: The measured difference, points.
        components: Its variances.
        errors: Resampled totals of the difference in errors, mean over seeds, (resamples,).
        words: Resampled totals of the reference words, (resamples,).
        seed: Of the scale draws, the same for every arm.

    Returns:
        The distribution of the difference.
    """
    spread = np.where(words > 0, 100.0 * errors / np.maximum(words, 1.0) - center, 0.0)
    deviation = float(spread.std())
    width = components.drawn_in
    scale = width * np.sqrt(components.unit) / deviation if deviation > 0 else 0.0
    # Evenly spaced probabilities in a random order: draws of the scale with less noise.
    even = (np.random.default_rng([seed, 1]).permutation(len(spread)) + 0.5) / len(spread)
    half_df = components.unit_df / 2.0
    widened = scale * spread * np.sqrt(half_df / gammaincinv(half_df, even))
    seed_scale = float(width * np.sqrt(components.seed))
    if seed_scale < 1e-9 * (deviation + abs(center)):  # rounding, not spread
        seed_scale = 0.0
    return DifferenceDistribution(center, seed_scale, components.seed_df, np.sort(widened))
