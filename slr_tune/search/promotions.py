"""Trials that pause at their rungs, and continue where the quota promotes them.

What the quota decides is in the trials' records before anything follows from it, so that a
driver that starts again decides as this one did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.quota import Promotion, Quota
from slr_tune.study.record import RungEntry, TrialRecord, record_of
from slr_tune.study.rungs import budget_rungs, is_audited
from slr_tune.study.store import StudyStore


class Promotions:
    """Pauses trials and lets them continue.

    Attributes:
        quota: Rebuilt from the study.
        target: Trials that the study is to have.
    """

    def __init__(
        self,
        store: StudyStore,
        *,
        target: int,
        fits: Callable[[TrialRecord | None], bool] | None = None,
    ) -> None:
        """Rebuilds the quota from the stored records.

        Args:
            store: The study.
            target: Trials that the study is to have.
            fits: Whether there is time for a trial to reach its next rung; None where there is
                always.
        """
        self._store = store
        self.target = target
        self._fits = fits
        self.quota = quota_of(store)

    def pause(self, live: LiveTrial) -> bool:
        """Enters a trial at the rungs that it reached; returns whether it has to wait there.

        Where it is the next to be promoted, its worker continues with it.
        """
        waits = False
        for epoch in self._reached(live):
            # Cut short, the baseline would be no figure to compare the best trial with.
            exempt = live.number == 0 and self._store.spec.baseline is not None
            entry = self.quota.arrive(live.number, epoch, live.values.get(epoch), exempt=exempt)
            here = Promotion(live.number, epoch)
            if self.quota.next(partial(self._is_timely_beside, live)) == here:
                entry = replace(entry, resumed=self.quota.promote(here))
            live.record = replace(live.record, rungs=(*live.record.rungs, entry))
            self._store.write_record(live)
            waits = waits or entry.waits
        return waits

    def choose(self, *, started: bool) -> int | None:
        """The key of the trial that a free worker continues; None where it starts a new one.

        Args:
            started: Whether all trials requested are: then the audit lets some run on whom no
                promotion can reach.
        """
        while (promotion := self.quota.next(self._is_timely)) is not None:
            key = self._go_on(promotion, spared=False)
            if key is not None:
                return key
        for promotion in self._to_audit() if started else ():
            key = self._go_on(promotion, spared=True)
            if key is not None:
                return key
        return None

    def due(self) -> int:
        """How many of those that wait may continue at once, all trials being started."""
        quota, count = self.quota.copy(), sum(1 for _ in self._to_audit())
        while (promotion := quota.next(self._is_timely)) is not None:
            quota.promote(promotion)
            count += 1
        return count

    def prune(self) -> None:
        """Ends those that wait: every trial is started and nothing can be promoted."""
        trials = self._store.trials
        for promotion in self.quota.waiting:
            self._store.prune(trials[promotion.trial])

    def hopeless(self, *, trials: int) -> list[int]:
        """Numbers of those that wait and could not be promoted if so many trials were requested."""
        arrivals = trials - (self._store.spec.baseline is not None)
        return [promotion.trial for promotion in self.quota.hopeless(arrivals)]

    def by_chance(self) -> list[int]:
        """Numbers of those that wait, the least likely to be promoted first."""
        rungs = [[one for one in self.quota.waiting if one.epoch == e] for e in self.quota.epochs]
        return [promotion.trial for rung in rungs for promotion in reversed(rung)]

    def _to_audit(self) -> Iterator[Promotion]:
        spec = self._store.spec
        arrivals = self.target - (spec.baseline is not None)
        for promotion in self.quota.hopeless(arrivals):
            if not is_audited(promotion.trial, seed=spec.seed, share=spec.budget.audit):
                continue
            if self._is_timely(promotion, spared=True):
                yield promotion

    def _is_timely_beside(self, live: LiveTrial, promotion: Promotion) -> bool:
        """The same while a trial's newest epochs are in no stored record yet."""
        if promotion.trial == live.number:
            return self._fits is None or self._fits(live.record)
        return self._is_timely(promotion)

    def _is_timely(self, promotion: Promotion, *, spared: bool = False) -> bool:
        """Whether there is time for a promotion; for the audit's, to the trial's end."""
        if self._fits is None:
            return True
        record = record_of(self._store.trials[promotion.trial])
        assert record is not None
        if spared:
            rungs = tuple(replace(one, spared=one.epoch == promotion.epoch) for one in record.rungs)
            record = replace(record, rungs=rungs)
        return self._fits(record)

    def _go_on(self, promotion: Promotion, *, spared: bool) -> int | None:
        trial = self._store.trials[promotion.trial]
        place = self.quota.spare(promotion) if spared else self.quota.promote(promotion)
        record = record_of(trial)
        assert record is not None
        entry = next(one for one in record.rungs if one.epoch == promotion.epoch)
        return self._store.promote(trial, replace(entry, resumed=place, spared=spared))

    def _reached(self, live: LiveTrial) -> list[int]:
        """Rungs that a trial has reached and was not entered at."""
        if live.record.spared_at is not None:
            return []
        entered = {entry.epoch for entry in live.record.rungs}
        done = max(live.record.epochs, max(live.values, default=0))
        return [epoch for epoch in self.quota.epochs if epoch <= done and epoch not in entered]


def quota_of(store: StudyStore) -> Quota:
    """The quota of a study as its stored records give it."""
    budget = store.spec.budget
    quota = Quota(budget_rungs(budget), budget.reduction_factor, store.minimizes)
    trials = store.trials
    quota.replay(_entries(trials))
    for promotion in quota.waiting:
        # Somebody ended it by hand, or it failed in a way of its own.
        if trials[promotion.trial].state not in (TrialState.WAITING, TrialState.RUNNING):
            quota.withdraw(promotion.trial)
    return quota


def _entries(trials: list[FrozenTrial]) -> Iterator[tuple[int, RungEntry]]:
    for trial in trials:
        record = record_of(trial)
        for entry in () if record is None else record.rungs:
            yield trial.number, entry
