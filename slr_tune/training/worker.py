"""What a worker does: train one stage, or count a checkpoint's errors. No Ray here."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from slr_tune.training.runs import best_epoch, weights_file
from slr_tune.training.stages import (
    CountJob,
    Job,
    Stage,
    TeachJob,
    counts_file,
    latest_file,
    predictions_file,
    save_counts,
)
from trainables.quick_import import uncollected

with uncollected():  # each worker starts with it
    from trainables.building import build_run, set_up_process, warm_dataset
    from trainables.checked_run import CheckedRun, ending_process
    from trainables.decoding.build import beam_decoder
    from trainables.decoding.settings import BeamSettings
    from trainables.errors import CheckpointError, CheckpointUnreadable, ConfigError
    from trainables.files.atomic import replace_file
    from trainables.files.checkpoint import load_checkpoint, prove_checkpoint, save_checkpoint
    from trainables.memory import give_back, keep_heap_small
    from trainables.runs.evaluation import evaluate
    from trainables.runs.optimisation import choose_device
    from trainables.scoring.cleaning import cleaned
    from trainables.scoring.wer import utterance_errors
    from trainables.script.predictions import to_jsonl
    from trainables.teaching.frozen_teacher import FrozenTeacher

_NOT_WEIGHTS = ("optimizer", "helper")


class Worker:
    """Works on one job after another; the mapped data stay open in between."""

    def __init__(
        self,
        data: Path | None,
        cache: Path,
        modules: str | None = None,
        gpus: float | None = None,
    ) -> None:
        """Sets up the process.

        Args:
            data: Folder of the prepared data, None for a custom run without.
            cache: Folder for what runs derive and share.
            modules: Folder in which the command was given; a custom run may lie there.
            gpus: GPUs of a training, see `set_up_process`.
        """
        set_up_process(modules, gpus)
        keep_heap_small()
        self._data = data
        self._cache = cache

    def place(self) -> tuple[str, int]:
        """Name of the machine, and the process on it."""
        return os.uname().nodename, os.getpid()

    def work(self, job: Job) -> Job:
        """Does a job, what is done already is only looked up; gives the stage with its outcome.

        Raises:
            TrainablesError: Configuration, data and teacher do not fit together.
        """
        if isinstance(job, CountJob):
            self._count(job)
            return job
        if isinstance(job, TeachJob):
            self._teach(job)
            return job
        with _locked(job.folder):
            done = job.found() or self._train(job)
        give_back()
        return done

    def _train(self, stage: Stage) -> Stage:
        with closing(self._start(stage)) as run:
            rows = run.rows
            while len(rows) < stage.last and any(one.end(rows) is None for one in stage.judged):
                if not stage.scored and run.ended_by is not None:
                    break
                if run.run_epoch() is None:
                    break
                _store(run, stage)
                if run.improved and stage.predicted:
                    _store_predictions(run, stage)
            if stage.predicted:
                _check_predictions(run, stage)
            for epoch in stage.needed(rows):
                weights = weights_file(stage.folder, epoch)
                self._count(CountJob(weights, counts_file(stage.folder, epoch)))
            facts = {key: value for key, value in run.facts().items() if key != "teacher_hash"}
            ended_by = None if stage.scored else run.ended_by
            done = replace(stage, rows=rows, facts=facts, ended_by=ended_by)
            done.finish()
            return done

    def _start(self, stage: Stage) -> CheckedRun:
        """The run and its curve: where it was left, else at its parent's end, else at epoch 0."""
        longest = stage.longest
        config = dict(longest.arm.config)
        if stage.scored:
            # Who ends when is decided from the curve, for each run by its own rule.
            config |= {"patience": config["max_epochs"], "min_delta": 0.0}
            config.pop("early_stopping", None)
        with ending_process("the constructor"):
            built = build_run(
                longest.arm.trainable,
                config,
                data=self._data,
                seed=longest.seed,
                cache=self._cache,
                teacher=stage.teacher,
                folder=stage.folder,
                metric=longest.measure.metric,
            )
        measure = longest.measure
        run = CheckedRun(built, metric=measure.metric, minimizes=measure.minimize)
        try:
            state = _own_state(stage)
            if state is None and stage.start is not None:
                state = load_checkpoint(latest_file(stage.start))
            if state is not None:
                run.load(state)
        except BaseException:
            run.close()
            raise
        return run

    def _teach(self, job: TeachJob) -> None:
        """Builds a run that opens the outputs, and lets it go."""
        build_run(
            "distill",
            job.config,
            data=self._data,
            seed=job.seed,
            cache=self._cache,
            teacher=job.teacher,
        )

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
        scoring = job.scoring or model.stored.config.scoring
        counted = cleaned(found.hypotheses, split.references, scoring)
        save_counts(job.file, utterance_errors(*counted))


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


def _own_state(stage: Stage) -> dict[str, Any] | None:
    """Where the stage was left; None where it starts from scratch.

    That is where nothing can be read, and where weights are gone that its runs need: the stage
    was then made for runs that stop otherwise.
    """
    try:
        state = load_checkpoint(stage.latest)
    except CheckpointUnreadable:
        raise  # it may be sound; trained again, its epochs would be lost
    except CheckpointError:
        return None
    files = [weights_file(stage.folder, epoch) for epoch in stage.needed(state["rows"])]
    return state if all(path.exists() for path in files) else None


def _store_predictions(run: CheckedRun, stage: Stage) -> None:
    """What the run recognises after its best epoch so far, if it can report it now."""
    recognised = run.predictions()
    best = best_epoch(run.rows, stage.longest.measure)
    if recognised is not None and best is not None:
        replace_file(predictions_file(stage.folder, best), to_jsonl(recognised).encode())


def _check_predictions(run: CheckedRun, stage: Stage) -> None:
    """At the end: a script reports it only now.

    Raises:
        ConfigError: It reports nothing about its best epoch.
    """
    best = best_epoch(run.rows, stage.longest.measure)
    if best is None or predictions_file(stage.folder, best).exists():
        return
    _store_predictions(run, stage)
    if not predictions_file(stage.folder, best).exists():
        raise ConfigError(
            f"{stage.longest.name}: the run reported no predictions for its best epoch, {best}",
            hint="Fix predictions, or remove it from the run: then its metric is compared.",
        )


def _store(run: CheckedRun, stage: Stage) -> None:
    """Stores an epoch: its weights where they may be needed, then the state that says so."""
    state, rows = run.state(), run.rows
    needed = stage.needed(rows)
    if len(rows) in needed:
        weights = {key: value for key, value in state.items() if key not in _NOT_WEIGHTS}
        save_checkpoint(weights_file(stage.folder, len(rows)), weights)
    first = not stage.latest.exists()
    save_checkpoint(stage.latest, state)
    if first:
        prove_checkpoint(stage.latest, state)
    stage.report(rows)
    for epoch in range(stage.first, len(rows)):
        if epoch not in needed:
            weights_file(stage.folder, epoch).unlink(missing_ok=True)
