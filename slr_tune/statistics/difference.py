"""One arm minus the baseline: everything that is known about the difference."""

from __future__ import annotations

from dataclasses import dataclass

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.mapsswe import Mapsswe
from slr_tune.statistics.power import MoreRuns

LEVEL = 0.05
"""A difference is shown where its Holm p-value is below this and its interval leaves out zero."""


@dataclass(frozen=True)
class Difference:
    """An arm minus the baseline, in points of WER: below 0 the arm is better.

    Of another metric in its unit; what cannot be told from the seeds alone is then NaN.

    Attributes:
        points: The difference of the mean WERs.
        low: Lower end of the 95 % interval.
        high: Upper end.
        per_seed: The difference of each seed.
        p_value: Two-sided, below 0.05 exactly where the interval leaves out zero.
        holm_p: The p-value after Holm's correction over the arms compared together.
        probability_of_improvement: That the arm's true WER is the lower one.
        components: Where the noise comes from.
        identical: The two arms made the same errors in every utterance and seed.
        mapsswe: The matched-pairs test of each seed.
        smallest_detectable: The smallest true difference that such runs show in 80 % of studies, at
            the level that Holm sets, points; None with one seed, or for identical arms.
        more: What would show a difference of this size, at the same level; None where there is none
            to show, or one seed.
    """

    points: float
    low: float
    high: float
    per_seed: tuple[float, ...]
    p_value: float
    holm_p: float
    probability_of_improvement: float
    components: VarianceComponents
    identical: bool
    mapsswe: tuple[Mapsswe, ...] = ()
    smallest_detectable: float | None = None
    more: MoreRuns | None = None

    @property
    def leaves_out_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def shown(self) -> bool:
        """Whether the difference is shown at all."""
        return self.leaves_out_zero and self.holm_p < LEVEL
