"""Trains the arms that an ablation asks for, in one round or in several, and counts their errors.

Rounds that are done are listed in `.stages-rounds/`, one file each, written at once. A run that an
earlier round trained, for this ablation or another of the study, is found there and not planned
again. A round that was cut off is planned as it was, so that its finished stages fit.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.arms import Arm
from slr_tune.training.epoch_keys import prefix_names
from slr_tune.training.execute import Execution, Place, RunOutcome, Tally, count_errors
from slr_tune.training.pool import Pool
from slr_tune.training.replay import best_epoch
from slr_tune.training.stage_files import (
    StageRecord,
    counts_file,
    load_counts,
    read_record,
    weights_file,
)
from slr_tune.training.stages import WER, Measure, Plan, PlannedRun, make_plan
from slr_tune.training.worker import CountJob
from trainables.files.atomic import replace_file
from trainables.registry import UNTAUGHT

_VERSION = 2
"""Raised when a change of the training code gives other weights for the same settings."""


class Interrupted(Exception):
    """Somebody asked to end; what is done is stored."""


@dataclass(frozen=True)
class Cell:
    """One arm with one seed, trained.

    Attributes:
        arm: The arm.
        seed: The seed.
        outcome: How its training ended.
    """

    arm: Arm
    seed: int
    outcome: RunOutcome


class Bench:
    """Where rounds of arms are trained."""

    def __init__(
        self,
        place: Place,
        pool: Pool,
        *,
        data: Any,
        teacher_hash: str | None,
        share: bool,
        tell: Callable[[str], None],
        stopped: Callable[[], bool],
        measure: Measure = WER,
    ) -> None:
        """Takes what all rounds have in common.

        Args:
            place: Where to train.
            pool: Who trains.
            data: The prepared data set, None for a user's run without.
            teacher_hash: Of the teacher's checkpoint, None without a teacher.
            share: Whether runs share what they agree in.
            tell: Takes a line for a person.
            stopped: Whether to end early.
            measure: What runs are judged by.
        """
        self.place = place
        self.pool = pool
        self.data = data
        self.teacher_hash = teacher_hash
        self.share = share
        self.measure = measure
        self.tally = Tally()
        self.cells: list[Cell] = []
        self._tell = tell
        self._stopped = stopped
        self._rounds = place.stages.parent / f"{place.stages.name}-rounds"

    def train(self, arms: Sequence[Arm], seeds: Sequence[int]) -> list[Cell]:
        """Trains every arm with every seed.

        Raises:
            Interrupted: Before it was done.
            TrainablesError: A run cannot be trained as it is configured, or workers keep dying.
        """
        wanted = planned_runs(arms, seeds, measure=self.measure)
        key = self._key([self._identity(run) for run in wanted])
        known = self._known()
        found = {run.name: self._recall(run, known) for run in wanted}
        missing = [run for run in wanted if found[run.name] is None]
        if missing:
            plan = make_plan(missing, context=self.context, share=self.share)
            found |= {outcome.run.name: outcome for outcome in self._execute(plan)}
            self._remember(key, [found[run.name] for run in missing])
        cells = []
        for arm in arms:
            for seed in seeds:
                outcome = found[run_name(arm, seed)]
                assert outcome is not None
                cells.append(Cell(arm, seed, outcome))
        self.cells += cells
        return cells

    def counts(self, cells: Sequence[Cell], split: str) -> dict[str, list[NDArray[np.int64]]]:
        """Errors by arm, a list over seeds of int64 (utterances, 4).

        A run without any finished epoch counts as one that recognises nothing.

        Raises:
            Interrupted: Before it was done.
        """
        jobs = [job for cell in cells if (job := self._count_job(cell, split)) is not None]
        if not count_errors(jobs, self.pool, stopped=self._stopped):
            raise Interrupted
        result: dict[str, list[NDArray[np.int64]]] = {}
        for cell in cells:
            job = self._count_job(cell, split)
            counts = self._nothing(split) if job is None else load_counts(job.file)
            result.setdefault(cell.arm.name, []).append(counts)
        return result

    def value(self, outcome: RunOutcome) -> float:
        """What a run shows on dev at its best epoch; without one it recognises nothing.

        NaN for a user's own run that never had a value.
        """
        if outcome.best_epoch is None:
            return 100.0 if self.measure.scored else math.nan
        return float(outcome.rows[outcome.best_epoch - 1][self.measure.metric])

    def context(self, run: PlannedRun) -> str:
        """What beside its configuration shapes a run."""
        taught = run.trainable not in UNTAUGHT
        parts = [
            _VERSION,
            metadata.version("torch"),
            run.seed,
            None if self.data is None else self.data.hash,
            self.teacher_hash if taught else None,
        ]
        return json.dumps(parts)

    def trained(self, stages: Sequence[str]) -> int:
        """Epochs of some stages."""
        records = [read_record(self.place.stages / stage) for stage in stages]
        return sum(record.trained for record in records if record is not None)

    def _execute(self, plan: Plan) -> list[RunOutcome]:
        total = plan.epochs_planned

        def report(tally: Tally, left: int) -> None:
            done = tally.trained + tally.found
            self._tell(f"{done} of at most {total} epochs, {left} stages left")

        run = Execution(plan, self.place, self.pool, stopped=self._stopped, report=report)
        complete = run.run()
        self.tally.trained += run.tally.trained
        self.tally.found += run.tally.found
        self.tally.stages += run.tally.stages
        if not complete:
            raise Interrupted
        return run.outcomes()

    def _count_job(self, cell: Cell, split: str) -> CountJob | None:
        outcome = cell.outcome
        if outcome.folder is None or outcome.best_epoch is None:
            return None
        return CountJob(
            str(outcome.folder), outcome.best_epoch, split, cell.arm.beam, str(self.place.data)
        )

    def _nothing(self, split: str) -> NDArray[np.int64]:
        references = getattr(self.data, split).references
        counts = np.zeros((len(references), 4), dtype=np.int64)
        counts[:, 1] = counts[:, 3] = [len(reference) for reference in references]
        return counts

    def _identity(self, run: PlannedRun) -> str:
        """Names what is trained of a run: those that only stop otherwise have one name."""
        names = prefix_names(run.trainable, run.config, start=self.context(run))
        apart = "" if self.share else run.name
        return self._key([names(int(run.config["max_epochs"])), apart])

    @staticmethod
    def _key(parts: Sequence[str]) -> str:
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

    def _known(self) -> dict[str, list[list[str]]]:
        """Stages that earlier rounds' runs passed through, by what was trained; several ways."""
        known: dict[str, list[list[str]]] = {}
        for path in sorted(self._rounds.glob("*.json")):
            for name, ways in _read_round(path).items():
                known.setdefault(name, []).extend(ways)
        return known

    def _remember(self, key: str, outcomes: Sequence[RunOutcome | None]) -> None:
        """Adds ways to a round's file: one of runs that stop otherwise bears the same name."""
        path = self._rounds / f"{key}.json"
        known = _read_round(path)
        for outcome in outcomes:
            if outcome is not None:
                ways = known.setdefault(self._identity(outcome.run), [])
                if list(outcome.stages) not in ways:
                    ways.append(list(outcome.stages))
        replace_file(path, json.dumps(known).encode())

    def _recall(
        self, run: PlannedRun, known: Mapping[str, Sequence[Sequence[str]]]
    ) -> RunOutcome | None:
        """A run that an earlier round trained, maybe as a longer one; None where it is not there.

        A shorter patience may have its best epoch where no weights were kept: it is then planned.
        """
        ways = known.get(self._identity(run), ())
        found = (self._along(run, stages) for stages in ways)
        return next((outcome for outcome in found if outcome is not None), None)

    def _along(self, run: PlannedRun, stages: Sequence[str]) -> RunOutcome | None:
        """The run read off some stages; None where they do not hold all of it any more."""
        passed: list[tuple[str, StageRecord]] = []
        end = None
        for stage in stages:
            record = read_record(self.place.stages / stage)
            if record is None:
                return None
            passed.append((stage, record))
            end = record.end(run.rule)
            if end is not None:
                break
        if end is None:
            return None
        last = passed[-1][1]
        rows = list(last.rows[: end[0]])
        best = best_epoch(rows, run.measure)
        folder: Path | None = None
        for stage, record in passed:
            if best is not None and record.first <= best:
                folder = self.place.stages / stage
        if folder is not None and best is not None and run.measure.scored:
            counts = counts_file(folder, best, split="dev", decoding=None)
            if not (counts.exists() and weights_file(folder, best).exists()):
                return None
        names = tuple(stage for stage, _ in passed)
        return RunOutcome(run, rows, end[1], best, folder, names, last.facts)


def _read_round(path: Path) -> dict[str, list[list[str]]]:
    """Ways by what was trained; none where the file is not there or cannot be read."""
    try:
        found: dict[str, list[list[str]]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def planned_runs(
    arms: Sequence[Arm], seeds: Sequence[int], *, measure: Measure = WER
) -> list[PlannedRun]:
    """Every arm with every seed, seed by seed."""
    return [
        PlannedRun(run_name(arm, seed), arm.trainable, arm.config, seed, measure)
        for seed in seeds
        for arm in arms
    ]


def run_name(arm: Arm, seed: int) -> str:
    """Name of an arm with a seed."""
    return f"{arm.name}, seed {seed}"
