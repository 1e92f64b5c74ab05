"""A run as a class trainable of Ray Tune. The only file of this package that imports Ray.

An actor outlives its trials: torch, the mapped data and the teacher's outputs stay warm, and
`reset_config` only builds the next run. Checkpoints do not go through Ray: the worker writes them
into the trial's folder, so that a trial can be resumed by another driver on another day.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import json
import os
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainables.quick_import import uncollected

with uncollected():  # each worker starts with it
    import torch
    from ray.tune import Trainable

    from trainables.building import build_run, set_up_process
    from trainables.checked_run import CheckedRun, Row, RunRefused, ending_process
    from trainables.errors import CheckpointUnreadable, TrainablesError, first_line
    from trainables.files.checkpoint import CheckpointFolder
    from trainables.files.origin import Origin
    from trainables.files.remote import RemoteFolder
    from trainables.files.uploads import Uploads
    from trainables.memory import (
        forget_peak,
        give_back,
        is_out_of_memory,
        keep_heap_small,
        peak_bytes,
    )
    from trainables.script.stored_predictions import FILE, write_predictions

RESULT = "slr"
"""Key of a result that has the report, as JSON: Ray flattens dictionaries."""

_REPORT_SECONDS = 0.5
"""Shorter epochs go to the driver several at a time: the way there and back takes 10 ms."""

_FLUSH_SECONDS = 30.0
"""What an ending worker waits for its uploads; the driver of this machine sends the rest."""

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
        rungs: Epochs after which the driver decides whether the trial continues.
        barrier: Folder in which starting workers meet.
        workers: How many of them to wait for.
        modules: Folder in which the command was given; a user's own run may lie there.
        gpus: Part of a GPU that the trial has, or how many; 0 hides them, None changes nothing.
        data_shares: As `RunInputs` has them.
        origin: What the trial's files belong to, as `Origin.to_json` gives it; None to ask nothing.
        epochs: Epochs of the trial that the study has stored.
        remote: URL of the remote place of the study's files; None where they stay here.
        remote_root: The local folder that stands for it.
        cache_bytes: What checkpoints that were sent there may take here.
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
    gpus: float | None = None
    origin: Mapping[str, Any] | None = None
    data_shares: Sequence[tuple[int, float]] = ()
    epochs: int = 0
    remote: str | None = None
    remote_root: str | None = None
    cache_bytes: int | None = None

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

    _run: CheckedRun | None = None
    _starts = False
    _uploads: Uploads | None = None

    def setup(self, config: dict[str, Any]) -> None:
        """Waits for the other workers; the first trial's run is built with its first step.

        Ray Tune may give the trial to another worker while this one starts, see `_meet`: what this
        one did to the trial's files then, it would do under the other's hands.
        """
        keep_heap_small()
        self._assignment = Assignment.from_ray(config)
        atexit.register(self._let_go)
        _meet(Path(self._assignment.barrier), self._assignment.workers)
        self._starts = True

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Builds the next trial's run in the same process."""
        self._starts = False
        self._take_up(Assignment.from_ray(new_config))
        return True

    def step(self) -> dict[str, Any]:
        """Some epochs; after a restart first the account of those that the checkpoint holds."""
        if self._starts:
            self._starts = False
            self._take_up(self._assignment)
        rows: list[Row] = []
        history = self._history_due
        try:
            with ending_process("the code"):
                report = self._step(rows)
        except (Exception, KeyboardInterrupt) as error:
            refused = isinstance(error, RunRefused)
            report = {**_failure(error), "rows": rows, "history": history, "refused": refused}
        if report["ended_by"] is not None:
            self._let_go()
        return {"epoch": self._epochs, RESULT: json.dumps(report)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """For Ray's own use (pausing schedulers); the search itself does not ask for it."""
        if self._run is not None:
            CheckpointFolder(Path(checkpoint_dir)).save(
                self._run.state(), epoch=self._run.epoch, improved=False
            )

    def load_checkpoint(self, checkpoint: str) -> None:
        """Loads what `save_checkpoint` wrote."""
        state = CheckpointFolder(Path(checkpoint)).load_latest()
        if self._run is not None and state is not None:
            self._run.load(state)

    def cleanup(self) -> None:
        """Lets go of the run, once its files are sent."""
        self._let_go()
        if self._uploads is not None:
            self._uploads.flush(_FLUSH_SECONDS)

    def _let_go(self) -> None:
        """Closes the run, at whatever end, and forgets it: what it holds is freed."""
        run, self._run = self._run, None
        if run is not None:
            run.close()

    def _take_up(self, assignment: Assignment) -> None:
        self._let_go()  # of the trial before, where the driver stopped it
        self._assignment = assignment
        self._epochs = 0
        self._deferred: BaseException | None = None
        self._history_due = False
        self._notice: str | None = None
        try:
            set_up_process(assignment.modules, assignment.gpus)
            give_back()  # of the trial before
            forget_peak()
            with ending_process("the constructor"):
                self._build(assignment)
        except (Exception, KeyboardInterrupt) as error:
            # Reported with the first step: an actor that fails to start says less.
            self._deferred = error

    def _build(self, assignment: Assignment) -> None:
        _check_folders(assignment)
        self._uploads = _uploads_of(assignment, self._uploads)
        every = int(assignment.config.get("checkpoint_every", 0))
        self._folder = CheckpointFolder(
            Path(assignment.folder) / "checkpoints",
            every=every,
            origin=Origin.from_json(assignment.origin),
        )
        self._run = _new_run(assignment)
        state = self._folder.load_latest()
        done = 0 if state is None else len(state["rows"])
        if self._uploads is not None and done < assignment.epochs:
            if _bring_checkpoints(self._uploads.remote, Path(assignment.folder), done):
                state = self._folder.load_latest()
        if state is not None:
            self._run.load(state)
            self._history_due = True
            if self._run.ended_in_vain:
                self._run.close()
                self._run = _new_run(assignment)
            self._epochs = self._run.epoch

    def _step(self, rows: list[Row]) -> dict[str, Any]:
        """Adds each epoch to `rows` as soon as it is done."""
        if self._deferred is not None:
            raise self._deferred
        run = self._run
        assert run is not None
        if self._history_due:
            self._history_due = False
            rows += run.rows
            return self._report(run, rows, history=True)
        if run.catch_up():
            return self._report(run, rows, history=False)
        end = time.monotonic() + _REPORT_SECONDS
        while self._epoch(run, rows):
            asked = run.epoch in self._assignment.rungs
            if asked or run.ended_by is not None or time.monotonic() >= end:
                break
        return self._report(run, rows, history=False)

    def _epoch(self, run: CheckedRun, rows: list[Row]) -> bool:
        """Trains an epoch; whether there was one."""
        row = run.run_epoch()
        if row is None:
            return False
        if not run.diverged:
            self._folder.save(run.state(), epoch=run.epoch, improved=run.improved)
        rows.append(row)
        self._epochs = run.epoch
        if run.improved:
            self._store_predictions(run)
        return True

    def _store_predictions(self, run: CheckedRun, *, at_end: bool = False) -> None:
        """What the run recognises, if reported; of its best epoch where it is reported each time.

        What is wrong with it is reported, and is not a failure: the trial is judged by its metric.
        """
        folder = Path(self._assignment.folder)
        if at_end and (folder / FILE).exists():
            return
        try:
            recognised = run.predictions()
        except TrainablesError as error:
            self._notice = error.message
            return
        if recognised is not None:
            write_predictions(folder, recognised)

    def _report(self, run: CheckedRun, rows: list[Row], *, history: bool) -> dict[str, Any]:
        if run.ended_by is not None:
            self._store_predictions(run, at_end=True)
        if self._uploads is not None and not history:
            self._uploads.changed(Path(self._assignment.folder), run.rows)
        facts = {"peak_memory_bytes": peak_bytes(), **run.facts()}
        best = self._folder.best
        return {
            "rows": rows,
            "history": history,
            "ended_by": run.ended_by,
            "error": None,
            "facts": facts,
            "checkpoint": f"checkpoints/{best.name}" if best.exists() else None,
            "notice": run.notice or self._notice or (self._uploads and self._uploads.notice),
        }


def _new_run(assignment: Assignment) -> CheckedRun:
    """The trial's run at epoch 0."""
    run = build_run(
        assignment.trainable,
        assignment.config,
        data=Path(assignment.data) if assignment.data else None,
        seed=assignment.seed,
        cache=Path(assignment.cache),
        teacher=Path(assignment.teacher) if assignment.teacher else None,
        folder=Path(assignment.folder),
        metric=assignment.metric,
        data_shares=assignment.data_shares,
    )
    return CheckedRun(
        run,
        metric=assignment.metric,
        minimizes=assignment.minimizes,
        max_epochs=int(assignment.config["max_epochs"]),
    )


class MissingFolder(TrainablesError):
    """This machine does not see a folder that the driver made or read."""


def _check_folders(assignment: Assignment) -> None:
    """Tells a machine without the shared folders from a run that fails.

    Raises:
        MissingFolder: With the machine and the folder.
    """
    # Where files are sent to a remote place, machines need not share the studies folder.
    shared = assignment.barrier if assignment.remote is None else None
    for place in (shared, assignment.data, assignment.teacher):
        if place is not None and not Path(place).exists():
            raise MissingFolder(
                f"{os.uname().nodename} does not see {place}",
                hint="All machines of the Ray cluster must share the studies and cache folders.",
            )


def _uploads_of(assignment: Assignment, present: Uploads | None) -> Uploads | None:
    """The one sender of this process."""
    if assignment.remote is None or assignment.remote_root is None:
        return None
    remote = RemoteFolder(assignment.remote, Path(assignment.remote_root))
    if present is not None and present.remote == remote:
        return present
    return Uploads(remote, cache_bytes=assignment.cache_bytes)


def _bring_checkpoints(remote: RemoteFolder, folder: Path, done: int) -> bool:
    """Takes a trial's checkpoints from the remote place, where that has more epochs; whether so.

    Args:
        remote: The study's folder.
        folder: The trial's.
        done: Epochs that the checkpoint here holds.

    Raises:
        CheckpointUnreadable: It does not answer; a start from scratch would lose epochs.
    """
    try:
        if remote.epochs(folder) <= done:
            return False
        here = folder / "checkpoints"
        for path in here.glob("checkpoint_*.pt"):
            path.unlink()  # it is behind, whatever wrote it
        remote.pull(folder, lambda name: name.endswith(".pt"))
    except OSError as error:
        raise CheckpointUnreadable(
            f"the checkpoints of {folder} are at {remote.url}, which does not answer: "
            f"{first_line(error)}",
            hint="Nothing is lost. Run the same command again when it does.",
        ) from error
    return True


def _meet(folder: Path, workers: int) -> None:
    """Waits until all workers are up, at most half a minute.

    Ray Tune hands a waiting trial to an actor that is free and then drops the actor that was
    starting for it: where the first trial ends early, one actor ends up with all the work.
    """
    mark = folder / f"{os.uname().nodename}-{os.getpid()}"
    try:
        mark.touch()
    except OSError:  # reported with the first step
        return
    waiting = threading.Event()
    for _ in range(int(_BARRIER_SECONDS / _BARRIER_POLL_SECONDS)):
        if len(list(folder.iterdir())) >= workers:
            return
        waiting.wait(_BARRIER_POLL_SECONDS)


def _failure(error: BaseException) -> dict[str, Any]:
    """What a run raised, as a report."""
    ours = isinstance(error, TrainablesError)
    cause = error.__cause__ if ours else error
    disk_full = isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)
    ended_by = "disk_full" if disk_full else "oom" if is_out_of_memory(error) else "error"
    if isinstance(error, CheckpointUnreadable):
        ended_by = "unreadable"
    if isinstance(error, MissingFolder):
        ended_by = "missing_folder"
    text = str(error) if disk_full or ours else "".join(traceback.format_exception(error))
    with contextlib.suppress(RuntimeError):
        torch.cuda.empty_cache()
    return {"rows": [], "ended_by": ended_by, "error": text}
