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
from torch.nn.utils.rnn import PackedSequence

from trainables.cards import moved
from trainables.models.base import Recogniser, Steps


class BiLSTM(Recogniser):
    """Bidirectional LSTM layers over projected frame features, a LayerNorm after each."""

    time_first = True

    def _layer(self, width: int, number: int) -> nn.Module:
        return nn.LSTM(width, width // 2, bidirectional=True)

    def _steps(self, x: Tensor, lengths: Tensor) -> Steps:
        kind = _Packed if _packs(x.device) else _Rectangles
        recurrence = kind(lengths, frames=x.shape[0], device=x.device)

        def step(lstm: nn.Module, norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
            states = norm(recurrence(lstm, x))
            return self.dropout(states), states

        return Steps(step, recurrence.enter, recurrence.leave)


def _packs(device: torch.device) -> bool:
    """Whether layers take packed sequences: a GPU's kernel is made for them."""
    return device.type != "cpu"


class _Packed:
    """Runs layers over the real frames of utterances, put once into the order of `PackedSequence`.

    That is frame by frame, the longest utterance first. What is between the layers looks at one
    frame at a time, so nothing has to be unpacked before the last of them.
    """

    def __init__(self, lengths: Tensor, *, frames: int, device: torch.device) -> None:
        lengths = lengths.cpu()
        order = torch.argsort(lengths, descending=True, stable=True)
        real = torch.arange(frames).unsqueeze(1) < lengths[order]  # [T, N]
        time, place = real.nonzero(as_tuple=True)
        self.shape = (frames, len(lengths))
        self.batch_sizes = real[: int(lengths.max())].sum(dim=1)
        self.rows = moved(time * len(lengths) + order[place], device)  # [F]

    def enter(self, x: Tensor) -> Tensor:
        """(T, N, W) to (F, W), the real frames."""
        return x.flatten(0, 1).index_select(0, self.rows)

    def leave(self, x: Tensor) -> Tensor:
        """(F, W) to (T, N, W), zero past an utterance's length."""
        frames, utterances = self.shape
        padded = x.new_zeros(frames * utterances, x.shape[1]).index_copy(0, self.rows, x)
        return padded.view(frames, utterances, -1)

    def __call__(self, lstm: nn.Module, x: Tensor) -> Tensor:
        """(F, W) to (F, 2H)."""
        data: Tensor = lstm(PackedSequence(x, self.batch_sizes))[0].data
        return data


class _Rectangles:
    """Runs layers over utterances of different lengths on a CPU.

    PyTorch runs packed sequences frame by frame through autograd there, three to five times slower
    than its oneDNN kernel, which wants whole rectangles. So each direction runs as a rectangle of
    its own, the second over utterances turned round within their length, and both meet the padding
    only when the utterance is over.
    """

    def __init__(self, lengths: Tensor, *, frames: int, device: torch.device) -> None:
        time = torch.arange(frames).unsqueeze(1)  # [T, 1]
        turned = torch.where(time < lengths, lengths - 1 - time, time)  # [T, N]
        utterances = len(lengths)
        self.turned_rows = (turned * utterances + torch.arange(utterances)).flatten()

    def enter(self, x: Tensor) -> Tensor:
        """(T, N, W), as it is."""
        return x

    leave = enter

    def __call__(self, lstm: nn.Module, x: Tensor) -> Tensor:
        """(T, N, 2H); frames past an utterance's length mean nothing."""
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
