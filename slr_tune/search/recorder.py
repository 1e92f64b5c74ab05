"""The driver's book-keeping: every report of a worker becomes an entry in the study and a decision.

Ray's scheduler and searcher both call this one object, in the driver's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from optuna.exceptions import UpdateFinishedTrialError

from slr_tune.errors import RunFailed
from slr_tune.search.attempts import Attempts
from slr_tune.search.failures import Failures
from slr_tune.search.promotions import Promotions
from slr_tune.search.stopping_rungs import StoppingRungs
from slr_tune.search.stored_answers import StoredAnswers
from slr_tune.search.study_clock import StudyClock
from slr_tune.search.time_plan import TimePlan
from slr_tune.search.trial_choice import TrialChoice
from slr_tune.search.worker_report import Report, is_blameless, not_ended
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.lock import StudyLock
from slr_tune.study.presence import Presence
from slr_tune.study.storage import FREE_SPACE
from slr_tune.study.store import StudyStore
from slr_tune.text import duration
from trainables.registry import run_title

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Recorder:
    """Turns reports into the study's entries and into decisions; remembers what went wrong.

    Attributes:
        store: The study.
        workers: Trials that may run side by side.
        gpus: GPUs of a trial.
        presence: Looks whether the study's files are still there; None looks at nothing.
        rungs: ASHA's rungs, rebuilt from the study, of a strategy that stops trials there.
        promotions: Of a strategy that pauses them there; None of others.
        plan: What still fits into the study's time.
        begun: Numbers of the trials that went to a worker.
        failure: Why the run cannot continue; None while it can.
    """

    def __init__(
        self,
        store: StudyStore,
        lock: StudyLock,
        *,
        target: int | None,
        workers: int,
        stopped: Callable[[], bool] = lambda: False,
        gpus: float = 0.0,
        clock: StudyClock | None = None,
    ) -> None:
        """Rebuilds the rungs from the stored trials.

        Args:
            store: The study.
            lock: Held by this driver.
            target: Trials requested; None for as many as the study's time allows.
            workers: Trials that may run side by side.
            stopped: Whether somebody asked to end: a worker that dies then is nobody's fault.
            gpus: GPUs of a trial; below 1 trials share a card.
            clock: The study's; None for one that starts now.
        """
        self.store = store
        self.lock = lock
        self.plan = TimePlan(clock or StudyClock(store), workers=workers)
        self._stopped = stopped
        self._attempts = Attempts(store.trials, timeout=store.spec.resources.trial_timeout)
        self.workers = workers
        self.gpus = gpus
        self.presence: Presence | None = None
        self._noticed: set[str] = set()
        self.failure: Exception | None = None
        self._stopping = StoppingRungs(store)
        self.rungs = self._stopping.rungs
        self._choice = TrialChoice(
            store, self._attempts, plan=self.plan, target=target, workers=workers
        )
        self.promotions, self._room = self._choice.promotions, self._choice.room
        self.begun: set[int] = set()
        self._idle = False
        self._chosen: Callable[[], LiveTrial | None] | None = None
        self._failures = Failures(store, self._attempts)
        self._answers = StoredAnswers(store, self._room)

    @property
    def rung_epochs(self) -> tuple[int, ...]:
        """Epochs after which it is decided whether a trial continues."""
        return self._stopping.epochs

    def ready(self) -> int:
        """How many trials may go to a worker at once, were there enough workers."""
        return self._choice.ready()

    @property
    def is_short(self) -> bool:
        """Whether the study's time, and nothing else, keeps a trial from being begun."""
        return self._choice.is_short

    def next_trial(self) -> LiveTrial | None:
        """Starts a trial or continues a paused one; None where no worker is free or none is left.

        Ray asks after every result, so the database is read only where a worker waits for the
        answer and something has happened since the last one: reading the unfinished trials each
        time cost more than all else the driver does.
        """
        busy = self._attempts.busy(self.store.live)
        if self._chosen is None:
            if busy >= self.workers or self.drained or (self._idle and busy) or self.store.away:
                return None
            if busy and self._attempts.one_alone:
                return None
            self.lock.check()
            self._chosen = self._choice.choose(busy)
            self._idle = self._chosen is None
        if self._chosen is None or not self.store.stored():
            return None  # a worker gets what is stored
        start, self._chosen = self._chosen, None
        live = start()
        if live is not None:
            self.begun.add(live.number)
            self.plan.hand_out(live.number)
            self._attempts.hand_out(live.number)
        return live

    def gpus_of(self, number: int) -> float:
        """Part of a GPU that a trial may use: all of it where it is tried alone."""
        return 1.0 if self._attempts.is_alone(number) else self.gpus

    @property
    def drained(self) -> bool:
        """Whether no trial is left to start; one whose worker dies comes back into the queue."""
        return (self._choice.drained and not self._attempts.waiting) or self.failure is not None

    @property
    def asked_to_end(self) -> bool:
        """Whether an end was requested, or the time is up."""
        return self._stopped()

    def report(self, number: int, report: Report) -> bool:
        """Stores what a worker sent.

        Returns:
            Whether the trial has ended. Before a worker hears of it, see `may_report`.
        """
        live = self.store.live.get(number)
        self._answers.decided = False
        if live is None:
            return True
        self._idle = False
        self.lock.check()
        self._check_presence(live)
        if report.ended_by in ("disk_full", "unreadable"):
            hint = FREE_SPACE if report.ended_by == "disk_full" else ""
            raise RunFailed(f"trial {number}: {report.error}", hint=hint)
        if report.refused:
            self._enter(live, not_ended(report))  # the epochs before it are sound
            raise RunFailed(
                f"{run_title(self.store.spec.trainable)}: {report.error}",
                hint="No trial is charged with it: fix the run, then run the same command again.",
            )
        if report.ended_by in ("error", "oom") and self._stopped():
            report = not_ended(report)  # a signal to all processes ended what the run needs
        if report.notice is not None and report.notice not in self._noticed:
            self._noticed.add(report.notice)
            logger.warning("trial %d: %s", number, report.notice)
        try:
            return self._enter(live, report)
        except UpdateFinishedTrialError:
            # Somebody ended it by hand, in the dashboard for instance. Their decision counts.
            self.store.live.pop(number, None)
            self._attempts.forget(number)
            return True

    def may_report(self) -> bool:
        """Whether the worker of the last report may hear what was decided: once it is stored."""
        return self._answers.may_report()

    def keep_up(self) -> bool:
        """To be called often: stores what has waited long enough; returns whether all is stored."""
        return self._answers.keep_up()

    def _enter(self, live: LiveTrial, report: Report) -> bool:
        if is_blameless(report, epochs=live.record.epochs):
            self._failed_to_start(live, str(report.ended_by), report.error or "")
            return True
        if report.rows and not report.history:
            self._attempts.report(live.number, report.rows)
            self.plan.report(live.number, report.rows)
        elif report.ended_by is None:
            self._attempts.alive(live.number)
        if report.history:
            self.store.catch_up(live, report.rows)
        else:
            for row in report.rows:
                self.store.add_row(live, row)
        if report.rows:
            self._failures.epoch_came()
        self._note_facts(live, report)
        return self._verdict(live, report)

    def lost_worker(self, number: int, error: str) -> None:
        """A worker died with a trial in its hands: try it again, or give it up."""
        live = self.store.live.get(number)
        self._idle = False
        if live is None:
            return
        if self._stopped():
            return  # parked with the others
        if not live.record.epochs:
            self._failed_to_start(live, "killed", error)
            return
        charged = self._attempts.lived_long(number)
        self._attempts.forget(number)
        if charged and self.store.exhausted(live):
            self.store.finish(live, "killed", error=error)
            return
        logger.warning("trial %d lost its worker and will be resumed", number)
        self.store.park(live, blameless=not charged)
        self._choice.drained = False
        if not charged:
            self._attempts.in_a_row += 1
            self.workers = self._failures.blame_machine(number, error) or self.workers

    def lost_node(self, number: int) -> None:
        """A worker went with its node: nobody's fault, and no sign that a machine is at fault."""
        live = self.store.live.get(number)
        self._idle = False
        if live is None or self._stopped():
            return
        self._attempts.forget(number)
        logger.warning("trial %d lost its node and moves to another", number)
        self.store.park(live)
        self._choice.drained = False

    def begin(self, number: int) -> None:
        """The worker of a trial is there; its epochs count from now on."""
        if number in self.store.live:
            self._attempts.begin(number)

    def resize(self, workers: int) -> None:
        """Nodes joined or left: so many trials may run side by side now."""
        self.workers = workers
        self._idle = False

    def time_out(self) -> list[int]:
        """Ends the trials that finished no epoch in time; their workers are to be replaced."""
        numbers = self._attempts.overdue()
        for number in numbers:
            self._idle = False
            self.lock.check()
            live = self.store.live.get(number)
            self._attempts.forget(number)
            if live is not None:
                logger.warning("trial %d finished no epoch in time and is given up", number)
                limit = duration(self._attempts.limit() or 0.0)
                self.store.finish(live, "timeout", error=f"no epoch within {limit}")
        return numbers

    def _failed_to_start(self, live: LiveTrial, reason: str, error: str) -> None:
        """A trial did not reach its first epoch: fewer run if the machine is at fault."""
        shared = 0 < self.gpus < 1
        able = self._failures.failed_to_start(live, reason, error, shares_card=shared)
        self.workers = able or self.workers

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

    def _check_presence(self, live: LiveTrial) -> None:
        if self.presence is not None:
            folder = live.curve.path.parent
            curve = [live.curve.path] if live.written else []
            self.presence.check(folder, *curve)

    def _note_facts(self, live: LiveTrial, report: Report) -> None:
        facts = dict(report.facts or {})
        changes: dict[str, Any] = {
            key: facts.pop(key) for key in ("parameters", "peak_memory_bytes") if key in facts
        }
        if report.checkpoint is not None:
            changes["checkpoint"] = f"trials/{live.number}/{report.checkpoint}"
        live.record = replace(live.record, facts={**live.record.facts, **facts}, **changes)

    def _verdict(self, live: LiveTrial, report: Report) -> bool:
        """Whether a trial leaves its worker; what nobody needs any more goes from the disk."""
        rungs = live.record.rungs
        over = self._over(live, report)
        self._answers.decided = over or live.record.rungs != rungs
        if over:
            self._answers.untidy = True
            self._answers.tidy_up()
        return over

    def _over(self, live: LiveTrial, report: Report) -> bool:
        """The run's own end comes before ASHA's: a run that is over cannot be stopped."""
        if report.ended_by is not None:
            self._attempts.forget(live.number)
            self.store.finish(live, report.ended_by, error=report.error)
            if report.ended_by == "error" and not report.rows:
                self._failures.count_error(live.number, report.error or "")
            return True
        if self.promotions is not None:
            return self._paused_at_rung(live, self.promotions)
        stopped = self._stopping.stops(live)
        if stopped:
            self._attempts.forget(live.number)
            self.store.finish(live, "asha")
        return stopped

    def _paused_at_rung(self, live: LiveTrial, promotions: Promotions) -> bool:
        paused = promotions.pause(live)
        if paused:
            self._attempts.forget(live.number)
            self.store.park(live)
        return paused
