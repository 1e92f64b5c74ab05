"""Which kernel computes CTC, and what it wants to be given.

| device | kernel | wants |
|---|---|---|
| CPU | torch's | lengths on the CPU |
| GPU | cuDNN's | int32 targets on the CPU, blank 0, 1 to 255 glosses, all frames |
| GPU | torch's own | targets on the GPU; its sums are not deterministic |

cuDNN's is the fast one, and the one that gives the same bits each time. It takes no utterances
of different lengths, so frames past an utterance's end are made to say blank with certainty: that
adds nothing to the likelihood. It is compared with the CPU once in a process and left aside where
the two differ. With deterministic algorithms, the CPU steps in for it then: exact, and
slower by the way there and back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from trainables.cards import moved
from trainables.data import BLANK

Kernel = Literal["cpu", "cudnn", "torch"]
MeanLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""CTC of (T, N, C), targets, input and target lengths: mean over utterances, per gloss."""

_MOST_GLOSSES = 255
_IMPOSSIBLE = -80.0
"""Log-probability of a gloss past an utterance's end: e^-80 is nothing next to any other."""
_TOLERANCE = 1e-3


def mean_ctc(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """CTC by the kernel that suits the device; shapes as `ctc_loss` has checked them."""
    device = log_probs.device
    suiting = device.type == "cuda" and suits(targets, input_lengths, target_lengths)
    return _KERNELS[kernel_for(device, suiting=suiting)](
        log_probs, targets, input_lengths, target_lengths
    )


def kernel_for(device: torch.device, *, suiting: bool = True) -> Kernel:
    """The kernel for a batch.

    Args:
        device: Where the log-probabilities are.
        suiting: Whether the batch is one for cuDNN, as `suits` says; most are.
    """
    if device.type == "cpu":
        return "cpu"
    if device.type == "cuda" and suiting and _cudnn_agrees(device):
        return "cudnn"
    return "cpu" if torch.are_deterministic_algorithms_enabled() else "torch"


def suits(targets: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> bool:
    """Whether cuDNN can compute a batch, and every utterance has the frames that CTC needs.

    One that lacks them must have an infinite loss. Frames past its end would give it some.
    """
    if int(target_lengths.min()) < 1 or int(target_lengths.max()) > _MOST_GLOSSES:
        return False
    targets = targets.cpu()
    owner = torch.repeat_interleave(torch.arange(len(target_lengths)), target_lengths)
    again = (targets[1:] == targets[:-1]) & (owner[1:] == owner[:-1])
    needed = target_lengths.index_add(0, owner[1:], again.to(target_lengths.dtype))
    return bool((input_lengths >= needed).all())


def on_cpu(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """By torch's kernel on the CPU, wherever the scores are."""
    loss = functional.ctc_loss(
        log_probs.cpu(), targets, input_lengths, target_lengths, blank=BLANK, zero_infinity=False
    )
    return loss.to(log_probs.device)


def with_full_lengths(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """As cuDNN wants it: every utterance as long as the batch, int32 targets on the CPU."""
    full = torch.full_like(input_lengths, len(log_probs))
    return functional.ctc_loss(
        ended_with_blanks(log_probs.float(), input_lengths),
        targets.to("cpu", torch.int32),
        full,
        target_lengths,
        blank=BLANK,
        zero_infinity=False,
    )


def by_torch(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor
) -> Tensor:
    """By torch's own kernel on the device."""
    return functional.ctc_loss(
        log_probs,
        moved(targets, log_probs.device),
        input_lengths,
        target_lengths,
        blank=BLANK,
        zero_infinity=False,
    )


_KERNELS: dict[Kernel, MeanLoss] = {
    "cpu": on_cpu,
    "cudnn": with_full_lengths,
    "torch": by_torch,
}


def ended_with_blanks(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """Log-probabilities (T, N, C) that say blank in every frame past an utterance's length."""
    frames, _, classes = log_probs.shape
    time = torch.arange(frames, device=log_probs.device).unsqueeze(1)
    over = (time >= moved(lengths, log_probs.device)).unsqueeze(-1)  # [T, N, 1]
    blank = log_probs.new_full((classes,), _IMPOSSIBLE)
    blank[BLANK] = 0.0
    return torch.where(over, blank, log_probs)


def agrees(loss: MeanLoss, device: torch.device) -> bool:
    """Whether a kernel gives the CPU's loss and gradient on a small batch of several lengths."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(12, 3, 7, generator=generator)
    lengths, target_lengths = torch.tensor([12, 7, 4]), torch.tensor([4, 3, 1])
    targets = torch.tensor([1, 1, 2, 6, 3, 3, 4, 5])
    found = []
    for kernel, place in ((loss, device), (on_cpu, torch.device("cpu"))):
        given = scores.to(place).requires_grad_()
        try:
            with torch.inference_mode(False), torch.enable_grad():
                value = kernel(given.log_softmax(dim=-1), targets, lengths, target_lengths)
            value.backward()  # type: ignore[no-untyped-call]
        except RuntimeError:
            return False
        assert given.grad is not None
        found.append((value.detach().cpu(), given.grad.cpu()))
    pairs = zip(*found, strict=True)
    return all(torch.allclose(ours, theirs, _TOLERANCE, _TOLERANCE / 10) for ours, theirs in pairs)


@cache
def _cudnn_agrees(device: torch.device) -> bool:
    available: bool = torch.backends.cudnn.is_available()  # type: ignore[no-untyped-call]
    return available and agrees(with_full_lengths, device)
