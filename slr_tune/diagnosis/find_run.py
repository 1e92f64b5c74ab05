"""Finding all that is known of the run that a person asks about."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from slr_tune.diagnosis.causes import Cause, shown
from slr_tune.diagnosis.diagnosis import Diagnosis, diagnose
from slr_tune.diagnosis.diagnostics import LOG_PROBS, Diagnostic, diagnostics, greedy
from slr_tune.evaluation.checkpoints import Named, find_checkpoint, find_data, manifest_section
from slr_tune.study.commands import command_line
from slr_tune.study.record import TrialRecord, record_of
from slr_tune.study.view import StudyView, load_study
from trainables.data import Dataset
from trainables.data.config import check_data_spec
from trainables.decoding.build import build_decoder
from trainables.decoding.log_probs import check_fits
from trainables.errors import CheckpointError, DataError
from trainables.files.checkpoint import load_checkpoint
from trainables.files.curve import CurveFile
from trainables.files.stored_model import load_model
from trainables.registry import BUILT_IN_NAMES, CodeRefused, config_class


@dataclass(frozen=True)
class FoundRun:
    """A run that is asked about.

    Attributes:
        name: Name of the run.
        folder: Folder of its curve.
        checkpoint: Its checkpoint; None for one that ended before its first epoch.
        record: Record of a study's trial; None for a run outside of a study.
        trainable: Name of what is trained.
        state: Content of the checkpoint; empty without one.
    """

    name: str
    folder: Path
    checkpoint: Named | None
    record: TrialRecord | None
    trainable: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """Its settings, of the record or of the checkpoint."""
        if self.record is not None:
            return self.record.config
        found = self.state.get("config", {})
        return found if isinstance(found, Mapping) else {}

    @property
    def rows(self) -> list[dict[str, float]]:
        """Its whole curve where the file is there, else up to the checkpoint."""
        whole = CurveFile(self.folder / "curve.csv").rows()
        return whole or [dict(row) for row in self.state.get("rows", [])]


def find_run(
    given: str | None, *, study: str | None, trial: int | None, storage: str | None
) -> FoundRun:
    """Finds a run by its checkpoint, folder, study, or trial.

    Raises:
        SlrTuneError: There is no such run.
    """
    try:
        named = find_checkpoint(given, study=study, trial=trial, storage=storage)
    except CheckpointError:
        if trial is None or (given is not None and Path(given).exists()):
            raise
        record, trainable, view = _record(given or study, trial, storage)
        name = f"{view.spec.study}/{trial}"
        return FoundRun(name, view.own_folder(trial), None, record, trainable)
    state = load_checkpoint(named.path)
    record, trainable = None, str(state.get("trainable", ""))
    if named.study is not None and named.trial is not None:
        record, trainable, _ = _record(named.study, named.trial, storage)
    return FoundRun(named.name, named.run_folder, named, record, trainable, state)


def _record(
    study: str | None, trial: int, storage: str | None
) -> tuple[TrialRecord | None, str, StudyView]:
    """A trial's record, what the study trains, and the study."""
    view = load_study(study, storage)
    return record_of(view.trial(trial)), view.spec.trainable, view


def examine(run: FoundRun, *, data: str | None) -> Diagnosis:
    """Runs the diagnostics that the run allows, and judges.

    Args:
        run: The run.
        data: Data set that is named in place of its own.

    Raises:
        TrainablesError: The checkpoint or the data cannot be used.
    """
    rows, record = run.rows, run.record
    found, dataset = _diagnostics(run, data)
    wer = None if record is None else record.facts.get("teacher_wer")
    diagnosis = diagnose(
        run.name,
        diagnostics=found,
        rows=rows,
        config=run.config,
        teacher_wer=math.nan if wer is None else float(wer),
        ended_by=None if record is None else record.ended_by,
        error="" if record is None else record.error or "",
    )
    epoch = int(run.state.get("epoch", 0))
    if found and rows and epoch != rows[-1]["epoch"]:
        text = f"The diagnostics describe the checkpoint of epoch {epoch}; the curve is longer."
        diagnosis = dataclasses.replace(diagnosis, notes=(text, *diagnosis.notes))
    if not diagnosis.causes or run.trainable not in BUILT_IN_NAMES:
        return diagnosis
    command = _train_command(run, diagnosis.causes[0], dataset)
    return dataclasses.replace(diagnosis, command=command)


def _diagnostics(run: FoundRun, data: str | None) -> tuple[list[Diagnostic], Dataset | None]:
    """What a run's checkpoint shows, and on which data, where it needs some."""
    state = run.state
    if run.checkpoint is None:
        return [], None
    if not all(bool(torch.isfinite(value).all()) for value in state.get("model", {}).values()):
        text = "the checkpoint contains weights that are not finite"
        return [Diagnostic(LOG_PROBS, "bad", text, "all finite")], None
    if "vocabulary" not in state:
        return [], None
    stored = load_model(run.checkpoint.path)
    dataset = find_data(stored.data_hash, run.checkpoint, data)
    check_fits(stored, dataset)
    if not len(dataset.dev):
        raise DataError(f"data set {dataset.name} has no dev utterance to judge by")
    beam = build_decoder(stored.config.decoding, dataset)
    rows = state.get("rows", []) if dataset.hash == stored.data_hash else []
    found = diagnostics(
        stored.model,
        dataset,
        decode=greedy if beam is None else lambda frames: beam.decode_batch(list(frames)),
        decoder="greedy decoding" if beam is None else "its beam search",
        recorded_wer=float(rows[-1].get("val/wer", math.nan)) if rows else math.nan,
        scoring=stored.config.scoring,
    )
    return found, dataset


def _train_command(run: FoundRun, cause: Cause, data: Dataset | None) -> str:
    """`slr-tune train` of the same run with a cause's remedy; empty where no setting helps."""
    if not cause.settings:
        return ""
    try:
        usual = dict(_flat(config_class(run.trainable)().model_dump(mode="json")))
    except CodeRefused:
        usual = {}  # all settings are written out
    remedied = tuple(f"{name}." for name in cause.settings)
    changes = [
        f"{key}={value if isinstance(value, str) else json.dumps(value)}"
        for key, value in _flat(run.config)
        if usual.get(key) != value and not f"{key}.".startswith(remedied)
    ]
    changes += [f"{key}={shown(value)}" for key, value in cause.settings.items()]
    options: dict[str, Any] = {"--set": changes}
    default, _ = check_data_spec({"name": "libras"})
    if data is not None and default is not None:
        spec = dict(data.spec)
        options["--data"] = None if spec == default.model_dump(mode="json") else json.dumps(spec)
    seed = run.state.get("seed", 0) if run.record is None else run.record.seed
    options["--seed"] = seed or None
    if run.trainable == "distill":
        teacher = manifest_section(run.folder / "curve.csv", "teacher").get("checkpoint")
        options["--teacher"] = teacher or "CHECKPOINT"
    return command_line("train", run.trainable, options=options)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name; those of a group whose parts depend on each other stay whole."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and key not in ("loss_weights", "temperature", "decoding"):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value
