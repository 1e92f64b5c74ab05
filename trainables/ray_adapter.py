"""A run as a class trainable of Ray Tune. The only file of this package that imports Ray.

An actor outlives its trials: torch, the mapped data and the teacher's outputs stay warm, and
`reset_config` only builds the next run. Checkpoints do not go through Ray: the worker writes them
into the trial's folder, so that a trial can be taken up by another driver on another day.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from ray.tune import Trainable

from trainables.building import build_run, set_up_process
from trainables.errors import TrainablesError
from trainables.files.checkpoint import CheckpointFolder
from trainables.memory import forget_peak, is_out_of_memory, peak_bytes
from trainables.protocol import Run
from trainables.runs.training import whole_state

RESULT = "slr"
"""Key of a result under which the report stands, as JSON: Ray flattens dictionaries."""

_ENDINGS = (None, "max_epochs", "patience", "nan")
"""What a run may say in `ended_by`; other words are the search's own."""

_REPORT_SECONDS = 0.5
"""Shorter epochs go to the driver several at a time: the way there and back takes 10 ms."""

_BARRIER_SECONDS = 30.0
_BARRIER_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Assignment:
    """What a worker has to know of a trial; plain values, as they travel to another process.

    Attributes:
        number: The trial's number in the study.
        trainable: Name of the run.
        config: Its resolved configuration.
        seed: Seed of its randomness.
        data: Folder of the prepared data, None where the run needs none.
        teacher: The teacher's checkpoint.
        cache: Folder for what runs derive and share.
        folder: The trial's folder.
        metric: Column of the curve that the objective looks at.
        minimizes: Whether smaller values are better.
        rungs: Epochs after which the driver decides whether the trial goes on.
        barrier: Folder in which starting workers meet.
        workers: How many of them to wait for.
        modules: Folder in which the command was given; a user's own run may lie there.
    """

    number: int
    trainable: str
    config: Mapping[str, Any]
    seed: int
    data: str | None
    teacher: str | None
    cache: str
    folder: str
    metric: str
    minimizes: bool
    rungs: Sequence[int]
    barrier: str
    workers: int
    modules: str

    def to_ray(self) -> dict[str, Any]:
        """As a Ray Tune configuration. JSON keeps Ray from resolving what it finds inside."""
        return {"assignment": json.dumps(asdict(self))}

    @classmethod
    def from_ray(cls, config: Mapping[str, Any]) -> Assignment:
        """From a Ray Tune configuration."""
        return cls(**json.loads(config["assignment"]))


class RayRun(Trainable):  # type: ignore[misc]  # Ray ships no types
    """Drives a run and reports its rows. Never raises for what a run does.

    A step is one epoch, or as many short ones as half a second holds, at most to the next rung:
    where nothing is to be decided nobody has to be asked. Each epoch has its own checkpoint.
    """

    _run: Run | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Waits for the other workers, then builds the first trial's run."""
        assignment = Assignment.from_ray(config)
        set_up_process(assignment.modules)
        _meet(Path(assignment.barrier), assignment.workers)
        self._take_up(assignment)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Builds the next trial's run in the same process."""
        self._take_up(Assignment.from_ray(new_config))
        return True

    def step(self) -> dict[str, Any]:
        """Some epochs; after a restart first the account of those that the checkpoint holds."""
        rows: list[dict[str, float]] = []
        try:
            report = self._step(rows)
        except Exception as error:
            report = {**_failure(error), "rows": _numbered(rows)}
        return {"epoch": len(self._rows), RESULT: json.dumps(report)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """For Ray's own use (pausing schedulers); the search itself does not ask for it."""
        if self._run is not None:
            CheckpointFolder(Path(checkpoint_dir)).save(
                whole_state(self._run, self._rows), epoch=self._run.epoch, improved=False
            )

    def load_checkpoint(self, checkpoint: str) -> None:
        """Takes up what `save_checkpoint` wrote."""
        state = CheckpointFolder(Path(checkpoint)).load_latest()
        if self._run is not None and state is not None:
            self._run.load_state_dict(state)

    def cleanup(self) -> None:
        """Lets go of the run."""
        self._run = None

    def _take_up(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._run = None
        self._rows: list[dict[str, float]] = []
        self._deferred: Exception | None = None
        self._history_due = False
        try:
            forget_peak()  # of the trial before
            self._build(assignment)
        except Exception as error:
            # Reported with the first step: an actor that fails to start says less.
            self._deferred = error

    def _build(self, assignment: Assignment) -> None:
        _check_folders(assignment)
        run = build_run(
            assignment.trainable,
            assignment.config,
            data=Path(assignment.data) if assignment.data else None,
            seed=assignment.seed,
            cache=Path(assignment.cache),
            teacher=Path(assignment.teacher) if assignment.teacher else None,
        )
        every = int(assignment.config.get("checkpoint_every", 0))
        self._folder = CheckpointFolder(Path(assignment.folder) / "checkpoints", every=every)
        _check_run(run)
        self._run = run
        state = self._folder.load_latest()
        if state is not None:
            self._rows = [dict(row) for row in state["rows"]]
            run.load_state_dict(state)
            self._history_due = True

    def _step(self, rows: list[dict[str, float]]) -> dict[str, Any]:
        """Adds each epoch to `rows` as soon as it is done."""
        if self._deferred is not None:
            raise self._deferred
        run = self._run
        assert run is not None
        if self._history_due:
            self._history_due = False
            return self._report(run, self._rows, history=True)
        end = time.monotonic() + _REPORT_SECONDS
        while True:
            rows.append(self._epoch(run))
            asked = int(rows[-1]["epoch"]) in self._assignment.rungs
            if asked or run.ended_by is not None or time.monotonic() >= end:
                return self._report(run, rows, history=False)

    def _epoch(self, run: Run) -> dict[str, float]:
        row = {key: float(value) for key, value in run.run_epoch().items()}
        improved = self._improves(row)
        self._rows.append(row)
        if run.ended_by != "nan":
            state = whole_state(run, self._rows)
            self._folder.save(state, epoch=run.epoch, improved=improved)
        return row

    def _report(self, run: Run, rows: list[dict[str, float]], *, history: bool) -> dict[str, Any]:
        facts = {"peak_memory_bytes": peak_bytes(), **run.facts()}
        best = self._folder.best
        ended_by, error = run.ended_by, None
        if ended_by not in _ENDINGS:
            error = (
                f"the run says that it ended by {ended_by!r}, and must say max_epochs, patience "
                "or nan; None while there is more to do"
            )
            ended_by = "error"
        return {
            "rows": _numbered(rows),
            "history": history,
            "ended_by": ended_by,
            "error": error,
            "facts": facts,
            "checkpoint": f"checkpoints/{best.name}" if best.exists() else None,
        }

    def _improves(self, row: Mapping[str, float]) -> bool:
        metric = self._assignment.metric
        if metric not in row:
            raise TrainablesError(
                f"the run's rows have no column {metric!r}, which is the objective's metric",
                hint=f"They have: {', '.join(row)}.",
            )
        sign = 1.0 if self._assignment.minimizes else -1.0
        past = [sign * old[metric] for old in self._rows if math.isfinite(old[metric])]
        return math.isfinite(row[metric]) and sign * row[metric] < min(past, default=math.inf)


def _numbered(rows: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """Rows as they are reported, their epoch a whole number."""
    return [{**row, "epoch": int(row["epoch"])} for row in rows]


def _check_run(run: Run) -> None:
    """Checks what a class does not show: attributes that its constructor may set."""
    missing = [name for name in ("epoch", "ended_by") if not hasattr(run, name)]
    if missing:
        raise TrainablesError(
            f"the run has no {' and no '.join(missing)}",
            hint="trainables/protocol.py says what a run must offer.",
        )


class MissingFolder(TrainablesError):
    """This machine does not see a folder that the driver made or read."""


def _check_folders(assignment: Assignment) -> None:
    """Tells a machine without the shared folders from a run that fails.

    Raises:
        MissingFolder: With the machine and the folder.
    """
    for place in (assignment.barrier, assignment.data, assignment.teacher):
        if place is not None and not Path(place).exists():
            raise MissingFolder(
                f"{os.uname().nodename} does not see {place}",
                hint="All machines of the Ray cluster must share the studies and cache folders.",
            )


def _meet(folder: Path, workers: int) -> None:
    """Waits until all workers are up, at most half a minute.

    Ray Tune hands a waiting trial to an actor that is free and then drops the actor that was
    starting for it: where the first trial ends early, one actor ends up with all the work.
    """
    mark = folder / f"{os.uname().nodename}-{os.getpid()}"
    try:
        mark.touch()
    except OSError:  # told with the first step
        return
    waiting = threading.Event()
    for _ in range(int(_BARRIER_SECONDS / _BARRIER_POLL_SECONDS)):
        if len(list(folder.iterdir())) >= workers:
            return
        waiting.wait(_BARRIER_POLL_SECONDS)


def _failure(error: Exception) -> dict[str, Any]:
    """What a run raised, as a report."""
    ours = isinstance(error, TrainablesError)
    cause = error.__cause__ if ours else error
    disk_full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    ended_by = "disk_full" if disk_full else "oom" if is_out_of_memory(error) else "error"
    if isinstance(error, MissingFolder):
        ended_by = "missing_folder"
    text = str(error) if disk_full or ours else "".join(traceback.format_exception(error))
    with contextlib.suppress(RuntimeError):
        torch.cuda.empty_cache()
    return {"rows": [], "ended_by": ended_by, "error": text}
