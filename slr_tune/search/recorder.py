"""The driver's book-keeping: every report of a worker becomes an entry in the study and a decision.

Ray's scheduler and searcher both call this one object, in the driver's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from slr_tune.errors import RunFailed, StudyLocked
from slr_tune.search.sampler import tpe
from slr_tune.study.lock import StudyLock
from slr_tune.study.presence import Presence
from slr_tune.study.record import record_of
from slr_tune.study.rungs import Rungs, budget_rungs, is_audited
from slr_tune.study.storage import FREE_SPACE
from slr_tune.study.store import LiveTrial, StudyStore

logger = logging.getLogger(__name__)

T = TypeVar("T")

ERRORS_IN_A_ROW = 3
"""Trials that may fail by an error in a row, none reporting an epoch, before the run ends."""


@dataclass(frozen=True)
class Report:
    """What a worker sends after some epochs, or when it took a trial up.

    Attributes:
        rows: The newest rows of the curve; all of them from epoch 1 where `history` is set.
        history: Whether this is a run's account of itself after a restart, nothing trained.
        ended_by: The run's own reason to end, or "error", "oom", "disk_full"; None to go on.
        error: Text of the error.
        facts: What the run tells of itself: parameters, memory, remedies.
        checkpoint: Best checkpoint, relative to the trial's folder.
    """

    rows: Sequence[Mapping[str, float]]
    history: bool = False
    ended_by: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    checkpoint: str | None = None


class Recorder:
    """Turns reports into the study's entries and into decisions; remembers what went wrong.

    Attributes:
        store: The study.
        workers: Trials that may run side by side.
        presence: Looks whether the study's files are still there; None looks at nothing.
        rungs: ASHA's rungs, rebuilt from the study.
        failure: Why the run cannot go on; None while it can.
    """

    def __init__(self, store: StudyStore, lock: StudyLock, *, target: int, workers: int) -> None:
        """Rebuilds the rungs from the stored trials."""
        self.store = store
        self.lock = lock
        self._target = target
        self.workers = workers
        self.presence: Presence | None = None
        self._errors_in_a_row = 0
        self._drained = False
        self.failure: Exception | None = None
        self.rungs = rungs_of(store)

    def next_trial(self) -> LiveTrial | None:
        """Starts a trial, None where no worker is free or none is left to start.

        Ray asks after every result, so the database is read only where a worker waits for the
        answer: reading the unfinished trials each time cost more than all else the driver does.
        """
        if len(self.store.live) >= self.workers or self.drained:
            return None
        self._check_lock()
        trials = self.store.trials
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        if not waiting and len(self.store.own_trials) >= self._target:
            self._drained = True
            return None
        return self.store.start_trial(tpe(seed=self.store.spec.seed, number=len(trials)))

    @property
    def drained(self) -> bool:
        """Whether no trial is left to start; one whose worker dies comes back into the queue."""
        return self._drained or self.failure is not None

    def report(self, number: int, report: Report) -> bool:
        """Stores what a worker sent.

        Returns:
            Whether the trial has ended.
        """
        live = self.store.live.get(number)
        if live is None:
            return True
        self._check_lock()
        self._check_presence(live)
        if report.ended_by == "disk_full":
            raise RunFailed(f"trial {number}: {report.error}", hint=FREE_SPACE)
        try:
            return self._enter(live, report)
        except UpdateFinishedTrialError:
            # Somebody ended it by hand, in the dashboard for instance. Their word stands.
            self.store.live.pop(number, None)
            return True

    def _enter(self, live: LiveTrial, report: Report) -> bool:
        if report.history:
            self.store.catch_up(live, report.rows)
        else:
            for row in report.rows:
                self.store.add_row(live, row)
        if report.rows:
            self._errors_in_a_row = 0
        self._note_facts(live, report)
        return self._verdict(live, report)

    def lost_worker(self, number: int, error: str) -> None:
        """A worker died with a trial in its hands: try it again, or give it up."""
        live = self.store.live.get(number)
        if live is None:
            return
        if self.store.exhausted(live):
            self.store.finish(live, "killed", error=error)
        else:
            logger.warning("trial %d lost its worker and will be taken up again", number)
            self.store.park(live, blameless=False)
            self._drained = False

    def sweep(self) -> list[int]:
        """Parks what is still in the air when the run ends early; returns the trials' numbers."""
        numbers = sorted(self.store.live)
        for number in numbers:
            self.store.park(self.store.live[number])
        return numbers

    def guarded(self, work: Callable[[], T], instead: T) -> T:
        """Runs one step of the book-keeping inside Ray's loop, which would swallow an exception.

        Returns:
            What `work` returns, or what is given `instead` once something went wrong.
        """
        if self.failure is None:
            try:
                return work()
            except Exception as error:
                self.failure = error
        return instead

    def _check_lock(self) -> None:
        if self.lock.lost.is_set():
            raise StudyLocked(
                f"study {self.store.spec.study!r} was taken over by another driver, because this "
                "one gave no sign of life for a minute",
                hint="The other one goes on with it; see slr-tune list.",
            )

    def _check_presence(self, live: LiveTrial) -> None:
        if self.presence is not None:
            folder = live.curve.path.parent
            curve = [live.curve.path] if live.written else []
            self.presence.check(folder, *curve)

    def _note_facts(self, live: LiveTrial, report: Report) -> None:
        facts = dict(report.facts or {})
        told: dict[str, Any] = {
            key: facts.pop(key) for key in ("parameters", "peak_memory_bytes") if key in facts
        }
        if report.checkpoint is not None:
            told["checkpoint"] = f"trials/{live.number}/{report.checkpoint}"
        live.record = replace(live.record, facts={**live.record.facts, **facts}, **told)

    def _verdict(self, live: LiveTrial, report: Report) -> bool:
        """The run's own end comes before ASHA's: a run that is over cannot be stopped."""
        if report.ended_by is not None:
            self.store.finish(live, report.ended_by, error=report.error)
            if report.ended_by == "error" and not report.rows:
                self._count_error(live.number, report.error or "")
            return True
        stopped = self._stopped_at_rung(live)
        if stopped:
            self.store.finish(live, "asha")
        return stopped

    def _stopped_at_rung(self, live: LiveTrial) -> bool:
        spec = self.store.spec
        decided = {entry.epoch for entry in live.record.rungs}
        for epoch in self.rungs.epochs:
            if epoch in decided or epoch not in live.values:
                continue
            if live.record.spared_at is not None:
                break
            # Cut short, the baseline would be no figure to compare the best trial with.
            exempt = live.number == 0 and spec.baseline is not None
            audited = is_audited(live.number, seed=spec.seed, share=spec.budget.audit)
            entry = self.rungs.decide(epoch, live.values[epoch], exempt=exempt, audited=audited)
            live.record = replace(live.record, rungs=(*live.record.rungs, entry))
            self.store.write_record(live)
        return any(entry.stopped for entry in live.record.rungs)

    def _count_error(self, number: int, error: str) -> None:
        self._errors_in_a_row += 1
        if self._errors_in_a_row >= ERRORS_IN_A_ROW:
            raise RunFailed(
                f"{ERRORS_IN_A_ROW} trials in a row failed before their first epoch, the last "
                f"(trial {number}) with: {_last_word(error)}",
                hint=f"See slr-tune show {self.store.spec.study} --trial {number} for the whole "
                "error.",
            )


def _last_word(error: str) -> str:
    """The line of an error that says what happened: a traceback's last, a message's first."""
    lines = error.strip().splitlines() or ["no text"]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def rungs_of(store: StudyStore) -> Rungs:
    """The rungs of a study as its stored records give them."""
    budget = store.spec.budget
    rungs = Rungs(budget_rungs(budget), budget.reduction_factor, store.minimizes)
    records = filter(None, map(record_of, store.trials))
    rungs.replay(entry for record in records for entry in record.rungs)
    return rungs
