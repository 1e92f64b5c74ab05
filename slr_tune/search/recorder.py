"""The driver's book-keeping: every report of a worker becomes an entry in the study and a decision.

Ray's scheduler and searcher both call this one object, in the driver's thread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from optuna.exceptions import UpdateFinishedTrialError

from slr_tune.errors import RunFailed, StudyLocked
from slr_tune.search.attempts import LIMIT, Attempts
from slr_tune.search.checkpoint_room import CheckpointRoom
from slr_tune.search.promotions import Promotions
from slr_tune.search.sampler import sampler_for, source_of
from slr_tune.search.study_clock import StudyClock
from slr_tune.search.surrogate import LastFit
from slr_tune.search.time_plan import TimePlan
from slr_tune.study.buffered_storage import BATCH_SECONDS
from slr_tune.study.lock import StudyLock
from slr_tune.study.presence import Presence
from slr_tune.study.record import is_queued, record_of
from slr_tune.study.rungs import Rungs, budget_rungs, is_audited
from slr_tune.study.storage import FREE_SPACE
from slr_tune.study.store import LiveTrial, StudyStore
from slr_tune.text import duration
from trainables.registry import run_title

logger = logging.getLogger(__name__)

T = TypeVar("T")

ERRORS_IN_A_ROW = 3
"""Trials that may fail by an error in a row, none reporting an epoch, before the run ends."""

_BUSY_WAITS = 4
"""Decisions within `BATCH_SECONDS` after which the next ones wait for each other."""


@dataclass(frozen=True)
class Report:
    """What a worker sends after some epochs, or when it took a trial up.

    Attributes:
        rows: The newest rows of the curve; all of them from epoch 1 where `history` is set.
        history: Whether this is a run's account of itself after a restart, nothing trained.
        ended_by: The run's own reason to end, or "error", "oom", "disk_full", "unreadable",
            "missing_folder"; None to continue.
        error: Text of the error.
        facts: What the run reports about itself: parameters, memory, remedies.
        checkpoint: Best checkpoint, relative to the trial's folder.
        notice: What a person should know meanwhile.
        refused: Whether the run's own code breaks the protocol, which no configuration fixes.
    """

    rows: Sequence[Mapping[str, float]]
    history: bool = False
    ended_by: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    checkpoint: str | None = None
    notice: str | None = None
    refused: bool = False


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
        self._most = target
        self.plan = TimePlan(clock or StudyClock(store), workers=workers)
        self._stopped = stopped
        self._attempts = Attempts(store.trials, timeout=store.spec.resources.trial_timeout)
        self.workers = workers
        self.gpus = gpus
        self.presence: Presence | None = None
        self._errors_in_a_row = 0
        self._noticed: set[str] = set()
        self._drained = False
        self.failure: Exception | None = None
        self.rungs = rungs_of(store)
        pauses = store.spec.search.scheduler == "promotion"
        planned = self.plan.trials(target)
        fits = self.plan.fits if self.plan.limited else None
        self.promotions = Promotions(store, target=planned, fits=fits) if pauses else None
        self._room = CheckpointRoom(store, self.promotions, target=planned, workers=workers)
        self.begun: set[int] = set()
        self._idle = False
        self._chosen: Callable[[], LiveTrial | None] | None = None
        self._last_fit = LastFit()
        self._decided = False
        self._untidy = False
        self._waits: deque[float] = deque(maxlen=_BUSY_WAITS)

    @property
    def rung_epochs(self) -> tuple[int, ...]:
        """Epochs after which it is decided whether a trial continues."""
        return () if self.store.spec.search.scheduler == "none" else self.rungs.epochs

    def ready(self) -> int:
        """How many trials may go to a worker at once, were there enough workers."""
        new = self._planned() - len(self.store.own_trials)
        due = 0 if self.promotions is None else self.promotions.due()
        return self.store.waiting() + max(0, new) + due

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
            self._check_lock()
            self._chosen = self._choose(busy)
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

    def _choose(self, busy: int) -> Callable[[], LiveTrial | None] | None:
        """First who waits for a worker, then who is promoted, then somebody new.

        Returns:
            What starts the trial, once it is stored that it starts.
        """
        started = len(self.store.own_trials) >= self._planned()
        if started and not busy:
            self.store.stored(ask=True)  # somebody may have enqueued another
        queued, own = self.store.waiting() > 0, len(self.store.own_trials)
        due = self.promotions is not None and started and self.promotions.due() > 0
        done = started and not queued and not due
        at_once = busy == 0 and (done or self._attempts.one_alone)
        again = self._attempts.take_again(at_once=at_once)
        if again is not None:
            return partial(self.store.live.get, again)
        if self.promotions is not None and not queued:
            key = self.promotions.choose(started=started)
            if key is not None:
                return partial(self.store.start, key)
        asked = self._most is None or own < self._most
        # What was planned is started: time that is left goes into more trials.
        if (queued or not started or (asked and self.plan.limited)) and self._fits(queued):
            return partial(self.store.start, self._new_or_queued())
        if self.promotions is None:
            self._drained = True
        elif not busy and not self._attempts.waiting:
            if not self.is_short:
                self.promotions.prune()
            self._drained = True
        return None

    def gpus_of(self, number: int) -> float:
        """Part of a GPU that a trial may use: all of it where it is tried alone."""
        return 1.0 if self._attempts.is_alone(number) else self.gpus

    @property
    def is_short(self) -> bool:
        """Whether the study's time, and nothing else, keeps a trial from being begun."""
        if not self.plan.limited:
            return False
        if self._most is None or len(self.store.own_trials) < self._most or self.store.waiting():
            return True
        return self.promotions is not None and self.promotions.quota.next() is not None

    def _planned(self) -> int:
        """Trials that the study is to have at present."""
        planned = self.plan.trials(self._most)
        self._room.target = planned
        if self.promotions is not None:
            self.promotions.target = planned
        return planned

    def _fits(self, queued: bool) -> bool:
        """Whether there is time for the trial that would be started next."""
        if not (queued and self.plan.limited):
            return self.plan.fits_new()
        first = next(filter(is_queued, self.store.trials), None)
        return self.plan.fits(None if first is None else record_of(first))

    def _new_or_queued(self) -> int:
        spec = self.store.spec
        sampler = sampler_for(spec, self.store.next_number(), self._last_fit)
        return self.store.choose(sampler, lambda: source_of(spec, sampler))

    @property
    def drained(self) -> bool:
        """Whether no trial is left to start; one whose worker dies comes back into the queue."""
        return (self._drained and not self._attempts.waiting) or self.failure is not None

    @property
    def asked_to_end(self) -> bool:
        """Whether an end was requested, or the time is up."""
        return self._stopped()

    def report(self, number: int, report: Report) -> bool:
        """Stores what a worker sent.

        Returns:
            Whether the trial has ended. Before a worker hears of it, see `may_tell`.
        """
        live = self.store.live.get(number)
        self._decided = False
        if live is None:
            return True
        self._idle = False
        self._check_lock()
        self._check_presence(live)
        if report.ended_by in ("disk_full", "unreadable"):
            hint = FREE_SPACE if report.ended_by == "disk_full" else ""
            raise RunFailed(f"trial {number}: {report.error}", hint=hint)
        if report.refused:
            self._enter(live, _not_ended(report))  # the epochs before it are sound
            raise RunFailed(
                f"{run_title(self.store.spec.trainable)}: {report.error}",
                hint="No trial is charged with it: fix the run, then run the same command again.",
            )
        if report.ended_by in ("error", "oom") and self._stopped():
            report = _not_ended(report)  # a signal to all processes ended what the run needs
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
        """Whether the worker of the last report may hear what was decided: once it is stored.

        Where decisions come thick and fast they wait for each other, and share a transaction.
        """
        if not self._decided:
            return True
        now = time.monotonic()
        full = len(self._waits) == _BUSY_WAITS and now - self._waits[0] < BATCH_SECONDS
        if full:
            return False
        self._waits.append(now)
        done = self.store.stored()
        self._tidy_up()
        return done

    def keep_up(self) -> bool:
        """To be called often: stores what has waited long enough; returns whether all is stored."""
        self.store.keep_up()
        self._tidy_up()
        return self.store.settled

    def _tidy_up(self) -> None:
        """A trial's checkpoint goes once it is stored that nobody needs it."""
        if self._untidy and self.store.settled:
            self._untidy = False
            self._room.tidy()

    def _enter(self, live: LiveTrial, report: Report) -> bool:
        if _is_blameless(report, epochs=live.record.epochs):
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
            self._errors_in_a_row = 0
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
        self._drained = False
        if not charged:
            self._attempts.in_a_row += 1
            self._blame_machine(number, error)

    def lost_node(self, number: int) -> None:
        """A worker went with its node: nobody's fault, and no sign that a machine is at fault."""
        live = self.store.live.get(number)
        self._idle = False
        if live is None or self._stopped():
            return
        self._attempts.forget(number)
        logger.warning("trial %d lost its node and moves to another", number)
        self.store.park(live)
        self._drained = False

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
            self._check_lock()
            live = self.store.live.get(number)
            self._attempts.forget(number)
            if live is not None:
                logger.warning("trial %d finished no epoch in time and is given up", number)
                limit = duration(self._attempts.limit() or 0.0)
                self.store.finish(live, "timeout", error=f"no epoch within {limit}")
        return numbers

    def _failed_to_start(self, live: LiveTrial, reason: str, error: str) -> None:
        """A trial did not reach its first epoch: try it again, or find out whose fault it is."""
        number = live.number
        crowded = reason == "oom" and 0 < self.gpus < 1
        times = self._attempts.fail(number, crowded=crowded)
        if times >= LIMIT and self._attempts.in_a_row < LIMIT and reason in ("oom", "killed"):
            # Others reached theirs meanwhile.
            self._attempts.forget(number)
            self.store.finish(live, reason, error=error)
            return
        logger.warning(
            "trial %d did not reach its first epoch and will be tried again: %s",
            number,
            _last_word(error),
        )
        self._blame_machine(number, error)

    def _blame_machine(self, number: int, error: str) -> None:
        """Ends the run after some failures in a row, or continues with the workers that get on."""
        if self._attempts.in_a_row < LIMIT:
            return
        busy = self._attempts.busy(self.store.live)
        if busy:
            self.workers, self._attempts.in_a_row = busy, 0
            logger.warning("continuing with %d trials at a time", busy)
            return
        raise RunFailed(
            f"{LIMIT} runs in a row made no progress, the last (trial {number}) with: "
            f"{_last_word(error)}",
            hint="No trial is charged with it; they wait. Free the memory or the GPU, take fewer "
            "--workers, or mount the missing folder; then run the same command again.",
        )

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
                hint="The other driver continues it; see slr-tune list.",
            )

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
        self._decided = over or live.record.rungs != rungs
        if over:
            self._untidy = True
            self._tidy_up()
        return over

    def _over(self, live: LiveTrial, report: Report) -> bool:
        """The run's own end comes before ASHA's: a run that is over cannot be stopped."""
        if report.ended_by is not None:
            self._attempts.forget(live.number)
            self.store.finish(live, report.ended_by, error=report.error)
            if report.ended_by == "error" and not report.rows:
                self._count_error(live.number, report.error or "")
            return True
        if self.promotions is not None:
            return self._paused_at_rung(live, self.promotions)
        stopped = self._stopped_at_rung(live)
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

    def _stopped_at_rung(self, live: LiveTrial) -> bool:
        spec = self.store.spec
        decided = {entry.epoch for entry in live.record.rungs}
        for epoch in self.rung_epochs:
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


def _is_blameless(report: Report, *, epochs: int) -> bool:
    """Whether an end shows nothing about the configuration: there was no room, or no folder."""
    begun = bool(report.rows or epochs)
    return report.ended_by == "missing_folder" or (report.ended_by == "oom" and not begun)


def _not_ended(report: Report) -> Report:
    """Its epochs alone: the trial waits for the next start."""
    return replace(report, ended_by=None, error=None)


def _last_word(error: str) -> str:
    """What an error says: a traceback's last line, the whole of a message."""
    lines = error.strip().splitlines() or ["no text"]
    return lines[-1] if lines[0].startswith("Traceback") else "\n  ".join(lines)


def rungs_of(store: StudyStore) -> Rungs:
    """The rungs of a study that stops trials, as its stored records give them."""
    budget = store.spec.budget
    rungs = Rungs(budget_rungs(budget), budget.reduction_factor, store.minimizes)
    records = filter(None, map(record_of, store.trials))
    rungs.replay(entry for record in records for entry in record.rungs)
    return rungs
