"""What a worker does: train one stage, or count a checkpoint's errors. No Ray here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from slr_tune.training.runs import Row, weights_file
from slr_tune.training.stages import CountJob, Job, Stage, counts_file, latest_file, save_counts
from trainables.building import build_run, set_up_process, warm_dataset
from trainables.decoding.build import beam_decoder
from trainables.decoding.settings import BeamSettings
from trainables.errors import CheckpointError, ConfigError
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.protocol import Run
from trainables.runs.evaluation import evaluate
from trainables.runs.optimisation import choose_device
from trainables.runs.training import whole_state
from trainables.scoring.wer import utterance_errors
from trainables.teaching.frozen_teacher import FrozenTeacher

_NOT_WEIGHTS = ("optimizer", "helper")


class Worker:
    """Works on one job after another; the mapped data stay open in between."""

    def __init__(self, data: Path | None, cache: Path, modules: str | None = None) -> None:
        """Sets up the process.

        Args:
            data: Folder of the prepared data, None for a custom run without.
            cache: Folder for what runs derive and share.
            modules: Folder in which the command was given; a custom run may lie there.
        """
        set_up_process(modules)
        self._data = data
        self._cache = cache

    def work(self, job: Job) -> Job:
        """Does a job, what is done already is only looked up; gives the stage with its outcome.

        Raises:
            TrainablesError: Configuration, data and teacher do not fit together.
        """
        if isinstance(job, CountJob):
            self._count(job)
            return job
        with _locked(job.folder):
            return job.found() or self._train(job)

    def _train(self, stage: Stage) -> Stage:
        run, rows = self._start(stage)
        while len(rows) < stage.last and any(one.end(rows) is None for one in stage.judged):
            if not stage.scored and run.ended_by is not None:
                break
            rows.append(_checked(run.run_epoch(), stage))
            _store(run, rows, stage)
        for epoch in stage.needed(rows):
            weights = weights_file(stage.folder, epoch)
            self._count(CountJob(weights, counts_file(stage.folder, epoch)))
        facts = {key: value for key, value in run.facts().items() if key != "teacher_hash"}
        ended_by = None if stage.scored else run.ended_by
        done = replace(stage, rows=rows, facts=facts, ended_by=ended_by)
        done.finish()
        return done

    def _start(self, stage: Stage) -> tuple[Run, list[Row]]:
        """The run and its curve: where it was left, else at its parent's end, else at epoch 0."""
        longest = stage.longest
        config = dict(longest.arm.config)
        if stage.scored:
            # Who ends when is decided from the curve, for each run by its own rule.
            config |= {"patience": config["max_epochs"], "min_delta": 0.0}
            config.pop("early_stopping", None)
        run = build_run(
            longest.arm.trainable,
            config,
            data=self._data,
            seed=longest.seed,
            cache=self._cache,
            teacher=stage.teacher,
        )
        state = _own_state(stage)
        if state is None and stage.start is not None:
            state = load_checkpoint(latest_file(stage.start))
        if state is None:
            return run, []
        run.load_state_dict(state)
        return run, [dict(row) for row in state["rows"]]

    def _count(self, job: CountJob) -> None:
        if job.file.exists():
            return
        assert self._data is not None  # without data nothing is scored
        data, device = warm_dataset(self._data), choose_device("auto")
        model = FrozenTeacher(job.weights, device=device, half=False)
        model.check_fits(data, subsampling=model.stored.config.subsampling)
        split = getattr(data, job.split)
        beam = job.decoding
        decoder = None if beam is None else beam_decoder(BeamSettings(**beam), data)
        network = model.stored.model.to(device)
        found = evaluate(network, split, data.vocabulary, device=device, decoder=decoder)
        save_counts(job.file, utterance_errors(found.hypotheses, split.references))


def _locked(folder: Path) -> AbstractContextManager[object]:
    """Holds a stage against other processes; the system frees the lock of one that dies.

    Raises:
        ConfigError: Its folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / ".lock").acquire()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written to: {error.strerror}") from error


def _checked(row: Mapping[str, float], stage: Stage) -> Row:
    """An epoch's row, which must hold what runs are judged by.

    Raises:
        ConfigError: It does not.
    """
    metric = stage.runs[0].measure.metric
    if metric not in row:
        raise ConfigError(
            f"{stage.longest.arm.trainable}: the run's rows have no column {metric!r}",
            hint=f"They have: {', '.join(row)}.",
        )
    return dict(row)


def _own_state(stage: Stage) -> dict[str, Any] | None:
    """Where the stage was left; None where it starts anew.

    That is where nothing can be read, and where weights are gone that its runs need: the stage
    was then made for runs that stop otherwise.
    """
    try:
        state = load_checkpoint(stage.latest)
    except CheckpointError:
        return None
    files = [weights_file(stage.folder, epoch) for epoch in stage.needed(state["rows"])]
    return state if all(path.exists() for path in files) else None


def _store(run: Run, rows: Sequence[Row], stage: Stage) -> None:
    """Stores an epoch: its weights where they may be needed, then the state that says so."""
    state = whole_state(run, rows)
    needed = stage.needed(rows)
    if len(rows) in needed:
        weights = {key: value for key, value in state.items() if key not in _NOT_WEIGHTS}
        save_checkpoint(weights_file(stage.folder, len(rows)), weights)
    save_checkpoint(stage.latest, state)
    stage.report(rows)
    for epoch in range(stage.first, len(rows)):
        if epoch not in needed:
            weights_file(stage.folder, epoch).unlink(missing_ok=True)
