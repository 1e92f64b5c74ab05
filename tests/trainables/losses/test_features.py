"""Feature matching: pairs of layers, the projection, the loss by hand."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from trainables.losses.features import FeatureProjection, feature_matching_loss, matched_layers

LENGTHS = torch.tensor([1, 2])


def states(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("student", "teacher", "which", "expected"),
    [
        (4, 5, "last", ((3, 4),)),
        (3, 3, "all", ((0, 0), (1, 1), (2, 2))),
        (4, 5, "all", ((0, 1), (1, 2), (2, 3), (3, 4))),
        (2, 4, "all", ((0, 1), (1, 3))),
        (3, 1, "all", ((0, 0), (1, 0), (2, 0))),
    ],
)
def test_layers_meet_at_the_same_depth(
    student: int,
    teacher: int,
    which: Literal["last", "all"],
    expected: tuple[tuple[int, int], ...],
) -> None:
    # Broken if the users' student of 4 layers could not learn from their teacher of 5.
    assert matched_layers(student, teacher, which=which) == expected


@given(student=st.integers(1, 12), teacher=st.integers(1, 12))
def test_every_layer_of_the_student_has_one_of_the_teacher(student: int, teacher: int) -> None:
    # Broken if an index ran out of the teacher, went backwards, or the last layers did not meet.
    pairs = matched_layers(student, teacher, which="all")
    assert [ours for ours, _ in pairs] == list(range(student))
    theirs = [layer for _, layer in pairs]
    assert theirs == sorted(theirs)
    assert theirs[0] >= 0
    assert pairs[-1] == matched_layers(student, teacher, which="last")[0]


def test_impossible_pairs_are_refused() -> None:
    # Broken if a teacher without hidden states gave an empty, silent loss.
    with pytest.raises(ValueError, match="layers must be at least 1"):
        matched_layers(2, 0, which="last")
    with pytest.raises(ValueError, match="which='first'"):
        matched_layers(2, 2, which="first")  # type: ignore[arg-type]


def test_loss_by_hand() -> None:
    # Three real frames of two channels: squares 1, 4 | 0, 0 | 9, 1 over 6 numbers.
    # Broken if padding (100 and NaN) counted, or the divisor were frames or utterances alone.
    student = torch.tensor([[[1.0, 2.0], [100.0, 100.0]], [[0.0, 0.0], [3.0, 0.0]]])
    teacher = torch.tensor([[[0.0, 0.0], [math.nan, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    loss = feature_matching_loss([student], [teacher], LENGTHS)
    assert loss.item() == pytest.approx(15 / 6)


def test_layers_weigh_the_same_whatever_their_width() -> None:
    # Broken if wide layers outweighed narrow ones.
    narrow, wide = torch.ones(2, 2, 1), 3 * torch.ones(2, 2, 50)
    zeros = [torch.zeros_like(narrow), torch.zeros_like(wide)]
    assert feature_matching_loss([narrow, wide], zeros, LENGTHS).item() == pytest.approx(
        (1 + 9) / 2
    )


def test_gradients_reach_student_and_projection_but_neither_teacher_nor_padding() -> None:
    # Broken if the projection were not learnt, the teacher were, or padding pulled at the student.
    torch.manual_seed(0)
    projection = FeatureProjection([4], [6]).double()
    student = states(0, 2, 2, 4).requires_grad_()
    teacher = states(1, 2, 2, 6).requires_grad_()
    feature_matching_loss(projection([student]), [teacher], LENGTHS).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert (student.grad[0, 1] == 0).all()
    assert (student.grad[0, 0] != 0).all()
    assert (student.grad[1] != 0).all()
    for parameter in projection.parameters():
        assert parameter.grad is not None and (parameter.grad != 0).all()


def test_projection_maps_to_the_teachers_width_layer_by_layer() -> None:
    # Broken if layers shared a map or were taken in another order.
    projection = FeatureProjection([4, 8], [6, 10]).double()
    student = [states(0, 2, 3, 4), states(1, 2, 3, 8)]
    mapped = projection(student)
    assert [layer.shape for layer in mapped] == [(2, 3, 6), (2, 3, 10)]
    for layer, linear, ours in zip(mapped, projection.maps, student, strict=True):
        assert isinstance(linear, nn.Linear)
        torch.testing.assert_close(layer, ours @ linear.weight.T + linear.bias)


def test_equal_widths_are_compared_as_they_are() -> None:
    # Broken if self-distillation got parameters that let a wrong student look right.
    projection = FeatureProjection([4], [4])
    student = states(0, 2, 3, 4)
    assert list(projection.parameters()) == []
    assert torch.equal(projection([student])[0], student)


def test_half_precision_states_are_compared_in_single() -> None:
    # Broken if squares of 16-bit states overflowed at 256.
    student, teacher = torch.full((2, 2, 3), 1000.0).half(), torch.zeros(2, 2, 3).half()
    loss = feature_matching_loss([student], [teacher], LENGTHS)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1e6)


@pytest.mark.parametrize(
    ("student", "teacher", "lengths", "message"),
    [
        ([], [], LENGTHS, "at least one"),
        ([torch.zeros(2, 2, 3)], [], LENGTHS, "1 layers of the student and 0 of the teacher"),
        ([torch.zeros(2, 2, 3)], [torch.zeros(2, 2, 1)], LENGTHS, "differ in shape"),
        (
            [torch.zeros(2, 2, 3)],
            [torch.zeros(2, 2, 3)],
            torch.tensor([3, 1]),
            r"1\.\.2, got 1\.\.3",
        ),
        ([torch.zeros(2, 2, 3)], [torch.zeros(2, 2, 3)], torch.tensor([2]), r"lengths \(N,\)"),
    ],
)
def test_states_that_do_not_fit_are_refused(
    student: list[Tensor], teacher: list[Tensor], lengths: Tensor, message: str
) -> None:
    # Broken if a width of 1 were broadcast over the teacher's.
    with pytest.raises(ValueError, match=message):
        feature_matching_loss(student, teacher, lengths)


def test_a_projection_needs_both_widths_of_every_layer() -> None:
    # Broken if a missing layer were dropped silently by zip.
    with pytest.raises(ValueError, match="two widths"):
        FeatureProjection([4, 4], [6])
    with pytest.raises(ValueError, match="two widths"):
        FeatureProjection([], [])
