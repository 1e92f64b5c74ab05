"""One run of a search: open or resume the study, prepare what it needs, hand it to Ray Tune."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slr_tune.errors import RunFailed
from slr_tune.importing.history import take_history
from slr_tune.search.progress import Progress
from slr_tune.search.promotions import Promotions
from slr_tune.search.recorder import Recorder
from slr_tune.search.sampler import trials_to_run
from slr_tune.search.study_clock import StudyClock
from slr_tune.space import Resources, StudySpec
from slr_tune.study.folders import cache_root, studies_in, study_folder, study_in, trial_folder
from slr_tune.study.lock import StudyLock, locked_folder
from slr_tune.study.manifest import write_manifest
from slr_tune.study.outage import WAIT_SECONDS
from slr_tune.study.presence import Presence, presence_of
from slr_tune.study.recovery import Recovery, recover, reopen_failed, reopen_pruned
from slr_tune.study.remote_files import cache_bytes, remote_place, send_left
from slr_tune.study.segments import data_shares
from slr_tune.study.storage import opened_storage, storage_errors, storage_url
from slr_tune.study.store import LiveTrial, StudyStore, is_known, open_store
from slr_tune.trackers import Mirror, open_mirror
from slr_tune.training.card_use import CardUse, choose_share
from slr_tune.training.interrupt import StopRequest, Talk, interrupt_flag
from slr_tune.training.node_checks import TEACHER, node_needs
from slr_tune.training.nodes import Nodes
from slr_tune.training.pool import RayPool
from slr_tune.training.ray_private import groups_removed_whole, limit_pending_trials
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.session import ray_log, workers_session
from slr_tune.training.shipping import Shipping
from slr_tune.training.teacher import Teacher, find_teacher
from slr_tune.training.teaching import compute_outputs
from slr_tune.training.workers import gpus_of
from trainables.errors import first_line
from trainables.files.remote import RemoteError, remote_errors

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from ray.tune import Tuner

    from trainables.data import Dataset
    from trainables.ray_adapter import Assignment

_LAST_SECONDS = 20.0
"""To store at the end what is left, where the database is there."""


@dataclass(frozen=True)
class RunOptions:
    """How to run a search; none of it changes what is searched.

    Attributes:
        storage: Database URL, None for the default.
        address: Ray cluster, None for this machine.
        shipping: What is sent to its nodes, None for nothing.
        allow_weak_teacher: Continue with a teacher that is worse than the baseline student.
        check: Checks of the space to begin with, None for none. Takes the space and the database,
            returns a line to show, raises what refuses the space.
        retry_failed: Put the failed trials back into the queue first.
        measure: Trains one trial on a card for `gpus_per_trial: auto`; takes the space and the
            database, gives what it took. None to give each trial a whole card.
        wait_for_database: Seconds that a search waits for a database that is away.
        history: Where earlier runs are that the study begins with, see `importing.open_source`.
        started: When the command began, as `time.monotonic` gives it: `budget: {hours: ...}` counts
            from there. None for when the search begins.
        typed: Command-line options, for `study.yaml`: see `LastRun`.
    """

    storage: str | None = None
    address: str | None = None
    shipping: Shipping | None = None
    allow_weak_teacher: bool = False
    check: Callable[[StudySpec, str | None], str] | None = None
    typed: Mapping[str, Any] = field(default_factory=dict)
    retry_failed: bool = False
    measure: Callable[[StudySpec, str | None], CardUse | None] | None = None
    history: tuple[str, ...] = ()
    started: float | None = None
    wait_for_database: float = WAIT_SECONDS


@dataclass(frozen=True)
class SearchOutcome:
    """What a run did.

    Attributes:
        started: Trials that this run started or resumed.
        recovery: What it found of an earlier one.
        stop: Request to end before it was done, None without one.
        parked: Trials that wait for the next start.
        teacher: The teacher, None where there is none or nothing had to be run.
        time_is_up: Whether `budget: {hours: ...}` ended it before all was done that was requested.
    """

    started: int
    recovery: Recovery
    stop: StopRequest | None = None
    parked: tuple[int, ...] = ()
    teacher: Teacher | None = None
    time_is_up: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether it was interrupted."""
        return self.stop is not None


def run_search(spec: StudySpec, options: RunOptions, progress: Progress) -> SearchOutcome:
    """Runs a search until the study has the trials requested, its time is up, or it is stopped.

    Raises:
        SlrTuneError: Bad input, a study that is locked or of another space, a database that does
            not answer, a run that cannot continue. Finished work is stored.
    """
    with studies_in(spec.studies):
        return _run_search(spec, options, progress)


def _run_search(spec: StudySpec, options: RunOptions, progress: Progress) -> SearchOutcome:
    from trainables.data import prepare

    started = time.monotonic() if options.started is None else options.started
    url = storage_url(options.storage)
    progress.message("Preparing the data") if spec.data else None
    data = prepare(spec.data, cache_root()) if spec.data else None
    with (
        opened_storage(options.storage, create=True) as storage,
        storage_errors(url),
        study_in(spec.study, remote_place(spec.study, storage)),
        presence_of(storage, study_folder(spec.study), progress.message) as presence,
        StudyLock(storage.engine, spec.study, tell=progress.message) as lock,
        locked_folder(study_folder(spec.study)),
    ):
        known = is_known(spec.study, storage)
        if options.retry_failed:
            _retry_failed(spec.study, storage, progress)
        if not known:
            # Before the study is made: a space that has to be fixed would be another study's.
            _check(spec, options, progress)
        data_hash = None if data is None else data.hash
        presence.watch_folder()
        store = open_store(spec, storage, data_hash=data_hash, tell=progress.message)
        if reopen_pruned(spec.study, storage, trials=trials_to_run(store.spec)):
            # Only one that has read nothing so far sees them wait.
            store = open_store(spec, storage, data_hash=data_hash, tell=progress.message)
        if store.replaced:
            progress.message(
                f"Study {spec.study!r} had no finished epoch; it starts over with the changed space"
            )
        if store.files is not None:
            store.files.check()
        for line in take_history(store, options.history, options.storage):
            progress.message(line)
        recovery = recover(store, idle_seconds=lock.idle_seconds)
        clock = StudyClock(store, started=started)
        progress.watch(store, clock)
        _tell_recovery(recovery, progress)
        with open_mirror(store, progress.message) as mirror:
            if _is_over(store):
                outcome = SearchOutcome(0, recovery)
                _send_left(store, outcome, progress)
                return outcome
            if clock.is_up:
                return SearchOutcome(0, recovery, time_is_up=True)
            if known:
                _check(store.spec, options, progress)
            with interrupt_flag(progress.message) as asked:
                lock.stop_asked = partial(_stop, asked, progress)
                run = _Run(store, lock, presence, options, progress, asked, mirror, clock)
                outcome = run.execute(data, recovery)
                clock.write()
                _send_left(store, outcome, progress)
                return outcome


def _send_left(store: StudyStore, outcome: SearchOutcome, progress: Progress) -> None:
    """Sends what no worker has sent; somebody who asked to end has to wait for no network."""
    if store.files is None:
        return
    try:
        send_left(store.files)
    except RemoteError as error:
        if not outcome.interrupted:
            raise
        progress.message(str(error))


def _stop(asked: StopRequest, progress: Progress) -> None:
    """Somebody typed `slr-tune stop`: as after SIGTERM. Called in the heartbeat's thread."""
    if not asked.is_set():
        asked.number = signal.SIGTERM
        asked.set()
        progress.message("Stopping (slr-tune stop): saving the state")


def _is_over(store: StudyStore) -> bool:
    """Whether nothing is left to run; trials that wait for a promotion are ended then."""
    target = trials_to_run(store.spec)
    if store.waiting() or target is None or len(store.own_trials) < target:
        return False
    if store.spec.search.scheduler == "promotion":
        promotions = Promotions(store, target=target)
        if promotions.due():
            return False
        promotions.prune()
    return True


def _retry_failed(study: str, storage: RDBStorage, progress: Progress) -> None:
    numbers = reopen_failed(study, storage)
    plural = "" if len(numbers) == 1 else "s"
    listed = ", ".join(map(str, numbers))
    progress.message(f"Failed trial{plural} back in the queue: {listed or 'none'}")


def _check(spec: StudySpec, options: RunOptions, progress: Progress) -> None:
    """Refuses a space that cannot work, before Ray starts."""
    if options.check is not None:
        progress.message(options.check(spec, options.storage))


@dataclass(frozen=True)
class _Run:
    """The part of a search that needs Ray."""

    store: StudyStore
    lock: StudyLock
    presence: Presence
    options: RunOptions
    progress: Progress
    asked: StopRequest
    mirror: Mirror
    clock: StudyClock

    @property
    def spec(self) -> StudySpec:
        return self.store.spec

    def execute(self, data: Dataset | None, recovery: Recovery) -> SearchOutcome:
        """Makes the teacher ready, then runs trials until there are enough or it is stopped."""
        wait = self.options.wait_for_database
        with self.store.batched(wait_seconds=wait, guard=self.lock.confirm):
            return self._execute(data, recovery)

    def _execute(self, data: Dataset | None, recovery: Recovery) -> SearchOutcome:
        resources = self._resources()
        gpus = gpus_of(resources)
        self.progress.message("Starting Ray")
        with workers_session(
            resources,
            address=self.options.address,
            needs=node_needs(self.spec.trainable, data, shared=self.store.files is None),
            tell=self.progress.message,
            shipping=self.options.shipping,
        ) as nodes:
            talk = Talk(self.progress.message, self._ends, self.progress.training)
            with closing(RayPool(resources, nodes.workers, data=data, nodes=nodes)) as pool:
                teacher = find_teacher(
                    self.spec,
                    data,
                    pool=pool,
                    storage=self.options.storage,
                    talk=talk,
                    allow_weak=self.options.allow_weak_teacher,
                )
                if teacher is not None and data is not None and not self._ends():
                    compute_outputs(self.spec, data, teacher, pool=pool, talk=talk)
            if self.asked.is_set():
                return SearchOutcome(0, recovery, self.asked, teacher=teacher)
            if teacher is not None:
                nodes.need(TEACHER, teacher.checkpoint)
            if self.clock.is_up:
                return SearchOutcome(0, recovery, teacher=teacher, time_is_up=True)
            manifest = write_manifest(
                self.spec,
                self.store.folder,
                data=data,
                teacher=None if teacher is None else teacher.stored(),
                options=self.options.typed,
            )
            if self.store.files is not None:
                with remote_errors(self.store.files.url):
                    self.store.files.send(manifest)
            self.store.teach(None if teacher is None else teacher.hash)
            target = trials_to_run(self.spec)
            recorder = Recorder(
                self.store,
                self.lock,
                target=target,
                workers=nodes.workers,
                stopped=self._ends,
                gpus=gpus,
                clock=self.clock,
            )
            recorder.presence = self.presence
            parked = self._fit(recorder, nodes, data, teacher)
        if recorder.failure is not None:
            raise recorder.failure
        stop = self.asked if self.asked.is_set() else None
        up = stop is None and recorder.is_short
        return SearchOutcome(len(recorder.begun), recovery, stop, tuple(parked), teacher, up)

    def _ends(self) -> bool:
        """Whether an end was requested, or the time is up."""
        self.clock.tick()
        return self.asked.is_set() or self.clock.is_up

    def _resources(self) -> Resources:
        """What a trial gets, with a number for `gpus_per_trial: auto`."""
        given = self.spec.resources
        if given.gpus_per_trial != "auto":
            return given
        gpus, use = gpus_of(given), None
        if gpus and self.options.measure is not None:
            self.progress.message("Measuring one trial on the GPU")
            use = self.options.measure(self.spec, self.options.storage)
        if use is not None:
            count = choose_share(use)
            gpus = 1 / count
            busy = "" if use.busy is None else f", busy {use.busy:.0%} of the time"
            self.progress.message(
                f"gpus_per_trial: {gpus:g}, because one trial uses {use.peak_bytes / 2**20:,.0f} "
                f"of {use.total_bytes / 2**20:,.0f} MiB{busy}"
            )
        return replace(given, gpus_per_trial=gpus)

    def _fit(
        self, recorder: Recorder, nodes: Nodes, data: Dataset | None, teacher: Teacher | None
    ) -> list[int]:
        """Lets Ray Tune work; returns the trials that were left in the air."""
        from ray.exceptions import RayError
        from ray.tune.error import TuneError

        barrier = self.store.folder / ".workers"
        shutil.rmtree(barrier, ignore_errors=True)
        barrier.mkdir(parents=True)
        try:
            assign = self._assigner(recorder, barrier, data, teacher)
            log = ray_log(self.store.folder / "ray.log")
            with scratch_folder() as scratch, log, groups_removed_whole():
                self._tuner(recorder, nodes, str(scratch), assign).fit()
        except (TuneError, RayError, OSError) as error:
            if not self._ends():  # a signal to all processes ends Ray's too
                recorder.failure = recorder.failure or RunFailed(
                    f"Ray Tune stopped: {first_line(error)}",
                    hint="Run the same command again to resume.",
                )
        finally:
            shutil.rmtree(barrier, ignore_errors=True)
            parked = self._sweep(recorder)
        return parked

    def _assigner(
        self, recorder: Recorder, barrier: Path, data: Dataset | None, teacher: Teacher | None
    ) -> Callable[[LiveTrial], Assignment]:
        """Says what the worker of a trial has to know."""
        from trainables.ray_adapter import Assignment

        # More than there is work for would wait for each other in vain.
        remaining = max(1, recorder.ready())
        files = self.store.files
        cache_limit = None if files is None else cache_bytes()

        def assign(live: LiveTrial) -> Assignment:
            return Assignment(
                number=live.number,
                trainable=self.spec.trainable,
                config=live.record.config,
                seed=live.record.seed,
                data=None if data is None else str(data.folder),
                teacher=None if teacher is None else str(teacher.checkpoint),
                cache=str(cache_root()),
                folder=str(trial_folder(self.spec.study, live.number)),
                metric=self.spec.objective.metric,
                minimizes=self.store.minimizes,
                rungs=recorder.rung_epochs,
                barrier=str(barrier),
                workers=min(recorder.workers, remaining),
                modules=os.getcwd(),
                gpus=recorder.gpus_of(live.number),
                origin=live.origin.to_json(),
                data_shares=data_shares(self.spec.budget),
                epochs=max(live.record.epochs, max(live.values, default=0)),
                remote=None if files is None else files.url,
                remote_root=None if files is None else str(files.local),
                cache_bytes=cache_limit,
            )

        return assign

    def _tuner(
        self,
        recorder: Recorder,
        nodes: Nodes,
        scratch: str,
        assign: Callable[[LiveTrial], Assignment],
    ) -> Tuner:
        from ray import tune

        from slr_tune.search import placement, ray_tune
        from trainables.ray_adapter import RayRun

        limit_pending_trials(recorder.workers)
        resources = replace(self.spec.resources, gpus_per_trial=recorder.gpus)
        return tune.Tuner(
            tune.with_resources(RayRun, placement.placed(resources)),
            tune_config=tune.TuneConfig(
                search_alg=ray_tune.StudySearcher(recorder, assign, nodes),
                scheduler=ray_tune.StudyScheduler(recorder),
                num_samples=-1,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name=self.spec.study,
                storage_path=scratch,
                verbose=0,
                progress_reporter=ray_tune.SilentReporter(),
                stop=ray_tune.StopOnRequest(recorder, self._ends),
                callbacks=[
                    ray_tune.ProgressTicker(self.progress.tick),
                    ray_tune.ProgressTicker(self.mirror.tick),
                    ray_tune.Watchdog(recorder),
                    placement.NodeWatch(recorder, nodes),
                ],
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )

    def _sweep(self, recorder: Recorder) -> list[int]:
        """Tune does not report the trials that it drops when it ends early."""
        try:
            parked = recorder.sweep()
            if not self.store.stored(seconds=_LAST_SECONDS):
                self.progress.message(
                    "The database is unreachable: the next start resumes the unfinished trials "
                    "from their checkpoints"
                )
            self.progress.tick(force=True)
            return parked
        except Exception as error:
            # The database is gone: the next start finds them RUNNING and takes them up.
            recorder.failure = recorder.failure or error
            return []


def _tell_recovery(recovery: Recovery, progress: Progress) -> None:
    parts = {
        "Resuming {}": recovery.resumed,
        "Recorded as pruned: {}": recovery.pruned,
        "Given up after repeated crashes: {}": recovery.killed,
        "Paused at a rung: {}": recovery.paused,
    }
    for text, numbers in parts.items():
        if numbers:
            plural = "s" if len(numbers) > 1 else ""
            progress.message(text.format(f"trial{plural} {', '.join(map(str, numbers))}"))
