"""Best path decoding: the likeliest class of every frame, repeats merged, blanks left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.data import BLANK


def greedy_decode(
    log_probs: Tensor | NDArray[np.floating[Any]], lengths: Tensor | NDArray[np.integer[Any]]
) -> list[list[int]]:
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
    if log_probs.ndim != 3 or tuple(lengths.shape) != tuple(log_probs.shape[1:2]):
        raise ValueError(
            f"expected (T, N, C) and lengths (N,), got {tuple(log_probs.shape)} "
            f"and {tuple(lengths.shape)}"
        )
    best = _numpy(log_probs.argmax(-1))  # [T, N]
    ends = _numpy(lengths)
    if ends.size and (ends.min() < 0 or ends.max() > len(best)):
        raise ValueError(f"lengths must be in 0..{len(best)}, got {ends.min()}..{ends.max()}")
    first = np.ones_like(best, dtype=bool)
    first[1:] = best[1:] != best[:-1]
    kept = first & (best != BLANK) & (np.arange(len(best))[:, np.newaxis] < ends)
    return [best[kept[:, i], i].tolist() for i in range(best.shape[1])]


def _numpy(values: Tensor | NDArray[Any]) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
