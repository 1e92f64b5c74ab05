"""Distillation: the student's frames follow the teacher's."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from trainables.data import BLANK
from trainables.losses.frames import check_lengths, real_frames


def framewise_kd_loss(
    student: Tensor,
    teacher: Tensor,
    lengths: Tensor,
    *,
    temperature: float,
    kd_blank: Literal["keep", "drop"] = "keep",
) -> Tensor:
    """Mean KL(teacher || student) over real frames, both softened by the temperature.

    The mean is over frames, so neither the number of utterances nor that of frames or of padding
    scales the loss. The factor temperature squared keeps its gradient's size where softening
    would shrink it.

    A CTC teacher says blank in nearly every frame, and says it with certainty; softened over a
    large vocabulary that becomes a nearly uniform target. `drop` leaves the blank's column out and
    compares how the rest is shared among the glosses (softmax over classes 1..C-1).

    Args:
        student: Logits (T, N, C): frames, utterances, glosses with blank at 0.
        teacher: Logits (T, N, C). No gradient flows into it.
        lengths: Real frames of each utterance, int64 (N,), in 1..T.
        temperature: Above 0, no unit. The loss is scaled by its square.
        kd_blank: Whether the blank takes part.

    Returns:
        Loss in nats per frame, shape ().

    Raises:
        ValueError: Shapes differ, a length is out of range, temperature <= 0, or nothing is left
            without the blank.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    if student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher must have one shape, got {tuple(student.shape)} "
            f"and {tuple(teacher.shape)}"
        )
    check_lengths(student, lengths)
    if not temperature > 0.0:
        raise ValueError(f"temperature={temperature} must be above 0")
    if kd_blank not in ("keep", "drop"):
        raise ValueError(f"kd_blank={kd_blank!r} must be 'keep' or 'drop'")
    student = _softened(student, lengths, temperature=temperature, kd_blank=kd_blank)  # [F, K]
    teacher = _softened(teacher.detach(), lengths, temperature=temperature, kd_blank=kd_blank)
    divergence = (teacher.exp() * (teacher - student)).sum(dim=-1).mean()
    return temperature**2 * divergence


def _softened(logits: Tensor, lengths: Tensor, *, temperature: float, kd_blank: str) -> Tensor:
    """Log-probabilities (F, K) of the real frames, in 32 bits or more."""
    frames = real_frames(logits, lengths)
    if kd_blank == "drop":
        if frames.shape[1] < 2:
            raise ValueError("kd_blank='drop' needs at least one gloss besides the blank")
        frames = torch.cat([frames[:, :BLANK], frames[:, BLANK + 1 :]], dim=1)
    # 16 bits have three digits: too few for a mean of differences of log-probabilities.
    frames = frames.to(torch.promote_types(frames.dtype, torch.float32))
    return (frames / temperature).log_softmax(dim=-1)
