"""What the runs could have shown, and the chance that more of them show what was seen.

The smallest size that is shown takes the measured variances for the true ones. The chance that more
seeds show a difference does not: it is averaged over how well the seeds' variance is known. It
holds if the true difference is as large as the one that was seen, which nobody knows: the largest
of several differences was helped by luck.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri, nctdtrinc, ndtr, ndtri, stdtr, stdtrit

from slr_tune.statistics.analytic import critical_points, drawn_in
from slr_tune.statistics.components import VarianceComponents

POWER = 0.8
"""Share of repeated studies that would show a difference of the size in question."""
MOST_SEEDS = 1000
"""Where the count of seeds stops: nobody runs more."""
PRACTICAL = 20
"""More seeds than these are seldom run: their chance is reported instead."""
_SCALES = (np.arange(25) + 0.5) / 25
"""Probabilities at which the unknown variance of the seeds is averaged."""
_EVEN = (np.arange(200) + 0.5) / 200
"""Probabilities at which the utterances' part is averaged; 200 give the critical value to 0.5 %."""
_HALVINGS = 35
_NORMAL_DF = 1e6


@dataclass(frozen=True)
class MoreRuns:
    """What would show the difference, were the true one as large as the one that was seen.

    Attributes:
        seeds: More seeds that show it with a chance of 0.8; None where no number up to
            `MOST_SEEDS` would do.
        units: Utterances (or signers) needed in all where seeds alone cannot do it: the least
            number, with as many seeds as one likes. None where seeds can do it.
        tried: A number of more seeds that one may well run, at most `PRACTICAL`.
        chance: Probability that so many show it; None where there is no such number.
    """

    seeds: int | None
    units: int | None
    tried: int | None = None
    chance: float | None = None


def critical_value(components: VarianceComponents, *, alpha: float = 0.05) -> float:
    """Standard errors that a difference must have for the interval to leave out zero.

    The quantile of the distribution in `bootstrap`, with a t distribution for the utterances.

    Args:
        components: Variances of the difference.
        alpha: Two-sided level, above 0.

    Returns:
        A number from 1.96 at a level of 0.05.
    """
    share = components.seed_share
    upper = 1.0 - alpha / 2.0
    if share == 0.0 or components.seeds < 2:
        return float(stdtrit(components.unit_df, upper))
    if share == 1.0:
        return float(stdtrit(components.seed_df, upper))
    unit = np.sqrt(1.0 - share) * stdtrit(components.unit_df, _EVEN)
    highest = 2.0 * float(stdtrit(components.seed_df, upper) + stdtrit(components.unit_df, upper))

    def too_low(value: float) -> bool:
        covered = np.mean(stdtr(components.seed_df, (value - unit) / np.sqrt(share)))
        return float(covered) < upper

    return components.drawn_in * bisected(too_low, 0.0, highest, halvings=_HALVINGS)


def smallest_detectable(components: VarianceComponents, *, alpha: float = 0.05) -> float | None:
    """The smallest true difference that such runs show in 80 % of studies.

    A noncentral t distribution, with the degrees of freedom at which a t quantile equals the
    critical value.

    Args:
        components: Variances of the difference.
        alpha: Two-sided level.

    Returns:
        Points of WER, above 0 or 0 where the runs have no spread; None where the seeds' variance is
        not known, as with one seed.
    """
    if components.seeds < 2 or math.isnan(components.seed):
        return None
    critical = critical_value(components, alpha=alpha)
    df = _equivalent_df(critical, alpha=alpha)
    if df >= _NORMAL_DF:
        return components.standard_error * (critical + float(ndtri(POWER)))
    return components.standard_error * float(nctdtrinc(df, 1.0 - POWER, critical))


def more_runs(
    difference: float, components: VarianceComponents, *, alpha: float = 0.05
) -> MoreRuns | None:
    """How many more seeds would show a difference of the size that was seen, and how surely.

    More seeds divide the seeds' variance and leave that of the utterances. Where the utterances
    alone are too noisy no number of seeds helps, and more utterances are needed.

    Args:
        difference: The measured difference, points.
        components: Its variances.
        alpha: Two-sided level at which it must be shown.

    Returns:
        None where the seeds' variance is not known, or where there is no difference to show.
    """
    size = abs(difference)
    if components.seeds < 2 or size == 0.0 or math.isnan(components.seed):
        return None
    if size <= critical_value(replace(components, seed=0.0), alpha=alpha) * components.unit**0.5:
        return MoreRuns(None, _units_needed(components, size, alpha))

    def chance(more: int) -> float:
        return chance_of_more(size, components, more, alpha=alpha)

    if chance(MOST_SEEDS) < POWER:
        return MoreRuns(None, None, PRACTICAL, chance(PRACTICAL))
    needed = _first(lambda more: chance(more) >= POWER, 1, PRACTICAL)
    tried = min(needed, PRACTICAL)
    return MoreRuns(needed, None, tried, chance(tried))


def chance_of_more(
    difference: float, components: VarianceComponents, more: int, *, alpha: float = 0.05
) -> float:
    """The chance that more seeds on the same utterances show a difference.

    The seeds that are there stay; new ones scatter around the difference that was seen, by a
    variance v df / chi2(df) which is known no better than v with its df degrees of freedom. Both
    what they scatter and what they make of the estimate of v are averaged.

    Args:
        difference: The measured difference, points, taken for the true one.
        components: Its variances.
        more: More seeds, from 1.
        alpha: Two-sided level at which it must be shown.
    """
    now, all_seeds, df = components.seeds, components.seeds + more, components.seed_df
    seen = components.seed * now
    true = seen * df / chdtri(df, _SCALES)[:, None]  # (25, 1)
    added = true * chdtri(more, _SCALES[::4])  # (25, 7)
    later = (df * seen + added) / (df + more)
    steps = np.geomspace(max(later.min(), 1e-12), max(later.max(), 2e-12), 9)
    known = components.with_seeds(all_seeds)
    width = drawn_in(steps / all_seeds, components.unit, known.seed_df)
    needed = critical_points(
        alpha,
        steps / all_seeds,
        components.unit,
        seed_df=known.seed_df,
        unit_df=components.unit_df,
        width=width if components.drawn else 1.0,
    )
    limit = np.interp(np.log(np.maximum(later, 1e-12)), np.log(steps), needed)
    spread = np.sqrt(np.maximum(true * more, 1e-24)) / all_seeds
    return float(np.mean(ndtr((abs(difference) - limit) / spread)))


def seeds_for_equivalence(
    components: VarianceComponents, margin: float, *, alpha: float = 0.05
) -> int | None:
    """Seeds in all that show two equal arms to be the same within a margin, in 80 % of studies.

    Args:
        components: Measured variances, taken for the true ones.
        margin: Points.
        alpha: One-sided level of each of the two tests.

    Returns:
        None where no number up to `MOST_SEEDS` does.
    """
    if components.seeds < 2 or math.isnan(components.seed):
        return None

    def does(seeds: int) -> bool:
        there = components.with_seeds(seeds)
        critical = critical_value(there, alpha=2.0 * alpha)
        error = max(there.standard_error, 1e-12)
        return 2.0 * float(ndtr(margin / error - critical)) - 1.0 >= POWER

    return _first(does, 2, PRACTICAL) if does(MOST_SEEDS) else None


def smallest_margin(unit: float) -> float:
    """The smallest margin that seeds can reach: 80 % power at a true zero, were they free.

    Args:
        unit: Variance of a difference that only more utterances divide, squared points.
    """
    return float(ndtri(0.95) + ndtri((1.0 + POWER) / 2.0)) * float(unit**0.5)


def _shows(components: VarianceComponents, size: float, alpha: float) -> bool:
    """Whether such runs show a true difference of `size` points with the power requested."""
    shown = smallest_detectable(components, alpha=alpha)
    return shown is not None and shown <= size


def _units_needed(components: VarianceComponents, size: float, alpha: float) -> int:
    """Utterances (or signers) that would do if the seeds added no noise at all."""
    without_seeds = replace(components, seed=0.0)
    quantiles = float(ndtri(1.0 - alpha / 2.0) + ndtri(POWER))
    normal = components.units * components.unit * (quantiles / size) ** 2
    start = max(int(normal), components.units)
    return _first(lambda n: _shows(without_seeds.with_units(n), size, alpha), start, start)


def _first(enough: Callable[[int], bool], start: int, reach: int) -> int:
    """The smallest number from `start` for which `enough` holds, where it holds from there on."""
    if enough(start):
        return start
    few, many = start, start + reach
    while not enough(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _equivalent_df(critical: float, *, alpha: float) -> float:
    """Degrees of freedom at which the two-sided t quantile equals `critical`."""
    upper = 1.0 - alpha / 2.0
    if stdtrit(_NORMAL_DF, upper) >= critical:
        return _NORMAL_DF
    log_df = bisected(
        lambda value: bool(stdtrit(np.exp(value), upper) > critical),
        np.log(0.5),
        np.log(_NORMAL_DF),
        halvings=_HALVINGS,
    )
    return float(np.exp(log_df))


def bisected(too_low: Callable[[float], bool], low: float, high: float, *, halvings: int) -> float:
    """Where `too_low`, true at `low` and false at `high`, changes its answer."""
    for _ in range(halvings):
        middle = (low + high) / 2.0
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return (low + high) / 2.0
