"""Runs a plan: each stage as soon as its parent's state is there, the longest way first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from slr_tune.training.plan import Plan
from slr_tune.training.pool import Pool, Waiting, work_through
from slr_tune.training.runs import ArmRun
from slr_tune.training.stages import Job, Stage, read_off, read_stage
from trainables.registry import UNTAUGHT


class Execution:
    """One plan on its way.

    Attributes:
        trained: Epochs trained by this call.
    """

    def __init__(
        self, plan: Plan, folder: Path, *, teacher: Path | None, tell: Callable[[str], None]
    ) -> None:
        """Prepares; `run` does it.

        Args:
            plan: What to run.
            folder: Where its stages are kept.
            teacher: The teacher's checkpoint, None without.
            tell: Takes a line after each stage.
        """
        self.trained = 0
        self._found = 0
        self._open = len(plan.stages)
        self._plan = plan
        self._folder = folder
        self._teacher = teacher
        self._tell = tell
        self._done: dict[str, Stage] = {}
        self._children = plan.by_parent()
        self._waiting: list[Waiting] = []

    def run(
        self, pool: Pool, *, stopped: Callable[[], bool], watch: Callable[[Job], None]
    ) -> list[ArmRun]:
        """Trains what is missing; gives each run, in the order of the plan.

        Args:
            pool: Who trains.
            stopped: Whether somebody asked to end.
            watch: Told each stage in the air, twice a second.

        Raises:
            Interrupted: Stopped before it was done.
            RunFailed: Workers keep dying.
            TrainablesError: A run cannot be trained as it is configured.
        """
        for child in self._children[None]:
            self._offer(*child)
        work_through(self._waiting, pool, stopped=stopped, done=self._take, watch=watch)
        runs, way = self._plan.runs, self._plan.path
        found = [read_off(run, (self._done.get(stage.id) for stage in way(run))) for run in runs]
        return [run for run in found if run is not None]

    def _take(self, job: Job) -> None:
        assert isinstance(job, Stage)
        self.trained += job.trained
        self._finish(job)

    def _offer(self, length: int, number: int, planned: Stage) -> None:
        """Takes a stage that is done already, or puts it among those that wait."""
        parent = None if planned.parent is None else self._done[planned.parent]
        runs = tuple(run for run in planned.runs if parent is None or parent.end(run) is None)
        if not runs:
            self._open -= self._below(planned)
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
        for again in count(1):
            name = stage.id if again == 1 else f"{stage.id}-{again}"
            stage = replace(stage, folder=self._folder / name)
            found = stage.found()
            if found is not None or read_stage(stage.folder) is None:
                break
        if found is None:
            heapq.heappush(self._waiting, (length, number, stage))
        else:
            self._found += found.trained
            self._finish(found)

    def _finish(self, stage: Stage) -> None:
        self._done[stage.id] = stage
        self._open -= 1
        done, most = self.trained + self._found, self._plan.epochs_planned
        self._tell(f"{done} of at most {most} epochs, {self._open} stages left")
        for child in self._children[stage.id]:
            self._offer(*child)

    def _below(self, stage: Stage) -> int:
        return 1 + sum(self._below(child) for _, _, child in self._children[stage.id])
