"""Runs a plan: each stage as soon as its parent's state is there, the longest way first."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

from slr_tune.text import counted
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
        self,
        plan: Plan,
        folder: Path,
        *,
        teacher: Path | None,
        tell: Callable[[str], None],
        show: Callable[[int, int], None] | None = None,
    ) -> None:
        """Prepares; `run` does it.

        Args:
            plan: What to run.
            folder: Where its stages are kept.
            teacher: The teacher's checkpoint, None without.
            tell: Called with a message after each stage.
            show: Takes epochs done and epochs expected, often; then no line is printed.
        """
        self.trained = 0
        self._found = 0
        self._open = len(plan.stages)
        self._plan = plan
        self._folder = folder
        self._teacher = teacher
        self._tell = tell
        self._show = show
        self._offered: dict[str, Stage] = {}
        self._in_air: dict[str, int] = {}
        self._done: dict[str, Stage] = {}
        self._children = plan.by_parent()
        self._waiting: list[Waiting] = []

    def run(
        self, pool: Pool, *, stopped: Callable[[], bool], watch: Callable[[Job], None]
    ) -> list[ArmRun]:
        """Trains what is missing; gives each run, in the order of the plan.

        Args:
            pool: Who trains.
            stopped: Whether an end was requested.
            watch: Told each stage in the air, twice a second.

        Raises:
            Interrupted: Stopped before it was done.
            RunFailed: Workers keep dying.
            TrainablesError: A run cannot be trained as it is configured.
        """
        self._offered = {child.id: child for _, _, child in self._children[None]}
        for child in self._children[None]:
            self._offer(*child)

        def seen(job: Job) -> None:
            watch(job)
            self._note(job)

        work_through(self._waiting, pool, stopped=stopped, done=self._take, watch=seen)
        return self.finished()

    def finished(self) -> list[ArmRun]:
        """Runs whose stages are all done, in the order of the plan."""
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
            self._offered.pop(planned.id, None)
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
        self._offered[planned.id] = stage
        if found is None:
            heapq.heappush(self._waiting, (length, number, stage))
        else:
            self._found += found.trained
            self._finish(found)

    def _finish(self, stage: Stage) -> None:
        self._done[stage.id] = stage
        self._open -= 1
        self._offered.pop(stage.id, None)
        self._in_air.pop(stage.id, None)
        for child in self._children[stage.id]:
            self._offer(*child)
        if self._show is not None:
            self._draw()
            return
        done = self.trained + self._found
        most = done + self._to_come()
        self._tell(f"{done} of at most {most} epochs done, {counted(self._open, 'stage')} to train")

    def _note(self, job: Job) -> None:
        """Looks how far a stage in the air is."""
        if self._show is not None and isinstance(job, Stage):
            self._in_air[job.id] = max(0, job.progress()[0] - job.first + 1)
            self._draw()

    def _draw(self) -> None:
        assert self._show is not None
        done = self.trained + self._found
        self._show(done + sum(self._in_air.values()), done + self._to_come())

    def _to_come(self) -> int:
        """Epochs of the stages that are not done, where no run ends before its time."""
        return sum(
            stage.last - stage.first + 1 + self._planned_below(name)
            for name, stage in self._offered.items()
        )

    def _planned_below(self, name: str) -> int:
        return sum(
            child.last - child.first + 1 + self._planned_below(child.id)
            for _, _, child in self._children[name]
        )

    def _below(self, stage: Stage) -> int:
        return 1 + sum(self._below(child) for _, _, child in self._children[stage.id])
