"""Runs that collapsed: a training that never got going is an exception, not a wide spread.

One such run in five takes the power of every arm and, where all arms have some, makes intervals
that hold the truth in half of the studies. A run is flagged where its WER is above its arm's
median by more than the larger of 20 points and six robust standard deviations (1.4826 times the
median distance of a run from its arm's median, over all arms; with an odd number of seeds the
distance of each arm's own median, zero, is left out), or where it is 85 or more while the best
arm's median is at most 70. Thresholds by simulation (`benchmarks/coverage.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_LEAST_POINTS = 20.0
_DEVIATIONS = 6.0 * 1.4826
_HOPELESS = 85.0
_TRAINS = 70.0


@dataclass(frozen=True)
class Collapses:
    """How many runs of an arm and of the baseline collapsed.

    Attributes:
        arm: Collapsed runs of the arm.
        baseline: Of the baseline, on the same seeds.
        seeds: Runs of each.
        p_value: Fisher's exact test that both collapse equally often, two-sided.
    """

    arm: int
    baseline: int
    seeds: int
    p_value: float

    @property
    def any(self) -> bool:
        """Whether a run of either did."""
        return self.arm + self.baseline > 0


def collapsed_runs(wer: Mapping[str, Sequence[float]]) -> dict[str, tuple[bool, ...]]:
    """Which runs of which arm collapsed.

    Args:
        wer: By arm, the WER of each run, percent.

    Returns:
        By arm, a flag for each run. None where all arms have one seed.
    """
    if max(map(len, wer.values()), default=0) < 2:
        return {name: (False,) * len(values) for name, values in wer.items()}
    middle = {name: median(values) for name, values in wer.items()}
    distances: list[float] = []
    for name, values in wer.items():
        apart = sorted(abs(value - middle[name]) for value in values)
        distances += apart[len(apart) % 2 :]
    limit = max(_LEAST_POINTS, _DEVIATIONS * median(distances or [0.0]))
    trains = min(middle.values()) <= _TRAINS
    return {
        name: tuple(v > middle[name] + limit or (trains and v >= _HOPELESS) for v in values)
        for name, values in wer.items()
    }


def fisher(first: int, second: int, runs: int) -> float:
    """Fisher's exact test of `first` of `runs` against `second` of `runs`, two-sided.

    Source: Fisher 1935; two-sided as the sum of all tables that are no more likely.
    """
    total = first + second

    def chance(one: int) -> float:
        return math.comb(runs, one) * math.comb(runs, total - one) / math.comb(2 * runs, total)

    seen = chance(first)
    tables = map(chance, range(max(0, total - runs), min(total, runs) + 1))
    return min(1.0, sum(p for p in tables if p <= seen * (1 + 1e-9)))
