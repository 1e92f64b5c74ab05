"""A teacher's kept answers on the device of the student: a batch of them is gathered there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.data.batch import Batch
from trainables.data.resident import ResidentRows
from trainables.teaching.frozen_teacher import TeacherBatch
from trainables.teaching.teacher_outputs import CachedOutputs


class ResidentOutputs:
    """The answers of `CachedOutputs` on a device, in the bits that they are kept in."""

    def __init__(self, outputs: CachedOutputs, device: torch.device) -> None:
        """Copies them, a file at a time.

        Args:
            outputs: The answers.
            device: Where they are to stay.
        """
        starts, arrays = outputs.stored
        self._starts = torch.from_numpy(starts)
        self._of_logits = outputs.rounding.of_logits
        self._classes: int | None = None
        if self._of_logits > 1:
            width = arrays.pop(2)  # the number of classes, in every frame
            self._classes = int(width[0, 0])
            self._of_logits -= 1
        frames = int(starts[-1])
        self._rows = [ResidentRows(_chunks(array), frames, device) for array in arrays]

    def batch(self, batch: Batch, lengths: Tensor) -> TeacherBatch:
        """Answers for a batch, zeros at the ends: the same numbers as `pad` gives.

        Args:
            batch: The utterances.
            lengths: Frames that the model gives for each, int64 (N,), on the CPU.
        """
        starts = self._starts[batch.indices]
        found = [rows.gather(starts, lengths) for rows in self._rows]
        hidden = tuple(states.float() for states in found[self._of_logits :])
        return TeacherBatch(self._logits(found).transpose(0, 1), hidden)

    def _logits(self, found: list[Tensor]) -> Tensor:
        """Logits (N, T', C) in 32 bits, of all classes or of the likeliest and the rest."""
        if self._classes is None:
            return found[0].float()
        values, chosen = found[0].float(), found[1].long()
        rest = values[..., -1:].expand(*values.shape[:-1], self._classes)
        return rest.scatter(-1, chosen, values[..., :-1])


def _chunks(array: NDArray[Any], rows: int = 4096) -> Iterator[NDArray[Any]]:
    """A mapped file piece by piece."""
    for start in range(0, len(array), rows):
        yield array[start : start + rows]
