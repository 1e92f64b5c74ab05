"""What still fits into the time of a search: which trials are begun, which continue.

A trial is started where its first rung fits into the time that is left, and one that waits is
promoted where its next rung does. How long that takes is measured: seconds of an epoch, by its
share of the data, with what a worker spends between epochs. Where the study is to have no certain
number of trials, as many are planned as the quota can serve in the time, the pruning audit
counted; what then is left over goes into more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial

from slr_tune.search.study_clock import StudyClock
from slr_tune.study.pace import MOST_TRIALS, Pace, Schedule
from slr_tune.study.per_trial import PerTrial
from slr_tune.study.record import TrialRecord, is_imported, is_own, record_of
from slr_tune.study.segments import cost_between, study_segments

_MARGIN = 1.1
"""What is begun has to fit with a tenth to spare: epochs differ."""


class TimePlan:
    """Decides by the study's clock. Without a limit everything fits."""

    def __init__(self, clock: StudyClock, *, workers: int) -> None:
        """Takes the length of an epoch from the study's earlier runs, where there are any.

        Args:
            clock: Of the study.
            workers: Trials side by side.
        """
        spec = clock.store.spec
        self._clock, self._workers = clock, workers
        self.pace = Pace(study_segments(spec))
        self._schedule = Schedule.of(spec)
        self._since: dict[int, float] = {}
        self._handed_out = 0
        self._busy = self._trained = 0.0
        self._seconds = PerTrial(_own_seconds)
        for trial in clock.store.trials:
            self._note_earlier(trial)

    @property
    def limited(self) -> bool:
        """Whether the study's time has a limit."""
        return self._clock.limit is not None

    def hand_out(self, number: int) -> None:
        """A worker gets a trial."""
        self._handed_out += 1
        # The first worker of all has to start; what follows is what a trial costs.
        if self._handed_out > self._workers:
            self._since[number] = self._clock.now()

    def report(self, number: int, rows: Sequence[Mapping[str, float]]) -> None:
        """A worker reported epochs that it trained just now."""
        now, trained = self._clock.now(), 0.0
        for row in rows:
            seconds = float(row.get("seconds") or 0.0)
            if seconds > 0:
                self.pace.note(int(row["epoch"]), seconds)
                trained += seconds
        since = self._since.get(number)
        if since is not None and trained > 0:
            self._busy += now - since
            self._trained += trained
            self.pace.overhead = max(1.0, self._busy / self._trained)
        self._since[number] = now

    def fits_new(self) -> bool:
        """Whether a new trial can reach its first rung."""
        return self._fits(0, self.pace.segments[0].end)

    def fits(self, record: TrialRecord | None) -> bool:
        """Whether a trial that was begun can reach its next rung, or its end, at its own pace."""
        if record is None or not record.epochs:
            return self.fits_new()
        return self._fits(record.epochs, self._next_stop(record), self._own_pace(record))

    def trials(self, most: int | None) -> int:
        """Trials that the study is to have: the requested ones, or fewer where time is short."""
        bound = MOST_TRIALS if most is None else most
        left = self._clock.left
        if left is None or not self.pace.known:
            return bound
        seconds = max(0.0, left) * self._workers + self._spent()
        return min(bound, self._schedule.trials(seconds, self.pace))

    def _fits(self, start: int, end: int, factor: float = 1.0) -> bool:
        left = self._clock.left
        if left is None:
            return True
        if not self.pace.known:
            return left > 0
        return _MARGIN * factor * self.pace.between(start, end) <= left

    def _next_stop(self, record: TrialRecord) -> int:
        """Where a trial stops next: one that nothing pauses any more only at its end."""
        segments = self.pace.segments
        if record.spared_at is not None or any(entry.exempt for entry in record.rungs):
            return segments[-1].end
        return next((one.end for one in segments if one.end > record.epochs), segments[-1].end)

    def _own_pace(self, record: TrialRecord) -> float:
        """A trial's own epochs as a multiple of the mean ones."""
        usual = self.pace.between(0, record.epochs) / self.pace.overhead
        return record.seconds / usual if record.seconds > 0 and usual > 0 else 1.0

    def _spent(self) -> float:
        """Seconds on workers of all trials so far."""
        store = self._clock.store
        seconds = [*self._seconds.look(store.trials)]
        for number, live in store.live.items():
            seconds[number] = live.record.seconds
        return sum(seconds) * self.pace.overhead

    def _note_earlier(self, trial: FrozenTrial) -> None:
        record = record_of(trial)
        if record is None or is_imported(trial) or not record.epochs or record.seconds <= 0:
            return
        segments = self.pace.segments
        each = record.seconds / cost_between(segments, 0, record.epochs)
        for epoch in range(1, record.epochs + 1):
            self.pace.note(epoch, each * cost_between(segments, epoch - 1, epoch))


def _own_seconds(trial: FrozenTrial) -> float:
    """Seconds of a trial's epochs; 0 of one that was not asked for."""
    record = record_of(trial) if is_own(trial) else None
    return 0.0 if record is None else record.seconds
