"""Finding all that is known of the run that a person asks about."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from slr_tune.diagnosis.causes import Cause, shown
from slr_tune.diagnosis.diagnosis import Diagnosis, diagnose
from slr_tune.diagnosis.diagnostics import LOG_PROBS, Decode, Diagnostic, diagnostics
from slr_tune.evaluation.checkpoints import Named, find_checkpoint, find_data
from slr_tune.study.commands import command_line
from slr_tune.study.folders import trial_folder
from slr_tune.study.record import TrialRecord, record_of
from trainables.data import Dataset
from trainables.decoding import greedy_decode
from trainables.decoding.configured import decoder_of
from trainables.errors import CheckpointError, DataError
from trainables.files.checkpoint import load_checkpoint
from trainables.files.curve import CurveFile
from trainables.files.stored_model import StoredModel, load_model
from trainables.registry import BUILT_IN_NAMES, config_class


@dataclass(frozen=True)
class Subject:
    """A run that is asked about.

    Attributes:
        name: What it is called.
        folder: Where its curve lies.
        checkpoint: Its checkpoint; None for one that ended before its first epoch.
        record: Of a study's trial; None for a run outside of a study.
        trainable: Name of the run.
        state: What the checkpoint holds; empty without one.
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

    def rows(self) -> list[dict[str, float]]:
        """Its whole curve where the file is there, else up to the checkpoint."""
        whole = CurveFile(self.folder / "curve.csv").rows()
        return whole or [dict(row) for row in self.state.get("rows", [])]


def find_subject(
    given: str | None, *, study: str | None, trial: int | None, storage: str | None
) -> Subject:
    """Finds a run by its checkpoint, folder, study, or trial.

    Raises:
        SlrTuneError: There is no such run.
    """
    try:
        named = find_checkpoint(given, study=study, trial=trial, storage=storage)
    except CheckpointError:
        if trial is None or (given is not None and Path(given).exists()):
            raise
        return _without_checkpoint(given or study, trial, storage)
    state = load_checkpoint(named.path)
    record, trainable = None, str(state.get("trainable", ""))
    if named.study is not None and named.trial is not None:
        record, trainable = _record(named.study, named.trial, storage)[:2]
    return Subject(named.name, named.run_folder, named, record, trainable, state)


def _without_checkpoint(study: str | None, trial: int, storage: str | None) -> Subject:
    record, trainable, name = _record(study, trial, storage)
    return Subject(f"{name}/{trial}", trial_folder(name, trial), None, record, trainable)


def _record(
    study: str | None, trial: int, storage: str | None
) -> tuple[TrialRecord | None, str, str]:
    from slr_tune.study.view import load_study

    view = load_study(study, storage)
    return record_of(view.trials[trial]), view.spec.trainable, view.spec.study


def examine(subject: Subject, *, data: str | None) -> Diagnosis:
    """Runs the diagnostics that the run allows, and judges.

    Args:
        subject: The run.
        data: Data set that is named in place of its own.

    Raises:
        TrainablesError: The checkpoint or the data cannot be used.
    """
    rows = subject.rows()
    found: list[Diagnostic] = []
    dataset: Dataset | None = None
    if subject.checkpoint is not None and _diverged(subject.state):
        told = "the checkpoint holds weights that are not finite"
        found = [Diagnostic(LOG_PROBS, "bad", told, "all finite")]
    elif subject.checkpoint is not None and "vocabulary" in subject.state:
        stored = load_model(subject.checkpoint.path)
        dataset = find_data(stored.data_hash, subject.checkpoint, data)
        _check_fits(stored, dataset)
        decoder, decode = own_decoder(stored, dataset)
        recorded = _recorded_wer(subject.state) if dataset.hash == stored.data_hash else math.nan
        found = diagnostics(
            stored.model, dataset, decode=decode, decoder=decoder, recorded_wer=recorded
        )
    record = subject.record
    diagnosis = diagnose(
        subject.name,
        diagnostics=found,
        rows=rows,
        config=subject.config,
        teacher_wer=_teacher_wer(record),
        ended_by=None if record is None else record.ended_by,
        error="" if record is None else record.error or "",
    )
    epoch = int(subject.state.get("epoch", 0))
    if found and rows and epoch != rows[-1]["epoch"]:
        told = f"The diagnostics are of the checkpoint, epoch {epoch}; the curve goes on."
        diagnosis = dataclasses.replace(diagnosis, notes=(told, *diagnosis.notes))
    if not diagnosis.causes or subject.trainable not in BUILT_IN_NAMES:
        return diagnosis
    command = train_command(subject, diagnosis.causes[0], dataset)
    return dataclasses.replace(diagnosis, command=command)


def own_decoder(stored: StoredModel, data: Dataset) -> tuple[str, Decode]:
    """The decoder of a model's own settings, with its name."""
    beam = decoder_of(stored.config.decoding, data)
    if beam is None:
        return "greedy decoding", greedy
    return "its beam search", lambda frames: beam.decode_batch(list(frames))


def greedy(frames: Sequence[np.ndarray[Any, np.dtype[np.float32]]]) -> list[list[int]]:
    """The likeliest class of every frame, for each utterance (T', C)."""
    return [greedy_decode(item[:, None], np.array([len(item)]))[0] for item in frames]


def train_command(subject: Subject, cause: Cause, data: Dataset | None) -> str:
    """`slr-tune train` of the same run with a cause's remedy; empty where no setting helps."""
    if not cause.settings:
        return ""
    defaults = config_class(subject.trainable)().model_dump(mode="json")
    changed = {
        key: value
        for key, value in _flat(subject.config)
        if dict(_flat(defaults)).get(key) != value and not _covered(key, cause.settings)
    }
    options = [f"{key}={_written(value)}" for key, value in changed.items()]
    options += [f"{key}={shown(value)}" for key, value in cause.settings.items()]
    given: dict[str, Any] = {"--set": options}
    if data is not None and dict(data.spec) != _default_data():
        given["--data"] = json.dumps(dict(data.spec))
    seed = subject.state.get("seed", 0) if subject.record is None else subject.record.seed
    given["--seed"] = seed or None
    if subject.trainable == "distill":
        given["--teacher"] = _teacher_file(subject) or "CHECKPOINT"
    return command_line("train", subject.trainable, options=given)


def _default_data() -> dict[str, Any]:
    from trainables.data.config import check_data_spec

    spec, _ = check_data_spec({"name": "libras"})
    return {} if spec is None else spec.model_dump(mode="json")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by dotted name; those of a group whose parts depend on each other stay whole."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and key not in ("loss_weights", "temperature", "decoding"):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _covered(key: str, settings: Mapping[str, Any]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in settings)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _diverged(state: Mapping[str, Any]) -> bool:
    weights = state.get("model", {})
    return not all(bool(torch.isfinite(value).all()) for value in weights.values())


def _recorded_wer(state: Mapping[str, Any]) -> float:
    rows = state.get("rows", [])
    return float(rows[-1].get("val/wer", math.nan)) if rows else math.nan


def _teacher_wer(record: TrialRecord | None) -> float:
    wer = None if record is None else record.facts.get("teacher_wer")
    return math.nan if wer is None else float(wer)


def _teacher_file(subject: Subject) -> str:
    """The teacher that the study's manifest names, empty where there is none."""
    import yaml

    for folder in subject.folder.absolute().parents:
        try:
            text = (folder / "study.yaml").read_text(encoding="utf-8")
        except OSError:
            continue
        content = yaml.safe_load(text)
        teacher = content.get("teacher") if isinstance(content, dict) else None
        return str(teacher["checkpoint"]) if isinstance(teacher, dict) else ""
    return ""


def _check_fits(stored: StoredModel, data: Dataset) -> None:
    from trainables.teaching.log_probs import check_fits

    check_fits(stored, data)
    if not len(data.dev):
        raise DataError(f"data set {data.name} has no dev utterance to judge by")
