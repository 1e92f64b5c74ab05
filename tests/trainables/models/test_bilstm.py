"""The BiLSTM: its size, its shapes, and that padding never reaches a result."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainables.data import BLANK
from trainables.models import bilstm
from trainables.models.base import ModelOutput
from trainables.models.bilstm import BiLSTM

SUBSAMPLINGS = (1, 2, 4)
LENGTHS = (9, 3, 14, 1, 14, 6)  # unsorted, with a single frame, with ties


def small(subsampling: int = 1, *, dropout: float = 0.0, seed: int = 0) -> BiLSTM:
    torch.manual_seed(seed)
    return BiLSTM(
        5, 7, layers=2, hidden=4, projection=6, dropout=dropout, subsampling=subsampling
    ).eval()


def utterances(dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, 5, generator=generator, dtype=dtype) for length in LENGTHS]


def pad(frames: list[Tensor], *, to: int, value: float = 0.0) -> tuple[Tensor, Tensor]:
    batch = torch.full((len(frames), to, frames[0].shape[1]), value, dtype=frames[0].dtype)
    for row, utterance in zip(batch, frames, strict=True):
        row[: len(utterance)] = utterance
    return batch, torch.tensor([len(utterance) for utterance in frames])


def real_log_probs(output: ModelOutput) -> list[Tensor]:
    return [output.log_probs[:length, i] for i, length in enumerate(output.lengths.tolist())]


def test_users_student_has_exactly_their_number_of_parameters() -> None:
    # Broken if a bias, a LayerNorm or a projection were added or left out.
    model = BiLSTM(1540, 1229, layers=4, hidden=256, projection=256, dropout=0.4)
    assert sum(parameter.numel() for parameter in model.parameters()) == 7_469_005


@pytest.mark.parametrize(
    ("layers", "hidden", "expected"), [(5, 384, 19_270_605), (7, 288, 15_227_085)]
)
def test_documented_teachers_have_their_number_of_parameters(
    layers: int, hidden: int, expected: int
) -> None:
    # Broken if the settings that docs/models.md gives for 15.2 million made another model.
    with torch.device("meta"):
        model = BiLSTM(1540, 1229, layers=layers, hidden=hidden, projection=256, dropout=0.3)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_users_student_gives_their_shapes() -> None:
    # Their notes: log-probs [50, 4, 1229] and four hidden states, 512 wide.
    model = BiLSTM(1540, 1229, layers=4, hidden=256, projection=256, dropout=0.4).eval()
    with torch.no_grad():
        output = model.forward_with_hidden_states(torch.randn(4, 50, 1540), torch.full((4,), 50))
    assert output.log_probs.shape == output.logits.shape == (50, 4, 1229)
    assert [states.shape for states in output.hidden] == [(4, 50, 512)] * 4
    assert model.hidden_sizes == (512, 512, 512, 512)


def test_log_probs_are_normalised_logits() -> None:
    # Broken if the softmax ran over utterances or time, or if logits were already normalised.
    batch, lengths = pad(utterances(torch.float64), to=14)
    output = small().double()(batch, lengths)
    assert torch.allclose(output.log_probs.exp().sum(-1), torch.ones(14, 6, dtype=torch.float64))
    offsets = output.logits - output.log_probs
    assert torch.allclose(offsets, offsets[..., :1].expand_as(offsets))
    assert output.hidden == ()


def test_asking_for_hidden_states_changes_nothing_else() -> None:
    # Broken if distillation trained another student than plain training does.
    model = small(dropout=0.3).train()
    batch, lengths = pad(utterances(), to=14)
    torch.manual_seed(3)
    plain = model(batch, lengths)
    torch.manual_seed(3)
    full = model.forward_with_hidden_states(batch, lengths)
    assert torch.equal(plain.log_probs, full.log_probs)
    assert len(full.hidden) == 2


def test_hidden_states_are_taken_before_dropout() -> None:
    # Broken if feature matching compared a dropped-out state: zeros would stand in it.
    model = small(dropout=0.9).train()
    batch, lengths = pad(utterances(), to=14)
    output = model.forward_with_hidden_states(batch, lengths)
    assert (output.hidden[-1][2] != 0).all()  # utterance 2 fills the batch's length


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_a_batch_gives_what_each_utterance_gives_alone(
    subsampling: int, dtype: torch.dtype, tolerance: float
) -> None:
    # Broken if padding leaked through the LSTM's reverse direction or the convolution.
    model = small(subsampling).to(dtype)
    batch, lengths = pad(utterances(dtype), to=14)
    together = real_log_probs(model(batch, lengths))
    for utterance, expected in zip(utterances(dtype), together, strict=True):
        alone = real_log_probs(model(utterance.unsqueeze(0), torch.tensor([len(utterance)])))[0]
        torch.testing.assert_close(alone, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_what_the_padding_holds_and_how_much_of_it_there_is_does_not_matter(
    subsampling: int,
) -> None:
    # Broken if padded frames were read at all: NaN spreads from a single product.
    model = small(subsampling)
    expected = real_log_probs(model(*pad(utterances(), to=14)))
    for to, value in ((14, 1e6), (14, math.nan), (31, 0.0), (31, math.inf)):
        actual = real_log_probs(model(*pad(utterances(), to=to, value=value)))
        for a, b in zip(actual, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_hidden_states_do_not_see_the_padding(subsampling: int) -> None:
    # Broken if feature matching got states that depend on an utterance's neighbours.
    model = small(subsampling).double()
    batch, lengths = pad(utterances(torch.float64), to=20, value=math.nan)
    together = model.forward_with_hidden_states(batch, lengths)
    for i, utterance in enumerate(utterances(torch.float64)):
        alone = model.forward_with_hidden_states(utterance[None], torch.tensor([len(utterance)]))
        for ours, expected in zip(alone.hidden, together.hidden, strict=True):
            end = int(together.lengths[i])
            torch.testing.assert_close(ours[0, :end], expected[i, :end], rtol=0, atol=1e-14)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_gradients_of_a_batch_are_the_sum_of_those_alone(subsampling: int) -> None:
    # Broken if padded frames, even NaN, took part in the gradient of the weights.
    model = small(subsampling).double()
    batch, lengths = pad(utterances(torch.float64), to=20, value=math.nan)
    parameters = list(model.parameters())
    loss = sum(frames.square().sum() for frames in real_log_probs(model(batch, lengths)))
    together = torch.autograd.grad(loss, parameters)
    alone = [torch.zeros_like(parameter) for parameter in parameters]
    for utterance in utterances(torch.float64):
        output = model(utterance.unsqueeze(0), torch.tensor([len(utterance)]))
        gradients = torch.autograd.grad(real_log_probs(output)[0].square().sum(), parameters)
        alone = [a + b for a, b in zip(alone, gradients, strict=True)]
    for actual, expected in zip(together, alone, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_cpu_path_computes_what_pytorchs_packed_lstm_computes(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if a CPU and a GPU trained different models: here the GPU's path runs on the CPU.
    model = small(dropout=0.0).to(dtype)
    batch, lengths = pad(utterances(dtype), to=17)

    def results() -> list[Tensor]:
        frames = real_log_probs(model(batch, lengths))
        loss = sum((values.exp() * values).sum() for values in frames)
        return [*frames, *torch.autograd.grad(loss, list(model.parameters()))]

    rectangles = results()
    monkeypatch.setattr(bilstm, "_packs", lambda device: True)
    tolerance = 2e-5 if dtype == torch.float32 else 1e-12
    for actual, expected in zip(results(), rectangles, strict=True):
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_output_lengths_are_the_frames_that_come_out(subsampling: int) -> None:
    # Broken if CTC were told of frames that are not there, or of one too few.
    model = small(subsampling)
    for frames in range(1, 18):
        output = model(torch.randn(1, frames, 5), torch.tensor([frames]))
        expected = math.ceil(frames / subsampling)
        assert model.output_lengths(torch.tensor([frames])).tolist() == [expected]
        assert output.lengths.tolist() == [expected]
        assert output.log_probs.shape[0] == expected


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_every_parameter_learns(subsampling: int) -> None:
    # Broken if a layer were built and not used, or cut off from the loss.
    model = small(subsampling)
    batch, lengths = pad(utterances(), to=14)
    torch.cat(real_log_probs(model(batch, lengths)))[:, 1].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_blank_bias_shifts_the_blank_and_nothing_else() -> None:
    # Broken if another class were shifted, the bias were replaced, or the option changed the
    # random weights.
    torch.manual_seed(0)
    plain = BiLSTM(5, 7, layers=1, hidden=4, projection=6, dropout=0.0)
    torch.manual_seed(0)
    shifted = BiLSTM(5, 7, layers=1, hidden=4, projection=6, dropout=0.0, blank_bias=-2.0)
    for (name, a), b in zip(plain.named_parameters(), shifted.parameters(), strict=True):
        difference = (b - a).detach()
        expected = torch.zeros_like(difference)
        if name == "output.bias":
            expected[BLANK] = -2.0
        torch.testing.assert_close(difference, expected, rtol=0, atol=1e-6)
    assert plain.output.bias[BLANK] != 0


def test_dropout_comes_from_the_random_state_alone_and_only_in_training() -> None:
    # Broken if a resumed epoch could not repeat its dropout, or if scoring were random.
    model = small(dropout=0.5)
    batch, lengths = pad(utterances(), to=14)
    assert torch.equal(model(batch, lengths).logits, model(batch, lengths).logits)
    model.train()
    torch.manual_seed(5)
    first = model(batch, lengths).logits
    second = model(batch, lengths).logits
    torch.manual_seed(5)
    assert torch.equal(model(batch, lengths).logits, first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("features", "lengths", "message"),
    [
        (torch.zeros(2, 4, 6), torch.tensor([4, 4]), r"features must be \(N, T, 5\)"),
        (torch.zeros(4, 5), torch.tensor([4]), r"features must be \(N, T, 5\)"),
        (torch.zeros(2, 4, 5), torch.tensor([4]), "lengths must be int64"),
        (torch.zeros(2, 4, 5), torch.tensor([4.0, 4.0]), "lengths must be int64"),
        (torch.zeros(2, 4, 5), torch.tensor([4, 0]), r"lengths must be in 1\.\.4, got 0\.\.4"),
        (torch.zeros(2, 4, 5), torch.tensor([4, 5]), r"lengths must be in 1\.\.4, got 4\.\.5"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    features: Tensor, lengths: Tensor, message: str
) -> None:
    # Broken if a wrong length ran through and gave a plausible result.
    with pytest.raises(ValueError, match=message):
        small()(features, lengths)


@pytest.mark.parametrize("option", [{"subsampling": 3}, {"layers": 0}, {"hidden": 0}])
def test_sizes_that_make_no_model_are_refused(option: dict[str, int]) -> None:
    # Broken if a bad size surfaced later as an error from inside PyTorch.
    sizes = {"layers": 1, "hidden": 4, "projection": 6, **option}
    with pytest.raises(ValueError, match="must be"):
        BiLSTM(5, 7, dropout=0.0, **sizes)
