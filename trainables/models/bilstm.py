"""The users' recogniser: a projection, bidirectional LSTM layers, a linear layer over the glosses.

For 1540 features, 4 layers of 256 units per direction, projection 256 and 1229 classes:

    Linear(1540 -> 256)                             394,496
    LayerNorm(256)                                      512
    Linear(256 -> 512)                              131,584
    4 x [LSTM(512 -> 256, both directions)        1,576,960
         LayerNorm(512)]                              1,024
    Linear(512 -> 1229)                             630,477
                                                  ---------
                                                  7,469,005
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from trainables.models.base import LayerStep, Recogniser


class BiLSTM(Recogniser):
    """Bidirectional LSTM layers over projected frame features, a LayerNorm after each."""

    time_first = True

    def _layer(self, width: int, number: int) -> nn.Module:
        return nn.LSTM(width, width // 2, bidirectional=True)

    def _steps(self, x: Tensor, lengths: Tensor) -> LayerStep:
        recurrence = _Recurrence(lengths, frames=x.shape[0], device=x.device)

        def step(lstm: nn.Module, norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
            states = norm(recurrence(lstm, x))
            return self.dropout(states), states

        return step


class _Recurrence:
    """Runs bidirectional LSTM layers over utterances of different lengths.

    A GPU takes packed sequences. On a CPU PyTorch runs those frame by frame through autograd,
    three to five times slower than its oneDNN kernel, which wants whole rectangles. There each
    direction runs as a rectangle of its own, the second over utterances turned round within their
    length, so that both meet the padding only when the utterance is over.
    """

    def __init__(self, lengths: Tensor, *, frames: int, device: torch.device) -> None:
        self.lengths = lengths.cpu()
        self.frames = frames
        self.packed = device.type != "cpu"
        if not self.packed:
            time = torch.arange(frames).unsqueeze(1)  # [T, 1]
            turned = torch.where(time < lengths, lengths - 1 - time, time)  # [T, N]
            utterances = len(lengths)
            self.turned_rows = (turned * utterances + torch.arange(utterances)).flatten()

    def __call__(self, lstm: nn.Module, x: Tensor) -> Tensor:
        """(T, N, 2H); frames past an utterance's length mean nothing."""
        if self.packed:
            packed = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
            return pad_packed_sequence(lstm(packed)[0], total_length=self.frames)[0]
        forward = _one_direction(lstm, x, suffix="")
        backward = _one_direction(lstm, self._turn(x), suffix="_reverse")
        return torch.cat([forward, self._turn(backward)], dim=-1)

    def _turn(self, x: Tensor) -> Tensor:
        return x.flatten(0, 1).index_select(0, self.turned_rows).view(x.shape)


def _one_direction(lstm: nn.Module, x: Tensor, *, suffix: str) -> Tensor:
    """(T, N, 2H) to (T, N, H) with the weights of one direction, "" or "_reverse"."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights: list[Tensor] = [lstm.get_parameter(name + suffix) for name in names]
    start = x.new_zeros(1, x.shape[1], weights[1].shape[1])
    outputs, _, _ = torch.lstm(
        x,
        (start, start),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=lstm.training,
        bidirectional=False,
        batch_first=False,
    )
    return outputs
