"""A trained model taken from a checkpoint of a built-in run, ready to recognise."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from trainables.config import RunConfig
from trainables.errors import CheckpointError
from trainables.files.checkpoint import load_checkpoint
from trainables.models import build_model
from trainables.models.base import Recogniser

SHAPING = ("architecture", "layers", "hidden", "projection", "subsampling")
"""Settings that shape a model's weights."""

_NEEDED = ("model", "config", "vocabulary", "feature_size", "epoch", "best_wer")


@dataclass(frozen=True)
class StoredModel:
    """A model and what is known of it.

    Attributes:
        path: The checkpoint.
        content_hash: SHA-256 of the file.
        model: The recogniser in eval mode, on the CPU, its parameters frozen.
        config: The settings that shape it and those it was trained with.
        vocabulary: Glosses in the order of its outputs, the blank first.
        feature_size: Features per frame that it takes.
        epoch: Epochs it was trained.
        wer: Best dev WER up to that epoch, percent; NaN if none was measured.
        trainable: Name of the run that trained it.
        data_hash: Hash of the data it was trained on.
    """

    path: Path
    content_hash: str
    model: Recogniser
    config: RunConfig
    vocabulary: tuple[str, ...]
    feature_size: int
    epoch: int
    wer: float
    trainable: str
    data_hash: str

    @property
    def parameters(self) -> int:
        """Numbers in the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def load_model(path: Path) -> StoredModel:
    """Reads a checkpoint and builds its model.

    Raises:
        CheckpointError: The file is missing, damaged, unsafe, or holds no recogniser.
    """
    state = load_checkpoint(path)
    missing = [key for key in _NEEDED if key not in state]
    if missing and "rows" in state:  # a custom run's curve
        raise CheckpointError(
            f"checkpoint {path} is of a custom run, whose model slr-tune cannot build",
            hint="It decodes teacher, student and distill runs. For the WER of your own run, let "
            "it report predictions: docs/own-run.md. slr-tune ablate compares its metric.",
        )
    if missing:
        raise CheckpointError(
            f"checkpoint {path} contains no recogniser: it lacks {', '.join(missing)}",
            hint="Take a checkpoint of a teacher, student or distill run.",
        )
    config = _config(path, state["config"])
    with torch.random.fork_rng(devices=[]):  # building draws weights that are then replaced
        model = build_model(
            config, input_size=state["feature_size"], classes=len(state["vocabulary"])
        )
    try:
        model.load_state_dict(_without_module(state["model"]))
    except RuntimeError as error:
        raise CheckpointError(
            f"checkpoint {path} does not fit its own settings: {error}",
            hint=f"Its config has to give {', '.join(SHAPING)} as the weights have them.",
        ) from None
    if not all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters()):
        raise CheckpointError(
            f"checkpoint {path} contains weights that are not finite",
            hint="Its training diverged; take an earlier checkpoint.",
        )
    best_wer = state["best_wer"]
    return StoredModel(
        path=path,
        content_hash=file_hash(path),
        model=model.eval().requires_grad_(False),
        config=config,
        vocabulary=tuple(state["vocabulary"]),
        feature_size=state["feature_size"],
        epoch=state["epoch"],
        wer=math.nan if best_wer is None else best_wer,
        trainable=state.get("trainable", ""),
        data_hash=state.get("data_hash", ""),
    )


def _without_module(weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
    """Weights by their names in the model itself, where DataParallel put `module.` before them."""
    if not all(name.startswith("module.") for name in weights):
        return weights
    return {name.removeprefix("module."): weight for name, weight in weights.items()}


def vocabulary_difference(theirs: Sequence[str], ours: Sequence[str]) -> str:
    """The first place at which two vocabularies differ, in words; empty if they agree."""
    if tuple(theirs) == tuple(ours):
        return ""
    for number, (a, b) in enumerate(zip(theirs, ours, strict=False)):
        if a != b:
            return f"its vocabulary has {a!r} at {number}, the data {b!r}"
    longer, name = (theirs, "it has") if len(theirs) > len(ours) else (ours, "the data have")
    shorter = min(len(theirs), len(ours))
    return (
        f"its vocabulary has {len(theirs)} entries, the data's {len(ours)}: "
        f"{name} {longer[shorter]!r} besides"
    )


def _config(path: Path, settings: Mapping[str, Any]) -> RunConfig:
    """The settings that every recogniser has; a distillation's others are left out."""
    known = {key: value for key, value in settings.items() if key in RunConfig.model_fields}
    try:
        return RunConfig.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"checkpoint {path}: config.{where}: {first['msg']}",
            hint="It was written by another version of slr-tune.",
        ) from None


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
