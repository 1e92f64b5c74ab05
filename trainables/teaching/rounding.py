"""What is kept of a teacher's answers: 16 bits or 32, all classes or the likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[np.float32]]
"""Logits (T', C) of an utterance, then the hidden states (T', H) of each layer requested."""

StoredArrays = Sequence[NDArray[Any]]
"""The same as they are kept: one array for the logits, or three of the likeliest classes."""

_LARGEST_16 = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Rounding:
    """How answers are kept.

    With `top_k` a frame keeps the logits of its likeliest classes. The others get one logit, such
    that their share of the softmax at temperature 1 is what it was.

    Attributes:
        bits: 16 or 32, of each number.
        top_k: Classes of a frame that keep their logit; None for all.
    """

    bits: int = 16
    top_k: int | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What the kept answers depend on."""
        return (f"{self.bits} bits", *(() if self.top_k is None else (f"top {self.top_k}",)))

    @property
    def of_logits(self) -> int:
        """Arrays that hold the logits."""
        return 1 if self.top_k is None else 3

    @property
    def item_bytes(self) -> int:
        """Of a number."""
        return self.bits // 8

    def frame_bytes(self, classes: int, hidden: int) -> int:
        """Of a frame with so many classes and so many numbers of hidden states."""
        k = self.top_k
        if k is None or k >= classes:
            return (classes + hidden) * self.item_bytes
        return (k + 1 + hidden) * self.item_bytes + k * 4

    def stored(self, logits: NDArray[np.float32], hidden: Arrays) -> StoredArrays:
        """Answers for an utterance as they are kept.

        Args:
            logits: Float (T', C).
            hidden: Float (T', H) of each layer.
        """
        states = [self._rounded(array) for array in hidden]
        if self.top_k is None:
            return [self._rounded(logits), *states]
        k = min(self.top_k, logits.shape[1])
        order = np.argpartition(-logits, k - 1, axis=1) if k < logits.shape[1] else None
        classes = np.argsort(-logits, axis=1) if order is None else order
        chosen = np.sort(classes[:, :k], axis=1).astype(np.int32)
        kept = np.take_along_axis(logits, chosen, axis=1)
        width = np.full((len(logits), 1), logits.shape[1], dtype=np.int32)
        return [
            self._rounded(np.concatenate([kept, _log_mean_rest(logits, chosen)], axis=1)),
            chosen,
            width,
            *states,
        ]

    def restored(self, arrays: StoredArrays) -> Arrays:
        """Kept answers as a run takes them: logits (T', C) and hidden states, in 32 bits."""
        hidden = [np.array(array, dtype=np.float32) for array in arrays[self.of_logits :]]
        if self.top_k is None:
            return [np.array(arrays[0], dtype=np.float32), *hidden]
        kept, chosen, width = (np.asarray(array) for array in arrays[:3])
        classes = int(width[0, 0]) if len(width) else 0
        logits = np.repeat(kept[:, -1:].astype(np.float32), classes, axis=1)
        np.put_along_axis(logits, chosen.astype(np.int64), kept[:, :-1].astype(np.float32), axis=1)
        return [logits, *hidden]

    def _rounded(self, array: NDArray[np.float32]) -> NDArray[Any]:
        if self.bits == 32:
            return array
        return np.clip(array, -_LARGEST_16, _LARGEST_16).astype(np.float16)


def _log_mean_rest(logits: NDArray[np.float32], chosen: NDArray[np.int32]) -> NDArray[np.float32]:
    """Logit (T', 1) that gives the classes next to the chosen ones their share together."""
    rest = np.array(logits, dtype=np.float64)
    np.put_along_axis(rest, chosen.astype(np.int64), -np.inf, axis=1)
    others = logits.shape[1] - chosen.shape[1]
    if not others:
        return np.zeros((len(logits), 1), dtype=np.float32)
    most = rest.max(axis=1, keepdims=True)
    mean = np.exp(rest - most).sum(axis=1, keepdims=True) / others
    return np.asarray(most + np.log(mean), dtype=np.float32)
