"""Framewise distillation, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainables.losses.distillation import framewise_kd_loss


def logits_of(*frames: list[float]) -> Tensor:
    """Logits (T, 1, C) of one utterance, given its probabilities; shifted, as logits may be."""
    return torch.tensor(frames, dtype=torch.float64).log().unsqueeze(1) + 3.0


def random_logits(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


LENGTHS = torch.tensor([5, 2, 3])


def test_one_frame_by_hand() -> None:
    # KL((3/4, 1/4) || (1/2, 1/2)); broken if the two were swapped: that is 0.1438.
    loss = framewise_kd_loss(
        logits_of([0.5, 0.5]), logits_of([0.75, 0.25]), torch.tensor([1]), temperature=1.0
    )
    assert loss.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert loss.item() == pytest.approx(0.1308, abs=1e-4)


def test_the_temperature_divides_logits_and_its_square_scales_the_loss() -> None:
    # At T=2 the odds 9 : 1 become 3 : 1, so the frame above comes back, times 4.
    # Broken if probabilities were divided, or the loss scaled by T or not at all.
    loss = framewise_kd_loss(
        logits_of([0.5, 0.5]), logits_of([0.9, 0.1]), torch.tensor([1]), temperature=2.0
    )
    assert loss.item() == pytest.approx(4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)))


def test_dropping_the_blank_renormalises_the_glosses() -> None:
    # Beside a blank of 96 % (student: 20 %) the glosses share 3 : 1 against 1 : 1.
    # Broken if the blank's column were zeroed and not renormalised, or another one dropped.
    student, teacher = logits_of([0.2, 0.4, 0.4]), logits_of([0.96, 0.03, 0.01])
    loss = framewise_kd_loss(student, teacher, torch.tensor([1]), temperature=1.0, kd_blank="drop")
    assert loss.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


def test_the_blanks_logits_get_no_gradient_when_dropped() -> None:
    # Broken if the student were still pushed towards the teacher's blank.
    student = random_logits(0, 5, 3, 4).requires_grad_()
    loss = framewise_kd_loss(
        student, random_logits(1, 5, 3, 4), LENGTHS, temperature=2.0, kd_blank="drop"
    )
    (gradient,) = torch.autograd.grad(loss, student)
    assert (gradient[..., 0] == 0).all()
    assert (gradient[:2, :, 1:] != 0).all()


@pytest.mark.parametrize("kd_blank", ["keep", "drop"])
def test_mean_is_per_real_frame(kd_blank: str) -> None:
    # Broken by `batchmean` over (T, N, C), which divides by T only, or by a mean per utterance.
    student, teacher = random_logits(0, 5, 3, 4), random_logits(1, 5, 3, 4)
    first = 1 if kd_blank == "drop" else 0
    total = 0.0
    for i, length in enumerate(LENGTHS.tolist()):
        for t in range(length):
            p = [math.exp(x / 3.0) for x in teacher[t, i, first:].tolist()]
            q = [math.exp(x / 3.0) for x in student[t, i, first:].tolist()]
            total += sum(
                a / sum(p) * math.log((a / sum(p)) / (b / sum(q)))
                for a, b in zip(p, q, strict=True)
            )
    loss = framewise_kd_loss(student, teacher, LENGTHS, temperature=3.0, kd_blank=kd_blank)  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(9.0 * total / 10)


def test_neither_copies_of_the_batch_nor_padding_change_the_loss() -> None:
    # Broken if the number of utterances or of padded frames were in the divisor.
    student, teacher = random_logits(0, 5, 3, 4), random_logits(1, 5, 3, 4)
    loss = framewise_kd_loss(student, teacher, LENGTHS, temperature=2.0)
    twice = framewise_kd_loss(
        student.repeat(1, 2, 1), teacher.repeat(1, 2, 1), LENGTHS.repeat(2), temperature=2.0
    )
    padding = torch.full((7, 3, 4), math.nan, dtype=torch.float64)
    padded = framewise_kd_loss(
        torch.cat([student, padding]), torch.cat([teacher, padding]), LENGTHS, temperature=2.0
    )
    assert twice.item() == pytest.approx(loss.item(), rel=1e-14)
    assert padded.item() == loss.item()


def test_gradients_reach_the_students_real_frames_only() -> None:
    # Broken if the teacher were trained too, or if padding (NaN here) had a gradient.
    student = random_logits(0, 5, 3, 4)
    for i, length in enumerate(LENGTHS.tolist()):
        student[length:, i] = math.nan
    student.requires_grad_()
    teacher = random_logits(1, 5, 3, 4).requires_grad_()
    framewise_kd_loss(student, teacher, LENGTHS, temperature=2.0).backward()
    assert teacher.grad is None
    assert student.grad is not None
    for i, length in enumerate(LENGTHS.tolist()):
        assert (student.grad[:length, i] != 0).all()
        assert (student.grad[length:, i] == 0).all()


def test_a_student_that_agrees_has_no_loss_and_no_gradient() -> None:
    # Broken if this were a cross-entropy: the teacher's entropy would stay as a constant.
    teacher = random_logits(1, 5, 3, 4)
    student = (teacher + 2.5).requires_grad_()
    loss = framewise_kd_loss(student, teacher, LENGTHS, temperature=4.0)
    (gradient,) = torch.autograd.grad(loss, student)
    assert abs(loss.item()) < 1e-14
    assert gradient.abs().max() < 1e-15


def test_a_high_temperature_matches_logits() -> None:
    # Hinton et al., equation 4: for T much above the logits, both centred, the gradient of the
    # scaled loss is (student - teacher) / C a frame. Broken if it shrank or grew with T.
    student = random_logits(0, 5, 3, 4).requires_grad_()
    teacher = random_logits(1, 5, 3, 4)
    loss = framewise_kd_loss(student, teacher, torch.full((3,), 5), temperature=1e4)
    (gradient,) = torch.autograd.grad(loss, student)
    difference = (student - teacher).detach()
    expected = (difference - difference.mean(-1, keepdim=True)) / 4 / 15
    torch.testing.assert_close(gradient, expected, rtol=1e-2, atol=1e-5)


def test_gradients_are_those_of_the_loss() -> None:
    # Broken if a detach stood in the student's way: numerical and written gradient would differ.
    student = random_logits(0, 3, 2, 4).requires_grad_()
    teacher = random_logits(1, 3, 2, 4)
    assert torch.autograd.gradcheck(
        lambda x: framewise_kd_loss(
            x, teacher, torch.tensor([3, 1]), temperature=2.0, kd_blank="drop"
        ),
        student,
    )


def test_half_precision_logits_are_compared_in_single() -> None:
    # Broken if a 16-bit teacher on a GPU made the loss a 16-bit number.
    student, teacher = random_logits(0, 5, 3, 4).half(), random_logits(1, 5, 3, 4).half()
    loss = framewise_kd_loss(student, teacher, LENGTHS, temperature=2.0)
    exact = framewise_kd_loss(student.double(), teacher.double(), LENGTHS, temperature=2.0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)


def test_a_certain_teacher_gives_a_finite_loss() -> None:
    # Broken if 0 log 0 were NaN: CTC teachers are this sure of the blank.
    teacher = torch.tensor([[[1000.0, 0.0, -1000.0]]])
    student = torch.tensor([[[0.0, 0.0, 0.0]]])
    loss = framewise_kd_loss(student, teacher, torch.tensor([1]), temperature=1.0)
    assert loss.item() == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": torch.zeros(5, 3, 6)}, "one shape"),
        ({"lengths": torch.tensor([5, 0, 3])}, r"lengths must be in 1\.\.5, got 0\.\.5"),
        ({"lengths": torch.tensor([6, 1, 3])}, r"lengths must be in 1\.\.5, got 1\.\.6"),
        ({"lengths": torch.tensor([5, 1])}, r"lengths \(N,\)"),
        ({"temperature": 0.0}, "temperature=0.0"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"kd_blank": "omit"}, "kd_blank='omit'"),
        (
            {
                "student": torch.zeros(5, 3, 1),
                "teacher": torch.zeros(5, 3, 1),
                "kd_blank": "drop",
            },
            "at least one gloss",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    # Broken if broadcasting or a NaN let nonsense through.
    arguments = {
        "student": torch.zeros(5, 3, 4),
        "teacher": torch.zeros(5, 3, 4),
        "lengths": LENGTHS,
        "temperature": 2.0,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        framewise_kd_loss(**arguments)  # type: ignore[arg-type]
