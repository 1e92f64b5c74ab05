"""What the runs could have shown, and how many more would show what was seen.

All of it takes the measured variances for the true ones. With three seeds the seeds' variance is
known to a factor of about four, so a number of seeds from here is a guide, not a promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import nctdtrinc, ndtri, stdtr, stdtrit

from slr_tune.statistics.components import VarianceComponents

POWER = 0.8
"""Share of repeated studies that would show a difference of the size in question."""
MOST_SEEDS = 1000
"""Where the count of seeds stops: nobody runs more."""
_EVEN = (np.arange(200) + 0.5) / 200
"""Probabilities at which the utterances' part is averaged; 200 give the critical value to 0.5 %."""
_HALVINGS = 35
_NORMAL_DF = 1e6


@dataclass(frozen=True)
class MoreRuns:
    """What would show a difference of the size that was seen, with a power of 0.8.

    Attributes:
        seeds: More seeds to run; None where no number up to `MOST_SEEDS` would do.
        units: Utterances (or signers) needed in all where seeds alone cannot do it: the least
            number, with as many seeds as one likes. None where seeds can do it.
    """

    seeds: int | None
    units: int | None


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
        Points of WER, above 0 or 0 where the runs have no spread; None with one seed, where the
        seeds' variance is unknown.
    """
    if components.seeds < 2:
        return None
    critical = critical_value(components, alpha=alpha)
    df = _equivalent_df(critical, alpha=alpha)
    if df >= _NORMAL_DF:
        return components.standard_error * (critical + float(ndtri(POWER)))
    return components.standard_error * float(nctdtrinc(df, 1.0 - POWER, critical))


def more_runs(
    difference: float, components: VarianceComponents, *, alpha: float = 0.05
) -> MoreRuns | None:
    """How many more seeds would show a difference of the size that was seen.

    More seeds divide the seeds' variance and leave that of the utterances. Where the utterances
    alone are too noisy no number of seeds helps, and more utterances are needed.

    Args:
        difference: The measured difference, points.
        components: Its variances.
        alpha: Two-sided level at which it must be shown.

    Returns:
        None with one seed, or where there is no difference to show.
    """
    size = abs(difference)
    if components.seeds < 2 or size == 0.0:
        return None
    if not _shows(replace(components, seed=0.0), size, alpha):
        return MoreRuns(None, _units_needed(components, size, alpha))
    seeds = components.seeds
    if not _shows(components.with_seeds(seeds + MOST_SEEDS), size, alpha):
        return MoreRuns(None, None)
    needed = _first(lambda n: _shows(components.with_seeds(n), size, alpha), seeds, MOST_SEEDS)
    return MoreRuns(needed - seeds, None)


def _shows(components: VarianceComponents, size: float, alpha: float) -> bool:
    """Whether such runs show a true difference of `size` points with the power asked for."""
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
