"""Runs a plan: each stage as soon as its parent's state is there, the longest way first."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from slr_tune.training.plan import Plan
from slr_tune.training.pool import Pool, work_through
from slr_tune.training.runs import ArmRun
from slr_tune.training.stages import Job, Stage, read_off, read_stage
from trainables.registry import UNTAUGHT


class Execution:
    """One plan on its way.

    Attributes:
        trained: Epochs trained by this call.
        found: Epochs of stages that were finished before.
        open: Stages that are left at most.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        teacher: Path | None,
        report: Callable[[Execution], None] = lambda execution: None,
    ) -> None:
        """Prepares; `run` does it.

        Args:
            plan: What to run.
            folder: Where its stages are kept.
            teacher: The teacher's checkpoint, None without.
            report: Told after each stage.
        """
        self.trained = 0
        self.found = 0
        self.open = len(plan.stages)
        self._plan = plan
        self._folder = folder
        self._teacher = teacher
        self._report = report
        self._done: dict[str, Stage] = {}
        self._children: dict[str | None, list[Stage]] = defaultdict(list)
        for stage in plan.stages:
            self._children[stage.parent].append(stage)
        self._remaining = plan.remaining()
        self._order = {stage.id: number for number, stage in enumerate(plan.stages)}
        self._waiting: list[tuple[int, int, Job]] = []

    def run(self, pool: Pool, *, stopped: Callable[[], bool], watch: Callable[[Job], None]) -> bool:
        """Trains what is missing; False when stopped before it was done.

        Args:
            pool: Who trains.
            stopped: Whether somebody asked to end.
            watch: Told each stage in the air, twice a second.

        Raises:
            RunFailed: Workers keep dying.
            TrainablesError: A run cannot be trained as it is configured.
        """
        for stage in self._children[None]:
            self._offer(stage)
        return work_through(self._waiting, pool, stopped=stopped, done=self._take, watch=watch)

    def outcomes(self) -> list[ArmRun]:
        """Each run, in the order of the plan; only after `run` was done."""
        found = [
            read_off(run, [self._done[s.id] for s in self._plan.path(run) if s.id in self._done])
            for run in self._plan.runs
        ]
        return [run for run in found if run is not None]

    def _take(self, job: Job) -> None:
        assert isinstance(job, Stage)
        self.trained += job.trained
        self._finish(job)

    def _offer(self, planned: Stage) -> None:
        """Takes a stage that is done already, or puts it among those that wait."""
        parent = None if planned.parent is None else self._done[planned.parent]
        runs = tuple(run for run in planned.runs if parent is None or parent.end(run) is None)
        if not runs:
            self.open -= self._below(planned)
            return
        stage = replace(
            planned,
            runs=runs,
            last=min(planned.last, max(run.max_epochs for run in runs)),
            start=None if parent is None else parent.folder,
            teacher=None if runs[0].arm.trainable in UNTAUGHT else self._teacher,
        )
        # What was finished for runs that stop otherwise is left to them: it may hold weights of
        # epochs that are not kept now, and a curve that is longer.
        for number in count(1):
            name = stage.id if number == 1 else f"{stage.id}-{number}"
            stage = replace(stage, folder=self._folder / name)
            found = stage.found()
            if found is not None or read_stage(stage.folder) is None:
                break
        if found is None:
            order = (-self._remaining[stage.id], self._order[stage.id], stage)
            heapq.heappush(self._waiting, order)
        else:
            self.found += found.trained
            self._finish(found)

    def _finish(self, stage: Stage) -> None:
        self._done[stage.id] = stage
        self.open -= 1
        self._report(self)
        for child in self._children[stage.id]:
            self._offer(child)

    def _below(self, stage: Stage) -> int:
        return 1 + sum(self._below(child) for child in self._children[stage.id])
