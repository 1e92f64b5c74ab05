"""The form of CTC that a GPU's fast kernel takes, computed on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainables.losses import ctc_kernels
from trainables.losses.ctc_kernels import (
    agrees,
    by_torch,
    kernel_for,
    on_cpu,
    suits,
    with_full_lengths,
)

CPU = torch.device("cpu")


def test_utterances_ended_with_blanks_have_the_same_likelihood_and_gradient() -> None:
    """Random batches against the CPU's own lengths; no gradient reaches what is past an end."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        scores = torch.randn(15, 4, 1231, generator=generator, dtype=torch.float32)
        lengths = torch.randint(6, 16, (4,), generator=generator)
        target_lengths = torch.randint(0, 4, (4,), generator=generator)
        targets = torch.randint(1, 1231, (int(target_lengths.sum()),), generator=generator)
        found = []
        for loss in (with_full_lengths, on_cpu):
            given = scores.clone().requires_grad_()
            value = loss(given.log_softmax(-1), targets, lengths, target_lengths)
            found.append((value, torch.autograd.grad(value, given)[0]))
        (ours, our_gradient), (theirs, gradient) = found
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(our_gradient, gradient, rtol=1e-5, atol=1e-7)
        over = torch.arange(15).unsqueeze(1) >= lengths
        assert not our_gradient[over].any()


def test_a_kernel_that_is_wrong_is_found() -> None:
    """cuDNN's is left aside where it does not give what the CPU gives, or does not run."""

    def doubled(*given: Tensor) -> Tensor:
        return 2 * on_cpu(*given)

    def ignores_lengths(log_probs: Tensor, targets: Tensor, lengths: Tensor, own: Tensor) -> Tensor:
        return on_cpu(log_probs, targets, torch.full_like(lengths, len(log_probs)), own)

    def does_not_run(*given: Tensor) -> Tensor:
        raise RuntimeError("CUDNN_STATUS_NOT_SUPPORTED")

    assert all(agrees(loss, CPU) for loss in (on_cpu, by_torch, with_full_lengths))
    assert not any(agrees(loss, CPU) for loss in (doubled, ignores_lengths, does_not_run))


@pytest.mark.parametrize(
    ("agreeing", "strict", "suiting", "expected"),
    [
        (True, False, True, "cudnn"),
        (True, True, True, "cudnn"),
        (True, False, False, "torch"),
        (True, True, False, "cpu"),
        (False, False, True, "torch"),
        (False, True, True, "cpu"),
    ],
)
def test_the_kernel_is_chosen_by_what_it_can(
    agreeing: bool, strict: bool, suiting: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With deterministic sums asked for, torch's own kernel on a GPU must not be taken."""
    monkeypatch.setattr(ctc_kernels, "_cudnn_agrees", lambda device: agreeing)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: strict)
    assert kernel_for(torch.device("cuda"), suiting=suiting) == expected
    assert kernel_for(CPU, suiting=suiting) == "cpu"


@pytest.mark.parametrize(
    ("targets", "frames", "glosses", "expected"),
    [
        ([1, 2, 3], [2, 1], [2, 1], True),
        ([1, 1, 1], [3, 1], [2, 1], True),  # a blank between two alike; the third is another's
        ([1, 1, 1], [2, 1], [2, 1], False),
        ([1, 2, 3], [2, 1], [1, 2], False),
        ([1, 2], [5, 5], [2, 0], False),
        ([1] * 255, [600], [255], True),
        ([1] * 256, [600], [256], False),
    ],
)
def test_batches_that_are_none_for_cudnn(
    targets: list[int], frames: list[int], glosses: list[int], expected: bool
) -> None:
    """An utterance without the frames that CTC needs keeps its infinite loss."""
    given = (torch.tensor(targets), torch.tensor(frames), torch.tensor(glosses))
    assert suits(*given) == expected
    scores = torch.zeros(max(frames), len(frames), 4).log_softmax(-1)
    if max(glosses) < 4 and min(glosses) > 0:
        assert bool(on_cpu(scores, *given).isfinite()) == expected
