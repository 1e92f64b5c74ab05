"""Differences of runs that tell nothing but a number: a paired t test over the seeds alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scipy.special import stdtr, stdtrit

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.difference import LEVEL, Difference
from slr_tune.statistics.multiplicity import holm
from slr_tune.statistics.power import more_runs, smallest_detectable

_ROUNDING = 1e-9
"""A spread below this share of the values comes from the last digits of the numbers alone."""


def metric_differences(
    values: Mapping[str, Sequence[float]], *, baseline: str, minimize: bool
) -> dict[str, Difference]:
    """Compares every arm with the baseline, as one family.

    Where all seeds differ by the same there is no test: a metric of whole numbers does so by
    chance, and the test would take no spread for certainty.

    Args:
        values: By arm, the metric of each seed, finite, the same seeds in the same order.
        baseline: Name of the arm the others are compared with.
        minimize: Whether smaller values are better.

    Returns:
        By arm, in units of the metric. What is not known, for want of a test, is NaN.
    """
    found = {
        name: _paired_t(numbers, values[baseline], minimize=minimize)
        for name, numbers in values.items()
        if name != baseline
    }
    tested = {n: d for n, d in found.items() if not (d.identical or math.isnan(d.p_value))}
    corrected = holm([difference.p_value for difference in tested.values()])
    for (name, difference), holm_p in zip(tested.items(), corrected, strict=True):
        judged = replace(difference, holm_p=holm_p)
        more = None if judged.shown else more_runs(difference.points, difference.components)
        found[name] = replace(judged, more=more)
    return found


def _paired_t(numbers: Sequence[float], baseline: Sequence[float], *, minimize: bool) -> Difference:
    per_seed = [a - b for a, b in zip(numbers, baseline, strict=True)]
    count, mean = len(per_seed), statistics.mean(per_seed)
    largest = max(map(abs, (*numbers, *baseline)))
    alike = max(per_seed) - min(per_seed) <= _ROUNDING * largest
    error = math.nan if count == 1 or alike else statistics.stdev(per_seed) / math.sqrt(count)
    reach = error * float(stdtrit(count - 1, 1 - LEVEL / 2))
    less = float(stdtr(count - 1, -mean / error))
    components = VarianceComponents(error**2, 0.0, count, count, float(count))
    difference = Difference(
        points=mean,
        low=mean - reach,
        high=mean + reach,
        per_seed=tuple(per_seed),
        p_value=2 * min(less, 1 - less),
        holm_p=math.nan,
        probability_of_improvement=less if minimize else 1 - less,
        components=components,
        smallest_detectable=None if math.isnan(error) else smallest_detectable(components),
        identical=not any(per_seed),
    )
    if difference.identical and count > 1:
        return replace(difference, low=0.0, high=0.0, p_value=1.0)
    return difference
