"""What a worker does: train one stage, or count a stage's errors. No Ray here."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from slr_tune.training.beam import beam_decoder
from slr_tune.training.replay import end_of, epochs_needed
from slr_tune.training.stage_files import (
    LATEST,
    StageRecord,
    counts_file,
    save_counts,
    usable,
    weights_file,
    write_record,
)
from slr_tune.training.stages import StopRule
from trainables.data import Dataset, open_dataset
from trainables.errors import CheckpointError, ConfigError
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.stored_model import load_model
from trainables.protocol import Run, RunInputs
from trainables.registry import run_class
from trainables.runs.evaluation import evaluate
from trainables.runs.training import whole_state
from trainables.scoring.wer import utterance_errors

_NOT_WEIGHTS = ("optimizer", "helper")


@dataclass(frozen=True)
class StageJob:
    """A stage to train; plain values, as they travel to another process.

    Attributes:
        id: The stage's.
        folder: Where it is kept.
        parent: Folder of the stage that it starts from, None at the start of a run.
        trainable: Name of the run.
        config: A configuration that all its runs agree with in its epochs.
        seed: Seed of its randomness.
        first: Its first epoch.
        last: Its last epoch.
        rules: When the runs that pass through it end.
        continued: Whether other stages start from its last state.
        data: Folder of the prepared data.
        teacher: The teacher's checkpoint, None without.
        cache: Folder for what runs derive and share.
    """

    id: str
    folder: str
    parent: str | None
    trainable: str
    config: Mapping[str, Any]
    seed: int
    first: int
    last: int
    rules: Sequence[StopRule]
    continued: bool
    data: str | None
    teacher: str | None
    cache: str

    @property
    def scored(self) -> bool:
        """Whether errors are counted, and the weights kept that made them."""
        return self.rules[0].measure.scored


@dataclass(frozen=True)
class CountJob:
    """Errors to be counted with weights that are there.

    Attributes:
        folder: The stage's.
        epoch: Whose weights.
        split: Of the data.
        decoding: Settings of the beam search, None for greedy decoding.
        data: Folder of the prepared data.
    """

    folder: str
    epoch: int
    split: str
    decoding: Mapping[str, float] | None
    data: str

    @property
    def file(self) -> Path:
        """Where the counts go."""
        return counts_file(Path(self.folder), self.epoch, split=self.split, decoding=self.decoding)


class Worker:
    """Works on one job after another; the mapped data stay open in between."""

    def __init__(self, modules: str | None = None) -> None:
        """Takes as many threads as the environment says, one by default.

        Args:
            modules: Folder in which the command was given; a user's own run may lie there.
        """
        if modules is not None and modules not in sys.path:
            sys.path.append(modules)
        torch.set_num_threads(max(1, int(os.environ.get("OMP_NUM_THREADS", "1"))))
        self._data: dict[str, Dataset] = {}

    def work(self, job: StageJob | CountJob) -> StageRecord | None:
        """Does a job; what is done already is only looked up.

        Raises:
            TrainablesError: Configuration, data and teacher do not fit together.
        """
        if isinstance(job, CountJob):
            self._count(job)
            return None
        return self._train(job)

    def _dataset(self, folder: str) -> Dataset:
        if folder not in self._data:
            self._data = {folder: open_dataset(Path(folder))}
        return self._data[folder]

    def _train(self, job: StageJob) -> StageRecord:
        folder = Path(job.folder)
        found = usable(folder, last=job.last, rules=job.rules, continued=job.continued)
        if found is not None:
            return found
        run, rows = self._start(job)
        own_end = None if job.scored else run.ended_by
        while len(rows) < job.last and own_end is None and not _all_ended(rows, job.rules):
            rows.append(_checked(run.run_epoch(), job))
            _store(run, rows, job)
            own_end = None if job.scored else run.ended_by
        kept = []
        if job.scored:
            kept = sorted(e for e in epochs_needed(rows, job.rules) if e >= job.first)
        for epoch in kept:
            self._count(CountJob(job.folder, epoch, "dev", None, str(job.data)))
        facts = {key: value for key, value in run.facts().items() if key != "teacher_hash"}
        record = StageRecord(job.first, rows, kept, facts, own_end)
        write_record(folder, record)
        if not job.continued:
            (folder / LATEST).unlink(missing_ok=True)
        return record

    def _start(self, job: StageJob) -> tuple[Run, list[dict[str, float]]]:
        """The run and its curve: where it was left, else at its parent's end, else at epoch 0."""
        cls = run_class(job.trainable)
        config = cls.config_class.model_validate(job.config)
        inputs = RunInputs(
            data=None if job.data is None else self._dataset(job.data),
            seed=job.seed,
            teacher=Path(job.teacher) if job.teacher else None,
            cache=Path(job.cache),
        )
        run = cls(config, inputs)
        state = _own_state(job)
        if state is None and job.parent is not None:
            state = load_checkpoint(Path(job.parent) / LATEST)
        if state is None:
            return run, []
        run.load_state_dict(state)
        return run, [dict(row) for row in state["rows"]]

    def _count(self, job: CountJob) -> None:
        if job.file.exists():
            return
        data = self._dataset(job.data)
        stored = load_model(weights_file(Path(job.folder), job.epoch))
        split = getattr(data, job.split)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model = stored.model.to(device)
        decoder = None if job.decoding is None else beam_decoder(job.decoding, data)
        found = evaluate(model, split, data.vocabulary, device=device, decoder=decoder)
        save_counts(job.file, _counts(found.hypotheses, split.references))


def _counts(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> NDArray[np.int64]:
    return utterance_errors(hypotheses, references)


def _all_ended(rows: Sequence[Mapping[str, float]], rules: Sequence[StopRule]) -> bool:
    """Whether no run goes on after this curve."""
    return all(end_of(rows, rule) is not None for rule in rules)


def _checked(row: Mapping[str, float], job: StageJob) -> dict[str, float]:
    """An epoch's row, which must hold what runs are judged by.

    Raises:
        ConfigError: It does not.
    """
    metric = job.rules[0].measure.metric
    if metric not in row:
        raise ConfigError(
            f"{job.trainable}: the run's rows have no column {metric!r}",
            hint=f"They have: {', '.join(row)}.",
        )
    return dict(row)


def _own_state(job: StageJob) -> dict[str, Any] | None:
    """Where the stage was left; None where it starts anew.

    That is where nothing can be read, and where weights are gone that these rules need: the stage
    was then made for runs that stop otherwise.
    """
    folder = Path(job.folder)
    try:
        state = load_checkpoint(folder / LATEST)
    except CheckpointError:
        return None
    needed = epochs_needed(state["rows"], job.rules) if job.scored else set()
    files = [weights_file(folder, epoch) for epoch in needed if epoch >= job.first]
    return state if all(path.exists() for path in files) else None


def _store(run: Run, rows: Sequence[Mapping[str, float]], job: StageJob) -> None:
    """Stores an epoch: its weights where they may be needed, then the state that says so."""
    folder = Path(job.folder)
    state = whole_state(run, rows)
    needed = epochs_needed(rows, job.rules) if job.scored else set()
    if len(rows) in needed:
        weights = {key: value for key, value in state.items() if key not in _NOT_WEIGHTS}
        save_checkpoint(weights_file(folder, len(rows)), weights)
    save_checkpoint(folder / LATEST, state)
    for epoch in range(job.first, len(rows)):
        if epoch not in needed:
            weights_file(folder, epoch).unlink(missing_ok=True)
