"""What the architectures share: checks of their input, and frames that are no padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def check_batch(features: Tensor, lengths: Tensor, *, input_size: int) -> None:
    """Refuses a batch that would run through and give a plausible, wrong result.

    Args:
        features: (N, T, D).
        lengths: (N,).
        input_size: D.

    Raises:
        ValueError: Shapes do not fit, or a length is outside 1..T.
    """
    if features.dim() != 3 or features.shape[2] != input_size:
        raise ValueError(f"features must be (N, T, {input_size}), got {tuple(features.shape)}")
    if lengths.shape != features.shape[:1] or lengths.dtype != torch.int64:
        raise ValueError(
            f"lengths must be int64 ({features.shape[0]},), "
            f"got {lengths.dtype} {tuple(lengths.shape)}"
        )
    low, high = (int(end) for end in torch.aminmax(lengths))
    if low < 1 or high > features.shape[1]:
        raise ValueError(f"lengths must be in 1..{features.shape[1]}, got {low}..{high}")


def is_real(lengths: Tensor, x: Tensor) -> Tensor:
    """True (N, T, 1) for the frames of (N, T, ...) that lie within their utterance."""
    time = torch.arange(x.shape[1], device=x.device)
    return (time < lengths.to(x.device).unsqueeze(1)).unsqueeze(-1)


def halve(convolution: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, P) to (N, ceil(T / 2), P); frame j sees the real ones of 2j - 1, 2j and 2j + 1."""
    x = x.masked_fill(~is_real(lengths, x), 0.0)
    halved: Tensor = convolution(x.transpose(1, 2)).relu()
    return halved.transpose(1, 2)
