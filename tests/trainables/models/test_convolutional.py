"""Inception and MobileNet over time: their sizes, and that padding never reaches a result."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainables.models.base import ModelOutput, Recogniser
from trainables.models.inception import Inception
from trainables.models.mobilenet import MobileNet

MODELS = (Inception, MobileNet)
SUBSAMPLINGS = (1, 2, 4)
LENGTHS = (9, 3, 14, 1, 14, 6)  # unsorted, with a single frame, with ties


def small(cls: type[Recogniser], subsampling: int = 1, *, dropout: float = 0.0) -> Recogniser:
    torch.manual_seed(0)
    sizes = {"layers": 2, "hidden": 5, "projection": 6}  # 10 channels: no multiple of 4
    return cls(5, 7, dropout=dropout, subsampling=subsampling, **sizes).eval()  # type: ignore[arg-type]


def utterances(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, 5, generator=generator, dtype=dtype) for length in LENGTHS]


def pad(frames: list[Tensor], *, to: int, value: float = 0.0) -> tuple[Tensor, Tensor]:
    batch = torch.full((len(frames), to, 5), value, dtype=frames[0].dtype)
    for row, utterance in zip(batch, frames, strict=True):
        row[: len(utterance)] = utterance
    return batch, torch.tensor([len(utterance) for utterance in frames])


def real_log_probs(output: ModelOutput) -> list[Tensor]:
    return [output.log_probs[:length, i] for i, length in enumerate(output.lengths.tolist())]


@pytest.mark.parametrize(
    ("cls", "layers", "hidden", "expected"),
    [
        (Inception, 8, 512, 27_120_589),
        (Inception, 8, 256, 7_466_957),
        (MobileNet, 15, 128, 7_948_621),
    ],
)
def test_the_users_sizes(cls: type[Recogniser], layers: int, hidden: int, expected: int) -> None:
    # Broken if a branch, a bias or a LayerNorm were added or left out.
    with torch.device("meta"):
        model = cls(1540, 1229, layers=layers, hidden=hidden, projection=256, dropout=0.3)  # type: ignore[call-arg]
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    assert model.hidden_sizes == (2 * hidden,) * layers


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_batch_gives_what_each_utterance_gives_alone(
    cls: type[Recogniser], subsampling: int
) -> None:
    # Broken if padding leaked through a convolution, the pooling, the squeeze or a norm.
    model = small(cls, subsampling).double()
    batch, lengths = pad(utterances(), to=19, value=math.nan)
    together = model.forward_with_hidden_states(batch, lengths)
    for i, utterance in enumerate(utterances()):
        alone = model.forward_with_hidden_states(utterance[None], torch.tensor([len(utterance)]))
        end = int(together.lengths[i])
        expected = real_log_probs(together)[i]
        torch.testing.assert_close(real_log_probs(alone)[0], expected, rtol=0, atol=1e-13)
        for ours, theirs in zip(alone.hidden, together.hidden, strict=True):
            torch.testing.assert_close(ours[0, :end], theirs[i, :end], rtol=0, atol=1e-13)


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_gradients_of_a_batch_are_the_sum_of_those_alone(
    cls: type[Recogniser], subsampling: int
) -> None:
    # Broken if padded frames, even NaN, took part in the gradient of the weights.
    model = small(cls, subsampling).double()
    batch, lengths = pad(utterances(), to=19, value=math.nan)
    parameters = list(model.parameters())
    loss = sum(frames.square().sum() for frames in real_log_probs(model(batch, lengths)))
    together = torch.autograd.grad(loss, parameters)
    alone = [torch.zeros_like(parameter) for parameter in parameters]
    for utterance in utterances():
        output = model(utterance[None], torch.tensor([len(utterance)]))
        gradients = torch.autograd.grad(real_log_probs(output)[0].square().sum(), parameters)
        alone = [a + b for a, b in zip(alone, gradients, strict=True)]
    for actual, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_output_lengths_are_the_frames_that_come_out(
    cls: type[Recogniser], subsampling: int
) -> None:
    # Broken if CTC were told of frames that are not there.
    model = small(cls, subsampling)
    for frames in range(1, 10):
        output = model(torch.randn(1, frames, 5), torch.tensor([frames]))
        expected = math.ceil(frames / subsampling)
        assert output.lengths.tolist() == [expected] and output.log_probs.shape[0] == expected
        assert model.output_lengths(torch.tensor([frames])).tolist() == [expected]


@pytest.mark.parametrize("cls", MODELS)
def test_every_parameter_learns(cls: type[Recogniser]) -> None:
    # Broken if a branch were built and not used, or cut off from the loss.
    model = small(cls, 2)
    batch, lengths = pad(utterances(torch.float32), to=14)
    torch.cat(real_log_probs(model(batch, lengths)))[:, 1].square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("cls", MODELS)
def test_an_output_frame_sees_more_than_its_own(cls: type[Recogniser]) -> None:
    # Broken if time were not convolved at all: a gloss is not in one frame.
    model = small(cls).double()
    frames = torch.randn(1, 9, 5, dtype=torch.float64, requires_grad=True)
    logits: Tensor = model(frames, torch.tensor([9])).logits
    logits[4].square().sum().backward()
    assert frames.grad is not None
    seen = frames.grad[0].abs().sum(dim=1) > 1e-9
    assert seen[2:7].all()


@pytest.mark.parametrize("cls", MODELS)
def test_hidden_states_come_without_dropout_and_change_nothing_else(
    cls: type[Recogniser],
) -> None:
    # Broken if distillation trained another student than plain training does.
    model = small(cls, dropout=0.9).train()
    batch, lengths = pad(utterances(torch.float32), to=14)
    torch.manual_seed(3)
    plain = model(batch, lengths)
    torch.manual_seed(3)
    full = model.forward_with_hidden_states(batch, lengths)
    assert torch.equal(plain.log_probs, full.log_probs) and plain.hidden == ()
    assert (full.hidden[-1][2] != 0).all()  # utterance 2 fills the batch's length


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("option", [{"subsampling": 3}, {"layers": 0}, {"hidden": 0}])
def test_sizes_that_make_no_model_are_refused(
    cls: type[Recogniser], option: dict[str, int]
) -> None:
    # Broken if a bad size surfaced later as an error from inside PyTorch.
    sizes = {"layers": 1, "hidden": 4, "projection": 6, **option}
    with pytest.raises(ValueError, match="must be"):
        cls(5, 7, dropout=0.0, **sizes)  # type: ignore[call-arg]
