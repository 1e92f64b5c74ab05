"""The real frames of a padded batch."""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.cards import moved


def check_lengths(scores: Tensor, lengths: Tensor) -> None:
    """Checks that lengths fit time-major scores.

    Args:
        scores: (T, N, C).
        lengths: int64 (N,), each to be in 1..T.

    Raises:
        ValueError: They do not.
    """
    if scores.dim() != 3 or lengths.shape != scores.shape[1:2]:
        raise ValueError(
            f"expected (T, N, C) and lengths (N,), got {tuple(scores.shape)} "
            f"and {tuple(lengths.shape)}"
        )
    low, high = (int(end) for end in torch.aminmax(lengths))
    if low < 1 or high > scores.shape[0]:
        raise ValueError(f"lengths must be in 1..{scores.shape[0]}, got {low}..{high}")


def real_frames(scores: Tensor, lengths: Tensor) -> Tensor:
    """Takes the real frames out of a padded batch.

    Taking them, rather than multiplying the rest by 0, keeps a NaN in the padding out of both the
    loss and the gradient.

    Args:
        scores: (T, N, C).
        lengths: Real frames of each utterance, int64 (N,), in 1..T.

    Returns:
        (sum of lengths, C), frame by frame.
    """
    time = torch.arange(scores.shape[0], device=lengths.device)
    rows = (time.unsqueeze(1) < lengths).flatten().nonzero().squeeze(1)
    return scores.flatten(0, 1).index_select(0, moved(rows, scores.device))
