"""Feature matching: the student's hidden states follow the teacher's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.losses.frames import check_lengths, real_frames


def matched_layers(
    student_layers: int, teacher_layers: int, *, which: Literal["last", "all"]
) -> tuple[tuple[int, int], ...]:
    """Says which layer of the student follows which of the teacher.

    Args:
        student_layers: Layers of the student, at least 1.
        teacher_layers: Layers of the teacher, at least 1.
        which: "last": the two last layers. "all": each layer of the student and the teacher's at
            the same relative depth, rounded up; the two last layers always meet.

    Returns:
        Pairs (student's layer, teacher's layer), counted from 0.

    Raises:
        ValueError: A number of layers is below 1 or `which` is neither.
    """
    if min(student_layers, teacher_layers) < 1:
        raise ValueError(f"layers must be at least 1, got {student_layers} and {teacher_layers}")
    if which == "last":
        return ((student_layers - 1, teacher_layers - 1),)
    if which != "all":
        raise ValueError(f"which={which!r} must be 'last' or 'all'")
    return tuple(
        (layer, -(-(layer + 1) * teacher_layers // student_layers) - 1)
        for layer in range(student_layers)
    )


class FeatureProjection(nn.Module):
    """Brings the student's hidden states to the teacher's width, to be compared there.

    It is trained with the student and thrown away afterwards: give its parameters to the
    optimiser. It is not a part of the student and costs nothing in use. Layers of equal width are
    compared as they are.

    Source: the regressor of FitNets, Romero et al. 2015, arXiv:1412.6550, section 2.2.
    """

    def __init__(self, student_sizes: Sequence[int], teacher_sizes: Sequence[int]) -> None:
        """Builds one linear map for each pair of different widths.

        Args:
            student_sizes: Width of each matched layer of the student.
            teacher_sizes: Width of the layer that each is matched with.

        Raises:
            ValueError: The two differ in number, or are empty.
        """
        super().__init__()
        if len(student_sizes) != len(teacher_sizes) or not student_sizes:
            raise ValueError(
                f"every matched layer needs two widths, got {list(student_sizes)} "
                f"and {list(teacher_sizes)}"
            )
        self.maps = nn.ModuleList(
            nn.Identity() if student == teacher else nn.Linear(student, teacher)
            for student, teacher in zip(student_sizes, teacher_sizes, strict=True)
        )

    def forward(self, student_hidden: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Maps each (N, T, H of the student) to (N, T, H of the teacher)."""
        pairs = zip(self.maps, student_hidden, strict=True)
        return tuple(layer_map(states) for layer_map, states in pairs)


def feature_matching_loss(
    student_hidden: Sequence[Tensor], teacher_hidden: Sequence[Tensor], lengths: Tensor
) -> Tensor:
    """Mean squared difference of hidden states, per real frame and channel, mean over layers.

    Args:
        student_hidden: States (N, T, H) of each matched layer, brought to the teacher's width.
        teacher_hidden: States (N, T, H) to follow. No gradient flows into them.
        lengths: Real frames of each utterance, int64 (N,), in 1..T.

    Returns:
        Loss without unit, shape ().

    Raises:
        ValueError: No layers, or shapes differ, or a length is out of range.
    """
    if len(student_hidden) != len(teacher_hidden) or not student_hidden:
        raise ValueError(
            f"got {len(student_hidden)} layers of the student and {len(teacher_hidden)} "
            f"of the teacher, need as many of both and at least one"
        )
    losses = []
    for student, teacher in zip(student_hidden, teacher_hidden, strict=True):
        if student.shape != teacher.shape:
            raise ValueError(
                f"hidden states differ in shape, {tuple(student.shape)} and {tuple(teacher.shape)}"
            )
        student, teacher = student.transpose(0, 1), teacher.detach().transpose(0, 1)  # [T, N, H]
        check_lengths(student, lengths)
        dtype = torch.promote_types(student.dtype, torch.float32)  # 32 bits or more
        student, teacher = (real_frames(states, lengths).to(dtype) for states in (student, teacher))
        losses.append(functional.mse_loss(student, teacher))
    return torch.stack(losses).mean()
