"""CTC against a sum over all paths, and its smoothing by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from trainables.losses.ctc import ctc_loss


def collapse(path: tuple[int, ...]) -> list[int]:
    return [label for label, _ in itertools.groupby(path) if label != 0]


def summed_over_paths(log_probs: Tensor, target: list[int]) -> Tensor:
    """-log of the probability of every path (T frames, C classes) that reads as the target."""
    frames, classes = log_probs.shape
    paths = itertools.product(range(classes), repeat=frames)
    terms = [log_probs[range(frames), path].sum() for path in paths if collapse(path) == target]
    return -torch.logsumexp(torch.stack(terms), dim=0)


def random_logits(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


TARGETS = [[1], [2, 1], [1, 1], []]
FRAMES = [3, 5, 4, 2]


def batch() -> tuple[Tensor, Tensor, Tensor]:
    targets = torch.tensor([gloss for target in TARGETS for gloss in target])
    return targets, torch.tensor(FRAMES), torch.tensor([len(target) for target in TARGETS])


def test_loss_is_the_sum_over_all_paths_per_gloss() -> None:
    # Broken if the blank were not 0, repeats were merged wrongly, or the mean were another one.
    logits = random_logits(5, 4, 3)
    log_probs = logits.log_softmax(-1)
    targets, frames, glosses = batch()
    actual = ctc_loss(log_probs, targets, frames, glosses)
    expected = torch.stack(
        [
            summed_over_paths(log_probs[:length, i], target) / max(len(target), 1)
            for i, (target, length) in enumerate(zip(TARGETS, FRAMES, strict=True))
        ]
    ).mean()
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=0)
    gradients = [
        torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (actual, expected)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_a_case_worked_out_by_hand() -> None:
    # Two frames, uniform over blank and one gloss: 3 of 4 paths (-a, a-, aa) read as "a".
    log_probs = torch.full((2, 1, 2), math.log(0.5), dtype=torch.float64)
    one = torch.tensor([1])
    loss = ctc_loss(log_probs, one, torch.tensor([2]), one)
    assert loss.item() == pytest.approx(-math.log(0.75))


def test_long_utterances_do_not_outweigh_short_ones() -> None:
    # Broken if the loss were a sum: five sure glosses would weigh five times one.
    log_probs = torch.full((9, 2, 3), math.log(1 / 3), dtype=torch.float64)
    targets = torch.tensor([1, 1, 2, 1, 2, 1])
    together = ctc_loss(log_probs, targets, torch.tensor([9, 9]), torch.tensor([1, 5]))
    short = summed_over_paths(log_probs[:, 0], [1])
    long = summed_over_paths(log_probs[:, 1], [1, 2, 1, 2, 1]) / 5
    assert together.item() == pytest.approx((short + long).item() / 2)


def test_too_few_frames_give_an_infinite_loss() -> None:
    # Broken if an impossible utterance were silently skipped: "a a" needs a blank between.
    log_probs = torch.full((2, 1, 2), math.log(0.5))
    loss = ctc_loss(log_probs, torch.tensor([1, 1]), torch.tensor([2]), torch.tensor([2]))
    assert math.isinf(loss.item())


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_padded_frames_have_no_say_and_no_gradient(label_smoothing: float) -> None:
    # Broken if frames past the end were counted: the loss would depend on the batch's other parts.
    logits = random_logits(5, 4, 3)
    targets, frames, glosses = batch()
    loss = ctc_loss(
        logits.log_softmax(-1), targets, frames, glosses, label_smoothing=label_smoothing
    )
    (gradient,) = torch.autograd.grad(loss, logits)
    changed = logits.detach().clone()
    for i, length in enumerate(FRAMES):
        assert (gradient[length:, i] == 0).all()
        assert (gradient[:length, i] != 0).all()
        changed[length:, i] = 50.0
    again = ctc_loss(
        changed.log_softmax(-1), targets, frames, glosses, label_smoothing=label_smoothing
    )
    assert again.item() == loss.item()


def test_smoothing_worked_out_by_hand() -> None:
    # One utterance of two frames, p = (1/4, 3/4) in both; classes: blank and one gloss.
    log_probs = torch.tensor([[[0.25, 0.75]], [[0.25, 0.75]]], dtype=torch.float64).log()
    one = torch.tensor([1])
    loss = ctc_loss(log_probs, one, torch.tensor([2]), one, label_smoothing=0.1)
    ctc = -math.log(2 * 0.25 * 0.75 + 0.75**2)
    to_uniform = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert loss.item() == pytest.approx(0.9 * ctc + 0.1 * to_uniform)


def test_smoothing_is_a_mean_over_real_frames_and_then_over_utterances() -> None:
    # Broken if padding or an utterance's length scaled the term.
    log_probs = random_logits(5, 4, 3).log_softmax(-1)
    targets, frames, glosses = batch()
    plain = ctc_loss(log_probs, targets, frames, glosses)
    smoothed = ctc_loss(log_probs, targets, frames, glosses, label_smoothing=0.2)
    divergences = []
    for i, length in enumerate(FRAMES):
        probs = log_probs[:length, i].exp().tolist()
        divergences.append(sum(math.log((1 / 3) / p) / 3 for row in probs for p in row) / length)
    expected = 0.8 * plain.item() + 0.2 * sum(divergences) / len(FRAMES)
    assert smoothed.item() == pytest.approx(expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.3])
def test_a_batch_is_the_mean_of_its_utterances(label_smoothing: float) -> None:
    # Broken if halving a batch and accumulating twice, the remedy for full memory, trained
    # something else.
    log_probs = random_logits(5, 4, 3).log_softmax(-1)
    targets, frames, glosses = batch()
    together = ctc_loss(log_probs, targets, frames, glosses, label_smoothing=label_smoothing)
    alone = [
        ctc_loss(
            log_probs[:, i : i + 1],
            torch.tensor(target, dtype=torch.int64),
            frames[i : i + 1],
            glosses[i : i + 1],
            label_smoothing=label_smoothing,
        ).item()
        for i, target in enumerate(TARGETS)
    ]
    assert together.item() == pytest.approx(sum(alone) / len(alone))


def test_smoothing_adds_nothing_to_a_uniform_model() -> None:
    # Broken if the constant -log C were left out: the loss would not be a divergence.
    log_probs = torch.full((4, 1, 5), math.log(0.2), dtype=torch.float64)
    one = torch.tensor([1])
    plain, smoothed = (
        ctc_loss(log_probs, one, torch.tensor([4]), one, label_smoothing=share).item()
        for share in (0.0, 0.4)
    )
    assert smoothed == pytest.approx(0.6 * plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_lengths": torch.tensor([6, 5, 4, 2])}, r"lengths must be in 1\.\.5, got 2\.\.6"),
        ({"input_lengths": torch.tensor([0, 5, 4, 2])}, r"lengths must be in 1\.\.5, got 0\.\.5"),
        ({"input_lengths": torch.tensor([5])}, r"lengths \(N,\)"),
        ({"target_lengths": torch.tensor([1])}, "target_lengths"),
        ({"targets": torch.ones(4, 2, dtype=torch.int64)}, "targets"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"label_smoothing": math.nan}, "label_smoothing=nan"),
    ],
)
def test_arguments_out_of_range_are_refused(change: dict[str, object], message: str) -> None:
    # Broken if PyTorch read past the end, or if a loss were computed from nonsense.
    targets, frames, glosses = batch()
    arguments = {
        "log_probs": random_logits(5, 4, 3).log_softmax(-1),
        "targets": targets,
        "input_lengths": frames,
        "target_lengths": glosses,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        ctc_loss(**arguments)  # type: ignore[arg-type]
