"""A teacher's outputs on the training utterances, computed once and mapped by every run.

An utterance is always computed by itself, in the same arithmetic and rounded in the same way,
whether its outputs are kept or thrown away: a run with the cache and one without agree to the bit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from trainables.cards import moved
from trainables.data.dataset import offsets
from trainables.errors import DataError
from trainables.files.atomic import PROGRESS, keyed_folder, open_or_create
from trainables.files.row_file import RowFile
from trainables.runs.training_set import TrainingSet
from trainables.teaching.frozen_teacher import FrozenTeacher, TeacherBatch
from trainables.teaching.rounding import Arrays, Rounding, StoredArrays

_TELL_SECONDS = 1.0


class TeacherOutputs(Protocol):
    """Where the teacher's answers for training utterances come from."""

    def of(self, index: int) -> Arrays:
        """Answers for one utterance of the training split."""


@dataclass
class LiveOutputs:
    """Asks the teacher each time.

    Attributes:
        teacher: Who is asked.
        training_set: The utterances.
        layers: Hidden layers whose states are answered, counted from 0.
        rounding: What is kept of the answers.
    """

    teacher: FrozenTeacher
    training_set: TrainingSet
    layers: Sequence[int]
    rounding: Rounding = Rounding()

    def of(self, index: int) -> Arrays:
        """Answers for one utterance, computed by itself."""
        return self.rounding.restored(self.stored(index))

    def stored(self, index: int) -> StoredArrays:
        """The same as they are kept."""
        # Copied, as torch wants to be able to write to what it is given.
        features = torch.tensor(self.training_set.frames(index))[None]  # [1, T, D]
        lengths = torch.tensor([features.shape[1]])
        answer = self.teacher(features, lengths, self.layers)
        logits = answer.logits[:, 0].cpu().numpy()
        hidden = [states[0].cpu().numpy() for states in answer.hidden]
        return self.rounding.stored(logits, hidden)


class CachedOutputs:
    """Reads the answers from files that all processes map into memory.

    Attributes:
        key: What distinguishes these answers from others.
        rounding: How they are kept.
    """

    def __init__(
        self,
        folder: Path,
        hidden: Sequence[int] | None = None,
        rounding: Rounding = Rounding(),  # noqa: B008  it is frozen
    ) -> None:
        """Opens the files.

        Args:
            folder: Where they lie.
            hidden: Which of the hidden states are given, counted among those that are kept; None
                for all.
            rounding: How they were kept.

        Raises:
            DataError: They are not whole.
        """
        try:
            index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            self._starts = np.array(index["starts"], dtype=np.int64)
            first = rounding.of_logits
            chosen = range(index["arrays"] - first) if hidden is None else hidden
            self.key = (str(folder), tuple(chosen), rounding)
            self.rounding = rounding
            self._arrays = [
                np.asarray(np.load(folder / f"{number}.npy", mmap_mode="r"))
                for number in (*range(first), *(first + place for place in chosen))
            ]
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"teacher outputs in {folder} are damaged: {error}") from error

    def of(self, index: int) -> Arrays:
        """Answers for one utterance."""
        rows = slice(int(self._starts[index]), int(self._starts[index + 1]))
        return self.rounding.restored([array[rows] for array in self._arrays])

    @property
    def stored(self) -> tuple[NDArray[np.int64], list[NDArray[Any]]]:
        """First frame of each utterance and the end, int64 (N + 1,), and the arrays as kept."""
        return self._starts, list(self._arrays)

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return sum(array.nbytes for array in self._arrays)


def open_outputs(
    live: LiveOutputs, *, key: Sequence[str], cache: Path, kept: Sequence[int] | None = None
) -> CachedOutputs:
    """Opens the cached answers, after computing them if no process has yet.

    Args:
        live: What the run asks for, and computes what is missing.
        key: Everything that the answers depend on, the layers that are kept among it.
        kept: Hidden layers that the cache holds, those of `live` among them; None for these. A run
            that compares no hidden states then shares the one pass of those that do.
        cache: Folder of what runs share.

    Raises:
        DataError: The folder cannot be written to, or the disk is full.
    """
    layers = [*(live.layers if kept is None else kept)]
    given = [layers.index(layer) for layer in live.layers]
    whole = LiveOutputs(live.teacher, live.training_set, layers, live.rounding)
    key = (*key, *live.rounding.key)
    return open_or_create(
        keyed_folder(cache / "teacher-outputs", key),
        lambda folder: CachedOutputs(folder, given, live.rounding),
        lambda partial: _create(partial, live if kept is None else whole, key=key),
        what="teacher outputs",
        hint="Free some space, or set teacher_cache: false.",
    )


def pad(outputs: TeacherOutputs, indices: Sequence[int], *, device: torch.device) -> TeacherBatch:
    """Puts the answers for some utterances into one batch, zeros at the ends."""
    logits, *hidden = [moved(array, device) for array in padded(outputs, indices)]
    return TeacherBatch(logits.transpose(0, 1), tuple(hidden))


def padded(outputs: TeacherOutputs, indices: Sequence[int]) -> tuple[Tensor, ...]:
    """The same on the CPU, and all with the utterances first: logits, then hidden states."""
    each = [outputs.of(index) for index in indices]
    return tuple(
        pad_sequence([torch.from_numpy(array) for array in arrays], batch_first=True)
        for arrays in zip(*each, strict=True)
    )


def _create(folder: Path, live: LiveOutputs, *, key: Sequence[str]) -> None:
    """Computes all answers into an empty folder."""
    training_set = live.training_set
    starts = offsets(training_set.output_lengths)
    files: list[RowFile] = []
    last_report, whole = 0.0, len(training_set.indices)
    with ExitStack() as opened:
        for done, index in enumerate(training_set.indices.tolist()):
            if time.monotonic() - last_report >= _TELL_SECONDS:
                last_report = time.monotonic()
                (folder / PROGRESS).write_text(f"{done} {whole}", encoding="ascii")
            arrays = live.stored(index)
            for array in arrays[len(files) :]:  # all of them the first time
                shape = (int(starts[-1]), array.shape[1])
                file = RowFile(folder / f"{len(files)}.npy", dtype=array.dtype, shape=shape)
                files.append(opened.enter_context(file))
            for file, array in zip(files, arrays, strict=True):
                file.write(int(starts[index]), array)
        for file in files:
            file.complete()  # the last utterance may be one that cannot be learned
    (folder / PROGRESS).unlink(missing_ok=True)
    index_file = {"arrays": len(files), "starts": starts.tolist(), "key": list(key)}
    (folder / "index.json").write_text(json.dumps(index_file), encoding="utf-8")
