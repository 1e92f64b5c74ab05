"""The part of a search that needs Ray: its session, the teacher, and the trials."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slr_tune.errors import RunFailed
from slr_tune.search.progress import Progress
from slr_tune.search.recorder import Recorder
from slr_tune.search.run_options import RunOptions, SearchOutcome
from slr_tune.search.sampler import trials_to_run
from slr_tune.search.study_clock import StudyClock
from slr_tune.space import Resources, StudySpec
from slr_tune.study.folders import cache_root, trial_folder
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.lock import StudyLock
from slr_tune.study.manifest import FILE, write_teacher
from slr_tune.study.presence import Presence
from slr_tune.study.recovery import Recovery
from slr_tune.study.remote_files import cache_bytes
from slr_tune.study.segments import data_shares
from slr_tune.study.store import StudyStore
from slr_tune.trackers import Mirror
from slr_tune.training.card_use import choose_share
from slr_tune.training.interrupt import StopRequest, Talk
from slr_tune.training.node_checks import TEACHER, node_needs
from slr_tune.training.nodes import Nodes
from slr_tune.training.pool import RayPool
from slr_tune.training.ray_private import (
    callbacks_not_counted,
    groups_removed_whole,
    limit_pending_trials,
)
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.session import ray_log, workers_session
from slr_tune.training.teacher import Teacher, find_teacher
from slr_tune.training.teaching import compute_outputs
from slr_tune.training.workers import gpus_of
from trainables.errors import first_line
from trainables.files.remote import remote_errors

if TYPE_CHECKING:
    from ray.tune import Tuner

    from trainables.data import Dataset
    from trainables.ray_adapter import Assignment

_LAST_SECONDS = 20.0
"""To store at the end what is left, where the database is there."""


@dataclass(frozen=True)
class SearchOnRay:
    """Makes the teacher ready, and lets Ray Tune run the trials of an opened study.

    Attributes:
        store: The study.
        lock: Held by this driver.
        presence: Looks whether the study's files are still there.
        options: How to run it.
        progress: Shows how far it is.
        asked: Whether somebody asked to end.
        mirror: Copies for trackers.
        clock: Of the study.
    """

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
        """The search."""
        return self.store.spec

    def execute(self, data: Dataset | None, recovery: Recovery) -> SearchOutcome:
        """Makes the teacher ready, then runs trials until there are enough or somebody stops."""
        wait = self.options.wait_for_database
        with self.store.batched(wait_seconds=wait, guard=self.lock.confirm):
            outcome = self._execute(data, recovery)
            self.clock.write()
            self.store.stored(seconds=_LAST_SECONDS)
            return outcome

    def _execute(self, data: Dataset | None, recovery: Recovery) -> SearchOutcome:
        resources = self._resources()
        gpus = gpus_of(resources)
        self.progress.message("Starting Ray")
        began = self.clock.now()
        with workers_session(
            resources,
            address=self.options.address,
            needs=node_needs(self.spec.trainable, data, shared=self.store.files is None),
            tell=self.progress.message,
            shipping=self.options.shipping,
        ) as nodes:
            self.clock.started(self.clock.now() - began)
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
            if teacher is not None:
                write_teacher(self.store.folder, teacher.stored())
            if self.store.files is not None:
                with remote_errors(self.store.files.url):
                    self.store.files.send(self.store.folder / FILE)
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
        """Whether somebody asked to end, or the time is up."""
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
            whole, uncounted = groups_removed_whole(), callbacks_not_counted()
            with scratch_folder() as scratch, log, whole, uncounted:
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

        from slr_tune.search import bundles, placement, ray_tune
        from trainables.ray_adapter import RayRun

        limit_pending_trials(recorder.workers)
        resources = replace(self.spec.resources, gpus_per_trial=recorder.gpus)
        return tune.Tuner(
            tune.with_resources(RayRun, bundles.placed(resources)),
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
                    ray_tune.SilentTrials(),
                    ray_tune.ProgressTicker(self.progress.tick),
                    ray_tune.ProgressTicker(self.mirror.tick),
                    ray_tune.Watchdog(recorder),
                    placement.NodeWatch(recorder, nodes),
                ],
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        )

    def _sweep(self, recorder: Recorder) -> list[int]:
        """Tune tells nobody of the trials that it drops when it ends early."""
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
