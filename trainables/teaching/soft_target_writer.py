"""Writing a teacher's soft targets; `trainables.teaching.soft_targets` says how the files look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from trainables.data import Dataset, Split
from trainables.data.batch import sorted_batches
from trainables.errors import CheckpointError, ConfigError, DataError
from trainables.files.atomic import partial_file, replace_file
from trainables.files.stored_model import StoredModel, file_hash, vocabulary_difference
from trainables.teaching.soft_targets import FORMAT_VERSION, Probabilities

_SHARD_BYTES = 256 * 2**20
"""Held in memory at a time."""


def write_soft_targets(
    stored: StoredModel,
    data: Dataset,
    split: str,
    folder: Path,
    *,
    temperature: float,
    top_k: int | None = None,
    device: torch.device,
    begin: Callable[[], None] = lambda: None,
) -> SoftTargetWriter:
    """Softens a model's outputs on a split and writes them.

    Args:
        stored: The teacher.
        data: The data set; it must have the teacher's vocabulary and features.
        split: "train", "dev" or "test".
        folder: Is made where it is not there; what it holds of the split is replaced.
        temperature: Above 0; logits are divided by it.
        top_k: Keep only that many classes of each frame, the likeliest; None keeps all.
        device: Where to compute.
        begin: Called when nothing can be refused any more, before the split is read.

    Returns:
        What was written, counted.

    Raises:
        ConfigError: The temperature is not above 0, or top_k not in 1..C.
        CheckpointError: The model does not fit the data.
        DataError: The folder cannot be written to.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    classes = len(stored.vocabulary)
    if not temperature > 0:
        raise ConfigError(f"temperature={temperature} must be above 0")
    if top_k is not None and not 1 <= top_k <= classes:
        raise ConfigError(f"top_k={top_k} must be in 1..{classes}, the number of classes")
    _check_model(stored, data)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (folder / f"{split}.json", *folder.glob(f"{split}-*.safetensors")):
            old.unlink(missing_ok=True)
        begin()
        writer = SoftTargetWriter(folder, split)
        softened = _softened(stored, data.split(split), temperature=temperature, device=device)
        for name, probabilities in softened:
            writer.add(name, probabilities, top_k)
        writer.flush()
        index = {
            "format_version": FORMAT_VERSION,
            "split": split,
            "temperature": temperature,
            "top_k": top_k,
            "subsampling": stored.config.subsampling,
            "vocabulary": list(stored.vocabulary),
            "data_hash": data.hash,
            "teacher_hash": stored.content_hash,
            "teacher_wer": stored.wer if stored.wer == stored.wer else None,
            "teacher_parameters": stored.parameters,
            "files": writer.files,
            "digests": writer.digests,
        }
        text = json.dumps(index, ensure_ascii=False, indent=1)
        replace_file(folder / f"{split}.json", text.encode())
    except OSError as error:
        raise DataError(
            f"soft targets cannot be written to {folder}: {error.strerror or error}",
            hint="Free some space, keep fewer classes with --top-k, or choose another folder.",
        ) from error
    return writer


def _check_model(stored: StoredModel, data: Dataset) -> None:
    difference = vocabulary_difference(stored.vocabulary, data.vocabulary)
    if difference or stored.feature_size != data.feature_size:
        reason = difference or f"it takes {stored.feature_size} features, not {data.feature_size}"
        raise CheckpointError(
            f"checkpoint {stored.path} does not fit the data: {reason}",
            hint="Name the data that it was trained on with --data.",
        )


def _softened(
    stored: StoredModel, split: Split, *, temperature: float, device: torch.device
) -> Iterator[tuple[str, Probabilities]]:
    """Each utterance's id and targets, in the order of their lengths."""
    model = stored.model.to(device)
    for batch in sorted_batches(split, device=device):
        with torch.inference_mode():
            output = model(batch.features, batch.lengths)
            softened = (output.logits.float() / temperature).softmax(dim=-1).cpu().numpy()
        for row, index in enumerate(batch.indices.tolist()):
            yield split.ids[index], softened[: int(output.lengths[row]), row]


class SoftTargetWriter:
    """Gathers utterances into files of bounded size.

    Attributes:
        files: Name of the file that holds each utterance.
        digests: SHA-256 of each file.
        frames: Frames of all utterances.
        size: Bytes of all files.
    """

    def __init__(self, folder: Path, split: str) -> None:
        """Begins the first file."""
        self.files: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.frames = 0
        self.size = 0
        self._kept = 0.0
        self._folder = folder
        self._split = split
        self._tensors: dict[str, NDArray[Any]] = {}
        self._bytes = 0

    @property
    def utterances(self) -> int:
        """Number of utterances."""
        return len(self.files)

    @property
    def mass(self) -> float:
        """Mean share of the probability that top-k keeps; 1 without top-k."""
        return self._kept / self.frames if self.frames else 1.0

    @property
    def _name(self) -> str:
        return f"{self._split}-{len(self.digests):05d}.safetensors"

    def add(self, name: str, probabilities: Probabilities, top_k: int | None) -> None:
        """Takes an utterance; writes a file where enough have come together."""
        kept = np.ascontiguousarray(probabilities)
        if top_k is not None:
            classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
            kept = np.ascontiguousarray(np.take_along_axis(probabilities, classes, axis=1))
            self._tensors[f"{name}/classes"] = np.ascontiguousarray(classes.astype(np.int32))
        self._tensors[name] = kept
        self.files[name] = self._name
        self.frames += len(kept)
        self._kept += float(kept.sum())
        self._bytes += kept.nbytes * (1 if top_k is None else 2)
        if self._bytes >= _SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what has come together."""
        if not self._tensors:
            return
        path = self._folder / self._name
        with partial_file(path) as partial:
            save_file(self._tensors, partial)
        self.digests[path.name] = file_hash(path)
        self.size += path.stat().st_size
        self._tensors, self._bytes = {}, 0
