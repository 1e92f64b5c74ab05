"""ASHA's rungs: who arrived with which value, and who continues. Knows neither Ray nor Optuna.

Asynchronous successive halving in its stopping form: a trial that arrives at a rung continues if it
is among the best 1/eta of all that have arrived there, itself counted in; the first always does.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", arXiv:1810.05934,
algorithm 2; stopping instead of promoting as in section 3.3 of its Ray and Optuna implementations.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import count, takewhile

from slr_tune.space.sections import Budget
from slr_tune.study.record import RungEntry


def rung_epochs(*, grace_epochs: int, reduction_factor: int, max_epochs: int) -> tuple[int, ...]:
    """Epochs of the rungs: grace, grace x eta, grace x eta^2 ... below `max_epochs`."""
    powers = (grace_epochs * reduction_factor**power for power in count())
    return tuple(takewhile(lambda epoch: epoch < max_epochs, powers))


def budget_rungs(budget: Budget) -> tuple[int, ...]:
    """Epochs of the rungs of a study with this budget."""
    return rung_epochs(
        grace_epochs=budget.grace_epochs,
        reduction_factor=budget.reduction_factor,
        max_epochs=budget.max_epochs,
    )


def is_audited(number: int, *, seed: int, share: float) -> bool:
    """Whether a trial runs on where ASHA would stop it, to show what stopping costs.

    A function of number and seed alone, so that a search that was cut off decides again as it did.
    One trial in 1 / share is chosen, at even distances; the seed moves the first.

    Args:
        number: Of the trial, from 0.
        seed: Of the study.
        share: Of the trials, 0..1.
    """
    start = _audit_start(seed)
    return math.floor((number + 1) * share + start) > math.floor(number * share + start)


@cache
def _audit_start(seed: int) -> float:
    return random.Random(f"pruning audit {seed}").random()


@dataclass
class Rungs:
    """All rungs of a study.

    Attributes:
        epochs: The rungs, ascending.
        reduction_factor: eta, at least 2.
        minimizes: Whether smaller values are better.
    """

    epochs: tuple[int, ...]
    reduction_factor: int
    minimizes: bool = True
    _values: dict[int, list[float]] = field(default_factory=dict)
    _arrivals: int = 0

    def decide(
        self, epoch: int, value: float, *, exempt: bool = False, audited: bool = False
    ) -> RungEntry:
        """Enters a trial at a rung and decides.

        Args:
            epoch: One of `epochs`.
            value: Its best value so far, in the metric's unit.
            exempt: Whether it continues in any case; it still counts for the others.
            audited: Whether it is spared, should it have to stop. The caller must then
                enter it at no later rung.

        Raises:
            ValueError: There is no rung at this epoch.
        """
        if epoch not in self.epochs:
            raise ValueError(f"epoch {epoch} is not a rung of {self.epochs}")
        values = self._values.setdefault(epoch, [])  # in order, the best first
        worth = value if self.minimizes else -value
        insort(values, worth)
        places = max(1, len(values) // self.reduction_factor)
        better = bisect_left(values, worth)
        beaten = better >= places and not exempt
        stopped, spared = beaten and not audited, beaten and audited
        order, self._arrivals = self._arrivals, self._arrivals + 1
        return RungEntry(epoch, value, order, stopped, exempt=exempt, spared=spared)

    def replay(self, entries: Iterable[RungEntry]) -> list[RungEntry]:
        """Enters stored arrivals in their order; returns what is decided now, to be compared.

        The order of arrival is part of the record, because with workers in parallel it is not to
        be had from anything else.
        """
        decided = []
        for entry in sorted(entries, key=lambda entry: entry.order):
            if entry.epoch in self.epochs and entry.value is not None:
                self._arrivals = entry.order
                exempt, audited = entry.exempt, entry.spared
                again = self.decide(entry.epoch, entry.value, exempt=exempt, audited=audited)
                decided.append(again)
        return decided
