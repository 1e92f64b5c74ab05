"""Looking at an ablation while its seeds come in, without showing more than there is.

A test after every seed that stops when something is shown finds what is not there in one study
of six. Here the looks are planned, and each has a share w of the error budget:

    looks at S = 3, 5, 8 and 12 seeds (or those below another maximum M, and M),
    w[j] = (S[j] - 1)^2 / sum (S - 1)^2,      q = min over the looks so far of p[j] / w[j]

By Bonferroni q is a p-value whenever the looks stop and however they depend on each other; Holm's
correction over the arms takes q as it takes p. The weights save the budget for the looks that can
show something.

An arm is dropped as hopeless where the chance that the last look shows it, given what is seen, is
below 0.02. Dropping can only lower the error, so this may be looked at after every seed.

Sources: Pocock 1977 and O'Brien and Fleming 1979 for group sequential tests; Lan and Wittes 1988,
"The B-value", for stochastic curtailment. Looks, exponent and 0.02 were chosen by simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scipy.special import ndtr, stdtrit

from slr_tune.statistics.difference import LEVEL, Difference
from slr_tune.statistics.multiplicity import holm

FIRST = 3
"""Seeds at the first look."""
MOST = 12
"""Seeds at the last look, unless another maximum is requested."""
_LOOKS = (3, 5, 8, 12)
_HOPELESS = 0.02
_EQUAL_POWER = 0.75
"""Seeds of a fixed design with about the power of a sequential one, as a share of its maximum."""


@dataclass(frozen=True)
class LookPlan:
    """When is looked, and what each look may err.

    Attributes:
        looks: Seeds at each look, ascending.
    """

    looks: tuple[int, ...]

    @classmethod
    def up_to(cls, seeds: int) -> LookPlan:
        """The plan for a maximum of seeds, from 3."""
        return cls((*(look for look in _LOOKS if look < seeds), seeds))

    @property
    def most(self) -> int:
        """Seeds at the last look."""
        return self.looks[-1]

    @property
    def weights(self) -> tuple[float, ...]:
        """Share of the error budget by look, adding up to 1."""
        squares = [(look - 1) ** 2 for look in self.looks]
        return tuple(square / sum(squares) for square in squares)

    def weight(self, seeds: int) -> float:
        """Share of the last look at or before so many seeds."""
        passed = [w for look, w in zip(self.looks, self.weights, strict=True) if look <= seeds]
        return passed[-1]

    @property
    def fixed(self) -> int:
        """Seeds of a fixed design with about the same power for one true effect."""
        return max(FIRST, round(_EQUAL_POWER * self.most))


@dataclass
class Looked:
    """What the looks have given so far.

    Attributes:
        plan: When is looked.
        margin: Points within which arms count as the same; None not to ask.
        q: By arm, the p-value over all looks so far.
        same: By arm, that of not being the same within the margin.
    """

    plan: LookPlan
    margin: float | None = None
    q: dict[str, float] = field(default_factory=dict)
    same: dict[str, float] = field(default_factory=dict)

    def look(self, differences: Mapping[str, Difference], open_arms: set[str], seeds: int) -> None:
        """Takes the p-values of the arms that are still open, at a planned look."""
        weight = self.plan.weights[self.plan.looks.index(seeds)]
        for name in open_arms:
            one = differences[name]
            self.q[name] = min(self.q.get(name, 1.0), one.p_value / weight)
            if self.margin is not None:
                found = one.tost_p(self.margin) / weight
                self.same[name] = min(self.same.get(name, 1.0), found)

    def decided(self) -> tuple[set[str], set[str]]:
        """Arms that are shown to differ, and arms that are shown to be the same."""
        return _below(self.q), _below(self.same)

    def hopeless(self, one: Difference, name: str, seeds: int) -> bool:
        """Whether neither verdict has a chance left at the last look."""
        shown, same = self.decided()
        most = self.plan.most
        now = one.components.seeds
        if seeds >= most or now < 2:
            return False
        later = one.components.with_seeds(most - (seeds - now))
        level = LEVEL * self.plan.weights[-1]
        spread = max(later.seed * (1.0 - now / later.seeds), 1e-24) ** 0.5
        alpha = level / max(len(self.q) - len(shown), 1)
        needed = _critical(later.seed_df, alpha / 2.0) * later.standard_error
        chance = float(ndtr((abs(one.points) - needed) / spread))
        if self.margin is not None:
            alpha = level / max(len(self.same) - len(same), 1)
            room = self.margin - _critical(later.seed_df, alpha) * later.standard_error
            if room > 0:
                inside = ndtr((room - one.points) / spread) - ndtr((-room - one.points) / spread)
                chance = max(chance, float(inside))
        return chance < _HOPELESS


def _critical(df: float, tail: float) -> float:
    return float(stdtrit(df, 1.0 - tail))


def _below(p_values: Mapping[str, float]) -> set[str]:
    adjusted = holm(list(p_values.values()))
    return {name for name, p in zip(p_values, adjusted, strict=True) if p < LEVEL}
