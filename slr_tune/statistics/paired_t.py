"""Differences of runs with nothing but a number: a paired t test over the seeds alone.

The arms' variances are moderated and the family is corrected as where errors are known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scipy.special import stdtr, stdtrit

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.family import Key, with_family
from slr_tune.statistics.moderation import Moderated, moderated

_ROUNDING = 1e-9
"""A spread below this share of the values comes from the last digits of the numbers alone."""


def metric_alone(
    pairs: Mapping[Key, tuple[Sequence[float], Sequence[float]]],
    *,
    minimize: bool,
    weights: Mapping[Key, float] | None = None,
) -> dict[Key, Difference]:
    """Each pair of (arm, baseline) by itself, values by seed; the seed variances moderated.

    Args:
        pairs: By name.
        minimize: Whether smaller values are better.
        weights: Variance of each, if all runs scatter alike, in that of one arm against another.
    """
    found = {n: _paired_t(*pair, minimize=minimize) for n, pair in pairs.items()}
    tested = [n for n, d in found.items() if not (d.identical or math.isnan(d.p_value))]
    own = [found[n].components for n in tested]
    scales = [1.0 if weights is None else weights[n] for n in tested]
    lent = moderated([c.seed * c.seeds for c in own], [c.seeds for c in own], scales)
    for name, prior in zip(tested, lent, strict=True):
        found[name] = _paired_t(*pairs[name], minimize=minimize, prior=prior)
    return found


def metric_family(
    found: Mapping[Key, Difference],
    *,
    others: Sequence[float] = (),
    corrected_intervals: bool = False,
) -> dict[Key, Difference]:
    """Adds what depends on the other arms; see `family.with_family`."""
    family = with_family(found, others=others, corrected_intervals=corrected_intervals)
    return {name: replace(d, more=None) if d.shown else d for name, d in family.items()}


@dataclass(frozen=True)
class _Seeds:
    """Where a true difference may lie by the seeds alone: a t distribution."""

    mean: float
    error: float
    df: float

    def below(self, points: float) -> float:
        return float(stdtr(self.df, (points - self.mean) / self.error))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        reach = self.error * float(stdtrit(self.df, 0.5 + level / 2))
        return self.mean - reach, self.mean + reach


def differences_vary(numbers: Sequence[float], baseline: Sequence[float]) -> bool:
    """Whether the differences of pairs vary by more than rounding; else no spread is known.

    Args:
        numbers: One value of each pair.
        baseline: The other, as many.
    """
    apart = [a - b for a, b in zip(numbers, baseline, strict=True)]
    return max(apart) - min(apart) > _ROUNDING * max(map(abs, (*numbers, *baseline)))


def _paired_t(
    numbers: Sequence[float],
    baseline: Sequence[float],
    *,
    minimize: bool,
    prior: Moderated | None = None,
) -> Difference:
    per_seed = [a - b for a, b in zip(numbers, baseline, strict=True)]
    count, mean = len(per_seed), statistics.mean(per_seed)
    known = count > 1 and differences_vary(numbers, baseline)
    error = statistics.stdev(per_seed) / math.sqrt(count) if known else math.nan
    lent = 0.0
    if prior is not None:
        error, lent = math.sqrt(prior.variance / count), prior.prior
    components = VarianceComponents(error**2, 0.0, count, count, float(count), prior=lent)
    spread = _Seeds(mean, error, components.seed_df)
    low, high = spread.interval()
    less = spread.below(0.0)
    identical = not any(per_seed)
    known = not (math.isnan(error) or identical)
    difference = Difference(
        points=mean,
        low=low,
        high=high,
        per_seed=tuple(per_seed),
        p_value=2 * min(less, 1 - less),
        holm_p=math.nan,
        probability_of_improvement=less if minimize else 1 - less,
        components=components,
        identical=identical,
        spread=spread if known else None,
    )
    if identical and count > 1:
        return replace(difference, low=0.0, high=0.0, p_value=1.0)
    return difference
