"""Promotion by a quota: who waits at which rung, and who continues. Knows neither Ray nor Optuna.

Asynchronous successive halving in its promoting form, with the promotions delayed: a trial that
arrives at a rung waits there, and the best one that waits continues once the arrivals are eta times
as many as the promotions after it. So a search that gets slowly better does not have nearly all of
its trials promoted, and values that tie are promoted no oftener than others.

Of trials with exactly the same value at a rung, one continues before the others: most of them are
the same training under two names, such as a patience that did not act, and teach nothing new.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", arXiv:1810.05934,
algorithm 2, with the condition on the arrivals of D-ASHA, Li et al. 2022, "Hyper-Tune: Towards
Efficient Hyper-parameter Tuning at Scale", arXiv:2201.06834, section 4.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from slr_tune.study.record import RungEntry


class Promotion(NamedTuple):
    """A trial that may continue.

    Attributes:
        trial: Its number.
        epoch: The rung at which it waits.
    """

    trial: int
    epoch: int


@dataclass
class _Rung:
    """One rung; the exempt are in none of it.

    Attributes:
        ranks: Sort keys of all that arrived, in order: value, then number; less is better.
        waiting: Sort keys of those that may be promoted, in order.
        arrived: Sort keys of all that arrived, by the trial's number.
        promoted: How many were.
        gone_on: Values of those that were promoted.
    """

    ranks: list[tuple[float, int]] = field(default_factory=list)
    waiting: list[tuple[float, int]] = field(default_factory=list)
    arrived: dict[int, tuple[float, int]] = field(default_factory=dict)
    promoted: int = 0
    gone_on: set[float] = field(default_factory=set)

    def enter(self, worth: float, trial: int) -> None:
        """A trial arrives, and waits; one that started from scratch takes its own place again."""
        if trial in self.arrived:
            self.leave(trial)
            del self.ranks[bisect_left(self.ranks, self.arrived[trial])]
        key = self.arrived[trial] = worth, trial
        insort(self.ranks, key)
        insort(self.waiting, key)

    def leave(self, trial: int) -> bool:
        """A trial waits no longer; returns whether it did."""
        key = self.arrived.get(trial)
        place = None if key is None else bisect_left(self.waiting, key)
        if place is None or self.waiting[place : place + 1] != [key]:
            return False
        del self.waiting[place]
        return True

    def best(self, places: int, *, distinct: bool) -> int | None:
        """Who continues next of those among the best of all that arrived; None if nobody is.

        Args:
            places: How many are the best.
            distinct: Whether a value with which nobody went on so far comes first.
        """
        end = bisect_left(self.waiting, self.ranks[places]) if places < len(self.ranks) else None
        among = self.waiting[:end]
        new = (key for key in among if distinct and key[0] not in self.gone_on)
        found = next(new, among[0] if among else None)
        return None if found is None else found[1]

    def hopeless(self, places: int, *, distinct: bool) -> list[int]:
        """Those that wait and cannot be promoted any more, whatever still arrives.

        Args:
            places: How many are promoted in all.
            distinct: As of `best`.
        """
        found, values = [], set(self.gone_on)
        chances, ahead = max(0, places - self.promoted), 0
        for place, (value, trial) in enumerate(self.waiting):
            is_new = distinct and value not in values
            # All better ones come before a repeated value, the better new ones before a new one.
            soon = is_new and ahead < chances
            if place >= chances and not (soon and self.rank(trial) < places):
                found.append(trial)
            ahead += is_new
            values.add(value)
        return found

    def rank(self, trial: int) -> int:
        """How many of all that arrived are better."""
        return bisect_left(self.ranks, self.arrived[trial])

    def copy(self) -> _Rung:
        """The same, of which nothing changes with this one."""
        return _Rung(
            [*self.ranks], [*self.waiting], {**self.arrived}, self.promoted, {*self.gone_on}
        )


@dataclass
class Quota:
    """All rungs of a study, and who waits at them.

    Trials are known by their numbers. One sequence numbers the arrivals and the promotions, so that
    both can be found again from the stored entries.

    Attributes:
        epochs: The rungs, ascending.
        reduction_factor: eta, at least 2.
        minimizes: Whether smaller values are better.
        distinct: Whether, of equal values at a rung, one continues before the others.
    """

    epochs: tuple[int, ...]
    reduction_factor: int
    minimizes: bool = True
    distinct: bool = True
    _rungs: dict[int, _Rung] = field(default_factory=dict)
    _events: int = 0

    def __post_init__(self) -> None:
        """Sets up the rungs."""
        self._rungs = {epoch: _Rung() for epoch in self.epochs}

    def arrive(
        self, trial: int, epoch: int, value: float | None, *, exempt: bool = False
    ) -> RungEntry:
        """Enters a trial at a rung, where it waits from now on.

        Args:
            trial: Its number.
            epoch: One of `epochs`.
            value: Its best value so far, in the metric's unit; None where it has no finite one,
                which is worse than any.
            exempt: Whether it continues in any case and does not count: the baseline.

        Raises:
            ValueError: There is no rung at this epoch.
        """
        rung = self._rung(epoch)
        order = self._next_event()
        if not exempt:
            rung.enter(math.inf if value is None else value if self.minimizes else -value, trial)
        return RungEntry(epoch, value, order, stopped=False, exempt=exempt, paused=not exempt)

    def next(self, fits: Callable[[Promotion], bool] | None = None) -> Promotion | None:
        """Who is to be promoted to a free worker; None where a new trial is to be started.

        From the highest rung down, where the arrivals are at least eta times as many as the
        promotions with this one: of those that wait and are among the best 1/eta of all that
        arrived, the best with a value with which nobody went on so far, else the best; the earlier
        trial among equals.

        Args:
            fits: Whether there is time for a promotion; where there is none, the rung has to wait
                and the next lower one is looked at. None where nothing is short of time.
        """
        for epoch in reversed(self.epochs):
            rung = self._rungs[epoch]
            places = len(rung.ranks) // self.reduction_factor
            if rung.promoted >= places or not rung.waiting:
                continue
            trial = rung.best(places, distinct=self.distinct)
            if trial is None:
                continue
            found = Promotion(trial, epoch)
            if fits is None or fits(found):
                return found
        return None

    def promote(self, promotion: Promotion) -> int:
        """Lets a trial continue; returns the place of this in the sequence.

        Raises:
            ValueError: It does not wait there.
        """
        rung = self._leave(promotion)
        rung.promoted += 1
        rung.gone_on.add(rung.arrived[promotion.trial][0])
        return self._next_event()

    def spare(self, promotion: Promotion) -> int:
        """Lets a trial run on outside the quota, for the audit; returns the place in the sequence.

        It stays an arrival, uses up no promotion and can no longer be promoted.

        Raises:
            ValueError: It does not wait there.
        """
        self._leave(promotion)
        return self._next_event()

    def withdraw(self, trial: int) -> None:
        """Forgets that a trial waits: somebody ended it by hand. It stays an arrival."""
        for rung in self._rungs.values():
            rung.leave(trial)

    def copy(self) -> Quota:
        """The same, of which nothing changes with this one."""
        rungs = {epoch: rung.copy() for epoch, rung in self._rungs.items()}
        other = Quota(self.epochs, self.reduction_factor, self.minimizes, self.distinct)
        other._rungs, other._events = rungs, self._events
        return other

    @property
    def waiting(self) -> list[Promotion]:
        """Those that wait, from the lowest rung up, the best of each first."""
        return [
            Promotion(trial, epoch)
            for epoch in self.epochs
            for _, trial in self._rungs[epoch].waiting
        ]

    def hopeless(self, arrivals: int) -> list[Promotion]:
        """Those of the waiting that can no longer be promoted, whatever still arrives.

        Args:
            arrivals: How many trials may have arrived at the first rung in the end.
        """
        found = []
        for epoch in self.epochs:
            rung = self._rungs[epoch]
            arrivals = max(arrivals, len(rung.ranks))
            places = arrivals // self.reduction_factor
            ended = rung.hopeless(places, distinct=self.distinct)
            found += [Promotion(one, epoch) for one in ended]
            arrivals = places
        return found

    def replay(self, entries: Iterable[tuple[int, RungEntry]]) -> list[tuple[int, RungEntry]]:
        """Enters stored arrivals and promotions in their order.

        Args:
            entries: Number of the trial, entry.

        Returns:
            The same as they are decided now, in the order of the arrivals, to be compared: the
            entry of a promotion that would not be made now has None for its place. The state is
            what was stored all the same.
        """
        known = [(trial, entry) for trial, entry in entries if entry.epoch in self._rungs]
        events = [(entry.order, False, trial, entry) for trial, entry in known]
        events += [
            (entry.resumed, True, trial, entry)
            for trial, entry in known
            if entry.resumed is not None
        ]
        decided: dict[tuple[int, int], RungEntry] = {}
        for order, goes_on, trial, entry in sorted(events, key=lambda event: event[0]):
            key, here = (trial, entry.epoch), Promotion(trial, entry.epoch)
            self._events = order
            if not goes_on:
                decided[key] = self.arrive(trial, entry.epoch, entry.value, exempt=entry.exempt)
                continue
            right = self.next() == (None if entry.spared else here)
            place = self.spare(here) if entry.spared else self.promote(here)
            decided[key] = replace(
                decided[key], spared=entry.spared, resumed=place if right else None
            )
        ordered = sorted(known, key=lambda pair: pair[1].order)
        return [(trial, decided[trial, entry.epoch]) for trial, entry in ordered]

    def _leave(self, promotion: Promotion) -> _Rung:
        rung = self._rung(promotion.epoch)
        if not rung.leave(promotion.trial):
            raise ValueError(f"trial {promotion.trial} does not wait at epoch {promotion.epoch}")
        return rung

    def _rung(self, epoch: int) -> _Rung:
        if epoch not in self._rungs:
            raise ValueError(f"epoch {epoch} is not a rung of {self.epochs}")
        return self._rungs[epoch]

    def _next_event(self) -> int:
        place, self._events = self._events, self._events + 1
        return place


def arrivals_at(rungs: Sequence[int], *, trials: int, reduction_factor: int) -> tuple[int, ...]:
    """How many trials arrive at each rung in the end where each gets that far, the exempt left out.

    Args:
        rungs: Epochs, ascending.
        trials: Trials that are started and are not exempt.
        reduction_factor: eta.
    """
    counts = []
    for _ in rungs:
        counts.append(trials)
        trials //= reduction_factor
    return tuple(counts)
