"""Who gets a free worker: one that waits, one that is promoted, or a new one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from slr_tune.search.attempts import Attempts
from slr_tune.search.checkpoint_room import CheckpointRoom
from slr_tune.search.promotions import Promotions
from slr_tune.search.sampler import sampler_for, source_of
from slr_tune.search.surrogate import LastFit
from slr_tune.search.time_plan import TimePlan
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.record import record_of
from slr_tune.study.store import StudyStore


class TrialChoice:
    """Chooses the trial that a worker gets.

    Attributes:
        promotions: Of a strategy that pauses trials at their rungs; None of others.
        plan: What still fits into the study's time.
        room: Told how many trials are planned.
        drained: Whether no trial was left to start at the last choice.
    """

    def __init__(
        self,
        store: StudyStore,
        attempts: Attempts,
        *,
        plan: TimePlan,
        target: int | None,
        workers: int,
    ) -> None:
        """Chooses nothing yet.

        Args:
            store: The study.
            attempts: Trials that are to be tried again.
            plan: What still fits into the study's time.
            target: Trials requested; None for as many as the study's time allows.
            workers: Trials that may run side by side.
        """
        self._store, self._attempts, self.plan, self._most = store, attempts, plan, target
        pauses = store.spec.search.scheduler == "promotion"
        planned = plan.trials(target)
        fits = plan.fits if plan.limited else None
        self.promotions = Promotions(store, target=planned, fits=fits) if pauses else None
        self.room = CheckpointRoom(store, self.promotions, target=planned, workers=workers)
        self.drained = False
        self._last_fit = LastFit()

    def ready(self) -> int:
        """How many trials may go to a worker at once, were there enough workers."""
        new = self._planned() - self._store.own_count
        due = 0 if self.promotions is None else self.promotions.due()
        return self._store.waiting() + max(0, new) + due

    def choose(self, busy: int) -> Callable[[], LiveTrial | None] | None:
        """First who waits for a worker, then who is promoted, then a new one.

        Returns:
            What starts the trial, once it is stored that it starts.
        """
        started = self._store.own_count >= self._planned()
        if started and not busy:
            self._store.stored(ask=True)  # somebody may have enqueued another
        queued, own = self._store.waiting() > 0, self._store.own_count
        due = self.promotions is not None and started and self.promotions.due() > 0
        done = started and not queued and not due
        at_once = busy == 0 and (done or self._attempts.one_alone)
        again = self._attempts.take_again(at_once=at_once)
        if again is not None:
            return partial(self._store.live.get, again)
        if self.promotions is not None and not queued:
            key = self.promotions.choose(started=started)
            if key is not None:
                return partial(self._store.start, key)
        asked = self._most is None or own < self._most
        # What was planned is started: time that is left goes into more trials.
        if (queued or not started or (asked and self.plan.limited)) and self._fits(queued):
            return partial(self._store.start, self._new_or_queued())
        if self.promotions is None:
            self.drained = True
        elif not busy and not self._attempts.waiting:
            if not self.is_short:
                self.promotions.prune()
            self.drained = True
        return None

    @property
    def is_short(self) -> bool:
        """Whether the study's time, and nothing else, keeps a trial from being begun."""
        if not self.plan.limited:
            return False
        if self._most is None or self._store.own_count < self._most or self._store.waiting():
            return True
        return self.promotions is not None and self.promotions.quota.next() is not None

    def _planned(self) -> int:
        """Trials that the study is to have as things stand."""
        planned = self.plan.trials(self._most)
        self.room.target = planned
        if self.promotions is not None:
            self.promotions.target = planned
        return planned

    def _fits(self, queued: bool) -> bool:
        """Whether there is time for the trial that would be started next."""
        if not (queued and self.plan.limited):
            return self.plan.fits_new()
        first = self._store.first_queued
        return self.plan.fits(None if first is None else record_of(first))

    def _new_or_queued(self) -> int:
        spec = self._store.spec
        sampler = sampler_for(spec, self._store.next_number(), self._last_fit)
        return self._store.choose(sampler, lambda: source_of(spec, sampler))
