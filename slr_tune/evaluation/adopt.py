"""A model of another program becomes a checkpoint of ours: weights, settings, classes, WER."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from slr_tune.errors import SlrTuneError, nearest_or_all
from slr_tune.importing.earlier_run import flat_fields
from slr_tune.importing.names import Matched, match_names
from slr_tune.space import faults_of
from slr_tune.space.values import nested, setting_names
from trainables.config import RunConfig
from trainables.data import Dataset
from trainables.errors import CheckpointError
from trainables.files.checkpoint import save_checkpoint
from trainables.files.foreign_vocabulary import class_order, stored_vocabulary
from trainables.files.foreign_weights import ForeignWeights
from trainables.files.stored_model import StoredModel, file_hash, load_model
from trainables.files.weight_names import WeightMap, match_weights
from trainables.models import build_model
from trainables.registry import config_class

TOLERANCE = 0.5
"""WER points that the measured and the claimed figure may differ by."""
_SIZES = ("layers", "hidden", "projection")
_OUTPUTS = ("output.weight", "output.bias")


@dataclass(frozen=True)
class ForeignModel:
    """What a person says of a model.

    Attributes:
        role: "teacher" or "student".
        settings: Settings by the other program's names, flat.
        names: Our settings by their names.
        vocabulary: Glosses in the order of its outputs; None to take the file's.
        blank: Which output is the blank; None to find it.
        modules: Our modules by theirs.
        claimed: Its dev WER, percent; None if unknown.
    """

    role: str
    settings: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    vocabulary: Sequence[str] | None = None
    blank: int | None = None
    modules: Mapping[str, str] = field(default_factory=dict)
    claimed: float | None = None


@dataclass(frozen=True)
class AdoptedModel:
    """A model that was adopted.

    Attributes:
        path: Its checkpoint.
        stored: The model.
        lines: What was matched, a line each.
        wer: Dev WER, percent; None where it was not measured.
    """

    path: Path
    stored: StoredModel
    lines: tuple[str, ...]
    wer: float | None


def read_config(path: Path) -> dict[str, Any]:
    """A program's settings, flat, from YAML or JSON.

    Raises:
        SlrTuneError: It is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SlrTuneError(f"--config {path} cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise SlrTuneError(f"--config {path} must be a mapping of settings")
    return flat_fields(content)


def adopt_model(
    weights: ForeignWeights, foreign: ForeignModel, data: Dataset | None, path: Path
) -> AdoptedModel:
    """Builds our model, puts the weights in, and writes the checkpoint; nothing is measured yet.

    Raises:
        SlrTuneError: A setting is missing or wrong.
        CheckpointError: It is not certain which weight or which class is which.
    """
    config, feature_size, lines = _config(foreign, data)
    known = None if data is None else data.vocabulary
    vocabulary = foreign.vocabulary or stored_vocabulary(weights.beside)
    if vocabulary is None and known is None:
        raise CheckpointError(
            f"{weights.path} contains no vocabulary",
            hint="Name it with --vocabulary FILE, or --data.",
        )
    if vocabulary is None:
        lines.append("no vocabulary was given: the order of the data's vocabulary is assumed")
        if foreign.claimed is None:
            raise CheckpointError(
                f"it is not known which output of {weights.path} is which gloss",
                hint="Give --vocabulary FILE, or --claimed WER to check whether the order of the "
                "data's glosses is right.",
            )
        vocabulary = known
    assert vocabulary is not None
    classes = _outputs(weights.weights, len(vocabulary))
    with torch.random.fork_rng(devices=[]):
        model = build_model(config, input_size=feature_size, classes=classes)
    found = match_weights(model.state_dict(), weights.weights, foreign.modules)
    glosses, order = class_order(vocabulary, known, classes=classes, blank=foreign.blank)
    state = _state(found, weights.weights, order)
    model.load_state_dict(state)
    lines += found.lines or ("all weights have the expected names",)
    if order != tuple(range(classes)):
        lines.append(f"{classes} outputs reordered to match the vocabulary of the data")
    content = {
        "model": state,
        "config": config_class(foreign.role)
        .model_validate(config.model_dump(mode="json"))
        .model_dump(mode="json"),
        "vocabulary": list(glosses),
        "feature_size": feature_size,
        "epoch": _epoch(weights.beside),
        "best_wer": None,
        "trainable": foreign.role,
        "data_hash": "" if data is None else data.hash,
        "adopted": {
            "file": str(weights.path.absolute()),
            "sha256": file_hash(weights.path),
            "weights": dict(found.theirs),
            "claimed_wer": foreign.claimed,
        },
    }
    save_checkpoint(path, content)
    return AdoptedModel(path, load_model(path), tuple(lines), None)


def measured(adopted: AdoptedModel, wer: float) -> AdoptedModel:
    """The same with its dev WER in the checkpoint."""
    from trainables.files.checkpoint import load_checkpoint

    state = load_checkpoint(adopted.path)
    save_checkpoint(adopted.path, {**state, "best_wer": wer})
    return AdoptedModel(adopted.path, load_model(adopted.path), adopted.lines, wer)


def dev_wer(stored: StoredModel, data: Dataset) -> float:
    """Greedy WER on dev, percent.

    Raises:
        CheckpointError: The model does not fit the data.
    """
    from slr_tune.evaluation.decode import scored_split

    return scored_split(stored, data, "dev").greedy().wer


def claim_refused(wer: float, claimed: float | None, tolerance: float) -> str:
    """Why a measured WER refutes a claimed one; empty where it does not."""
    if claimed is None or abs(wer - claimed) <= tolerance:
        return ""
    return (
        f"its dev WER is {wer:.2f}, claimed were {claimed:.2f}: {abs(wer - claimed):.2f} points "
        f"apart, at most {tolerance:g} are allowed"
    )


def _config(foreign: ForeignModel, data: Dataset | None) -> tuple[RunConfig, int, list[str]]:
    """Our settings, the features of a frame, and notes on the names."""
    known = setting_names(RunConfig().model_dump(mode="json"))
    matched = _matched(foreign, known)
    values = {ours: foreign.settings[theirs] for theirs, ours in matched.taken.items()}
    lines = [f"{theirs} -> {ours}" for theirs, ours in matched.taken.items() if theirs != ours]
    if missing := [name for name in _SIZES if name not in values]:
        raise SlrTuneError(
            f"--config does not give {', '.join(missing)}",
            hint=f"It has: {', '.join(foreign.settings) or 'nothing'}. "
            "--map THEIRS=OURS maps a name.",
        )
    for name, usual in (("architecture", "bilstm"), ("subsampling", 1)):
        if name not in values:
            values[name] = usual
            lines.append(f"{name} is not given: {usual}")
    shaping = {name: values[name] for name in ("architecture", "subsampling", *_SIZES)}
    plain = nested((tuple(name.split(".")), value) for name, value in values.items())
    if faults_of(RunConfig, plain):
        # What does not shape the weights need not be in our terms: their optimiser's words.
        plain = shaping
        lines.append("training settings are ignored: other programs define them differently")
    if faults := faults_of(RunConfig, plain):
        fault_text = "; ".join(f"{'.'.join(f.path)} {f.message}" for f in faults)
        raise SlrTuneError(f"--config: {fault_text}")
    return RunConfig.model_validate(plain), _feature_size(foreign, data), lines


def _matched(foreign: ForeignModel, known: Sequence[str]) -> Matched:
    for theirs, ours in foreign.names.items():
        if ours not in known:
            raise SlrTuneError(
                f"--map {theirs}={ours}: there is no setting {ours!r}",
                hint=nearest_or_all(ours, known),
            )
    return match_names(foreign.settings, known, foreign.names)


_FEATURE_NAMES = ("feature_size", "input_size", "input_dim", "feature_dim", "in_features")


def _feature_size(foreign: ForeignModel, data: Dataset | None) -> int:
    if data is not None:
        return data.feature_size
    flat = {name.rpartition(".")[2]: value for name, value in foreign.settings.items()}
    given = next((flat[name] for name in _FEATURE_NAMES if name in flat), None)
    if not isinstance(given, int) or given < 1:
        raise SlrTuneError(
            "the number of features per frame is not known",
            hint="Name the data with --data, or put input_size into the config.",
        )
    return given


def _outputs(weights: Mapping[str, Tensor], glosses: int) -> int:
    """Outputs of a model for so many glosses: one more where the blank is not among them."""
    shapes = {tuple(tensor.shape) for tensor in weights.values()}
    for classes in (glosses, glosses + 1):
        layers = [shape for shape in shapes if len(shape) == 2 and shape[0] == classes]
        if layers and (classes,) in shapes:
            return classes
    return glosses


def _state(
    found: WeightMap, weights: Mapping[str, Tensor], order: Sequence[int]
) -> dict[str, Tensor]:
    state = {}
    for ours, theirs in found.theirs.items():
        tensor = weights[theirs].detach().to(torch.float32)
        if ours in _OUTPUTS:
            tensor = tensor[torch.tensor(order)]
        state[ours] = tensor.contiguous().clone()
    return state


def _epoch(beside: Mapping[str, Any]) -> int:
    given = beside.get("epoch", 0)
    whole = isinstance(given, int | float) and math.isfinite(given) and given >= 0
    return int(given) if whole else 0
