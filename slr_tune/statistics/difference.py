"""One arm minus the baseline: everything that is known about the difference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from slr_tune.statistics.collapse import Collapses
from slr_tune.statistics.components import Estimate, VarianceComponents
from slr_tune.statistics.mapsswe import Mapsswe
from slr_tune.statistics.power import MoreRuns

LEVEL = 0.05
"""A difference is shown where its Holm p-value is below this and its interval leaves out zero."""


class Spread(Protocol):
    """Where a true difference may lie: what gives intervals of any level."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The interval that leaves (1 - level) / 2 of the probability on either side."""

    def below(self, points: float) -> float:
        """Probability that the true difference is at or below `points`."""


@dataclass(frozen=True)
class Difference:
    """An arm minus the baseline, in points of WER: below 0 the arm is better.

    Of another metric in its unit; what the seeds alone do not show is then NaN.

    Attributes:
        points: The difference of the mean WERs.
        low: Lower end of the 95 % interval.
        high: Upper end.
        per_seed: The difference of each seed.
        p_value: Two-sided, below 0.05 exactly where the interval leaves out zero.
        holm_p: The p-value after Holm's correction over the arms compared together.
        probability_of_improvement: Probability that the arm's true WER is lower.
        components: Where the noise comes from.
        identical: The two arms made the same errors in every utterance and seed.
        mapsswe: The matched-pairs test of each seed.
        smallest_detectable: The smallest true difference that such runs show in 80 % of studies, at
            the level that Holm sets, points; None with one seed, or for identical arms.
        more: What would show a difference of this size, at the same level; None where there is none
            to show, or one seed.
        level: Of the interval: 0.95, or more where it is corrected as p is.
        margin: Points within which arms count as the same; None without one.
        same_p: For a true difference outside of the margin, p-value of two one-sided tests after
            Holm's correction over the arms; None without a margin.
        seeds_for_same: Seeds in all that would show the margin to hold, were the true difference
            zero; None where none would, or without a margin.
        collapses: Runs that collapsed and are left out; None if unchecked.
        all_runs: Difference and 95 % interval with the collapsed runs; None where there is none.
        teachers: Teachers that taught the runs; from two on they are what is replicated.
        orders: Orders of the training data of each seed; the mean over them is what it says.
        stopped: Why no more seeds were run, where they were added until decided; a sentence.
        spread: Where the true difference may lie; None where there are too few seeds to say.
        estimate: What its own runs say of the noise, before other arms did.
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
    level: float = 0.95
    margin: float | None = None
    same_p: float | None = None
    seeds_for_same: int | None = None
    collapses: Collapses | None = None
    all_runs: tuple[float, float, float] | None = None
    teachers: int = 1
    orders: int = 1
    stopped: str = ""
    spread: Spread | None = field(default=None, repr=False, compare=False)
    estimate: Estimate | None = field(default=None, repr=False, compare=False)

    @property
    def same(self) -> bool:
        """Whether the arms are shown to be the same within the margin."""
        return self.same_p is not None and self.same_p < LEVEL

    @property
    def too_few_trained(self) -> bool:
        """Whether collapses leave fewer than two seeds, so that there is no verdict."""
        gone = self.collapses
        return gone is not None and gone.any and self.components.seeds < 2

    def tost_p(self, margin: float) -> float:
        """p-value of both one-sided tests that the true difference is outside of +- `margin`.

        Source: Schuirmann 1987, "A comparison of the two one-sided tests procedure".
        """
        if self.spread is None or self.components.seeds < 2:
            return 1.0
        return max(1.0 - self.spread.below(margin), self.spread.below(-margin))

    @property
    def leaves_out_zero(self) -> bool:
        """Whether zero is outside the interval."""
        return self.low > 0.0 or self.high < 0.0

    @property
    def shown(self) -> bool:
        """Whether the difference is shown at all."""
        return self.leaves_out_zero and self.holm_p < LEVEL
