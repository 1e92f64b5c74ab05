"""Runs a plan: each stage as soon as its parent's state is there, the longest way first."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slr_tune.errors import RunFailed
from slr_tune.training.pool import Pool, WorkerDied
from slr_tune.training.replay import best_epoch
from slr_tune.training.stage_files import StageRecord, read_record, usable
from slr_tune.training.stages import Plan, PlannedRun, Stage
from slr_tune.training.worker import CountJob, StageJob
from trainables.registry import UNTAUGHT

_POLL_SECONDS = 0.5
_ATTEMPTS = 3


@dataclass(frozen=True)
class Place:
    """Where an ablation trains.

    Attributes:
        stages: Folder of the stages.
        data: Folder of the prepared data, None for a user's run without.
        teacher: The teacher's checkpoint, None without.
        cache: Folder for what runs derive and share.
    """

    stages: Path
    data: Path | None
    teacher: Path | None
    cache: Path


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        run: What was asked for.
        rows: Its curve, to its own end.
        ended_by: "max_epochs", "patience" or "nan".
        best_epoch: Epoch that it is measured at; None where no epoch was finished.
        folder: Of the stage that holds this epoch's weights and errors.
        stages: Names of the folders of the stages that it passed through.
        facts: What the last of them told.
    """

    run: PlannedRun
    rows: Sequence[Any]
    ended_by: str
    best_epoch: int | None
    folder: Path | None
    stages: tuple[str, ...]
    facts: Any = field(default_factory=dict)


@dataclass
class Tally:
    """What was trained, counted where it is done.

    Attributes:
        trained: Epochs trained by this call.
        found: Epochs of stages that were finished before.
        stages: Stages trained by this call.
    """

    trained: int = 0
    found: int = 0
    stages: int = 0


class Execution:
    """One plan on its way."""

    def __init__(
        self,
        plan: Plan,
        place: Place,
        pool: Pool,
        *,
        stopped: Callable[[], bool],
        report: Callable[[Tally, int], None] = lambda tally, stages: None,
    ) -> None:
        """Prepares; `run` does it.

        Args:
            plan: What to run.
            place: Where.
            pool: Who.
            stopped: Whether somebody asked to end.
            report: Told after each stage: what is done, and how many stages are left at most.
        """
        self.plan = plan
        self.place = place
        self.pool = pool
        self.tally = Tally()
        self._stopped = stopped
        self._report = report
        self._records: dict[str, StageRecord] = {}
        self._folders: dict[str, Path] = {}
        self._children: dict[str | None, list[Stage]] = defaultdict(list)
        for stage in plan.stages:
            self._children[stage.parent].append(stage)
        self._remaining = plan.remaining()
        self._ready: list[tuple[int, int, Stage]] = []
        self._open = len(plan.stages)
        self._deaths: Counter[str] = Counter()

    def run(self) -> bool:
        """Trains what is missing; False when stopped before it was done.

        Raises:
            RunFailed: Workers keep dying.
            TrainablesError: A run cannot be trained as it is configured.
        """
        stages = {stage.id: stage for stage in self.plan.stages}
        for stage in self._children[None]:
            self._offer(stage)
        busy = 0
        while self._ready or busy:
            while self._ready and self.pool.free:
                stage = heapq.heappop(self._ready)[2]
                self.pool.submit(self._job(stage))
                busy += 1
            for job, answer in self.pool.finished(_POLL_SECONDS):
                busy -= 1
                assert isinstance(job, StageJob)
                stage = stages[job.id]
                if isinstance(answer, WorkerDied):
                    self._again(stage, answer)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    assert answer is not None
                    self.tally.trained += answer.trained
                    self.tally.stages += 1
                    self._finish(stage, answer)
            if self._stopped():
                return False
        return True

    def outcomes(self) -> list[RunOutcome]:
        """Each run, in the order of the plan; only after `run` was done."""
        return [self._outcome(run) for run in self.plan.runs]

    def _offer(self, stage: Stage) -> None:
        """Takes a stage that is done already, or puts it among those that wait."""
        runs = self._live(stage)
        if not runs:
            self._open -= self._below(stage)
            return
        found = self._settle(stage, runs)
        if found is not None:
            self.tally.found += found.trained
            self._finish(stage, found)
        else:
            order = (-self._remaining[stage.id], self.plan.stages.index(stage))
            heapq.heappush(self._ready, (*order, stage))

    def _settle(self, stage: Stage, runs: Sequence[PlannedRun]) -> StageRecord | None:
        """Chooses the stage's folder, and reads it where it holds what these runs need.

        What was finished for runs that stop otherwise is left to them: it may hold weights of
        epochs that are not kept now, and a curve that is longer.
        """
        number = 1
        while True:
            folder = self.place.stages / (stage.id if number == 1 else f"{stage.id}-{number}")
            self._folders[stage.id] = folder
            found = usable(
                folder,
                last=stage.last,
                rules=[run.rule for run in runs],
                continued=bool(self._children[stage.id]),
            )
            if found is not None or read_record(folder) is None:
                return found
            number += 1

    def _finish(self, stage: Stage, record: StageRecord) -> None:
        self._records[stage.id] = record
        self._open -= 1
        self._report(self.tally, self._open)
        for child in self._children[stage.id]:
            self._offer(child)

    def _below(self, stage: Stage) -> int:
        return 1 + sum(self._below(child) for child in self._children[stage.id])

    def _live(self, stage: Stage) -> list[PlannedRun]:
        """Runs of a stage that did not end before it."""
        if stage.parent is None:
            return list(stage.runs)
        record = self._records[stage.parent]
        return [run for run in stage.runs if record.end(run.rule) is None]

    def _again(self, stage: Stage, error: Exception) -> None:
        self._deaths[stage.id] += 1
        if self._deaths[stage.id] >= _ATTEMPTS:
            raise RunFailed(
                f"a worker died {_ATTEMPTS} times in the same stage: {error}",
                hint="Fewer --workers may help; the same command goes on where it stopped.",
            )
        self._offer(stage)

    def _job(self, stage: Stage) -> StageJob:
        runs = self._live(stage)
        longest = max(runs, key=lambda run: run.rule.max_epochs)
        config = dict(longest.config)
        if longest.measure.scored:
            # Who ends when is decided from the curve, for each run by its own rule.
            config |= {"patience": config["max_epochs"], "min_delta": 0.0}
        teacher = None if stage.representative.trainable in UNTAUGHT else self.place.teacher
        return StageJob(
            id=stage.id,
            folder=str(self._folders[stage.id]),
            parent=None if stage.parent is None else str(self._folders[stage.parent]),
            trainable=longest.trainable,
            config=config,
            seed=longest.seed,
            first=stage.first,
            last=min(stage.last, longest.rule.max_epochs),
            rules=list(dict.fromkeys(run.rule for run in runs)),
            continued=bool(self._children[stage.id]),
            data=None if self.place.data is None else str(self.place.data),
            teacher=None if teacher is None else str(teacher),
            cache=str(self.place.cache),
        )

    def _outcome(self, run: PlannedRun) -> RunOutcome:
        passed = [stage for stage in self.plan.path(run) if stage.id in self._records]
        passed = [s for n, s in enumerate(passed) if n == 0 or self._goes_on(passed[n - 1], run)]
        record = self._records[passed[-1].id]
        end = record.end(run.rule)
        assert end is not None  # a plan is done when each run has ended
        rows = list(record.rows[: end[0]])
        best = best_epoch(rows, run.measure)
        folder = None
        if best is not None:
            holder = next(s for s in passed if self._records[s.id].first <= best <= s.last)
            folder = self._folders[holder.id]
        names = tuple(self._folders[stage.id].name for stage in passed)
        return RunOutcome(run, rows, end[1], best, folder, names, record.facts)

    def _goes_on(self, stage: Stage, run: PlannedRun) -> bool:
        return self._records[stage.id].end(run.rule) is None


def count_errors(jobs: Sequence[CountJob], pool: Pool, *, stopped: Callable[[], bool]) -> bool:
    """Counts errors where they are not counted yet; False when stopped.

    Raises:
        RunFailed: Workers keep dying.
        TrainablesError: The data or the decoder cannot be had.
    """
    waiting = [job for job in dict.fromkeys(_hashable(jobs)) if not job.job.file.exists()]
    deaths = busy = 0
    while waiting or busy:
        while waiting and pool.free:
            pool.submit(waiting.pop().job)
            busy += 1
        for job, answer in pool.finished(_POLL_SECONDS):
            busy -= 1
            if isinstance(answer, WorkerDied) and deaths < _ATTEMPTS:
                deaths += 1
                assert isinstance(job, CountJob)
                waiting.append(_Keyed(str(job.file), job))
            elif isinstance(answer, Exception):
                raise answer if not isinstance(answer, WorkerDied) else RunFailed(str(answer))
        if stopped():
            return False
    return True


@dataclass(frozen=True)
class _Keyed:
    """A job that is the same as another where it writes the same file."""

    key: str
    job: CountJob = field(compare=False)


def _hashable(jobs: Sequence[CountJob]) -> list[_Keyed]:
    return [_Keyed(str(job.file), job) for job in jobs]
