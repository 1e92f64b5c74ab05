"""Best path decoding: the likeliest class of every frame, repeats merged, blanks left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.data import BLANK

Scores = Tensor | NDArray[np.floating[Any]]
Lengths = Tensor | NDArray[np.integer[Any]]


def greedy_decode(log_probs: Scores, lengths: Lengths) -> list[list[int]]:
    """Decodes a batch along its best path.

    Any scores with the same order within a frame will do: probabilities and logits give the same.
    The first of equal classes wins.

    Args:
        log_probs: Scores (T, N, C) with the blank at 0.
        lengths: Real frames of each utterance, int64 (N,), in 0..T.

    Returns:
        Classes 1..C-1 of each utterance, N lists; empty where every frame is blank.

    Raises:
        ValueError: Shapes do not fit or a length is out of range.

    Source: Graves et al. 2006, "Connectionist temporal classification", section 3.2.
    """
    ends = checked_ends(log_probs, lengths)
    best = to_numpy(log_probs.argmax(-1))  # [T, N]
    first = np.ones_like(best, dtype=bool)
    first[1:] = best[1:] != best[:-1]
    kept = first & (best != BLANK) & (np.arange(len(best))[:, np.newaxis] < ends)
    return [best[kept[:, i], i].tolist() for i in range(best.shape[1])]


def checked_ends(log_probs: Scores, lengths: Lengths, *, min_classes: int = 1) -> NDArray[Any]:
    """The lengths, checked against scores (T, N, C).

    Raises:
        ValueError: Shapes do not fit or a length is out of range.
    """
    frames, shape = len(log_probs), tuple(log_probs.shape)
    if len(shape) != 3 or shape[2] < min_classes or tuple(lengths.shape) != shape[1:2]:
        raise ValueError(
            f"expected (T, N, C) and lengths (N,), got {shape} and {tuple(lengths.shape)}"
        )
    ends = to_numpy(lengths)
    if ends.size and (ends.min() < 0 or ends.max() > frames):
        raise ValueError(f"lengths must be in 0..{frames}, got {ends.min()}..{ends.max()}")
    return ends


def to_numpy(values: Tensor | NDArray[Any]) -> NDArray[Any]:
    """An array on the CPU, of a tensor too."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
