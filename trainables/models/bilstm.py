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

from trainables.data import BLANK
from trainables.models.base import ModelOutput, Recogniser


class BiLSTM(Recogniser):
    """Bidirectional LSTM layers, each followed by a LayerNorm, over projected frame features.

    Hidden states are those after the LayerNorm and before dropout. Padding never changes a
    result: no frame past an utterance's length reaches a frame within it.
    """

    def __init__(
        self,
        input_size: int,
        classes: int,
        *,
        layers: int,
        hidden: int,
        projection: int,
        dropout: float,
        subsampling: int = 1,
        blank_bias: float = 0.0,
    ) -> None:
        """Builds the layers with PyTorch's initial values, from the global random state.

        A trained CTC model says blank in nearly every frame; a new one says it in one of C. The
        way there leads through a minimum in which every frame is blank and no gloss is named
        (Zeyer et al. 2021, arXiv:2105.14849), and the first epochs go into reaching and leaving
        it. A `blank_bias` near the log-odds of a trained model's blank, log((C - 1) q / (1 - q))
        for a share q of frames, starts there and leaves the gradient to the glosses, as Lin et
        al. 2017 (arXiv:1708.02002, section 3.3) do for the background of images. A negative one
        starts further off. The bias is learned on from its start.

        Args:
            input_size: Features per frame, D.
            classes: Glosses and the blank, C.
            layers: Recurrent layers, at least 1.
            hidden: Units of a layer in each direction; hidden states are twice as wide.
            projection: Width that the features are brought to first.
            dropout: Share dropped after each layer while training, in [0, 1).
            subsampling: Input frames per output frame: 1, 2 or 4.
            blank_bias: Added to the blank's initial output bias, in nats.

        Raises:
            ValueError: A size is below 1 or subsampling is not 1, 2 or 4.
        """
        super().__init__()
        sizes = (input_size, classes, layers, hidden, projection)
        if min(sizes) < 1:
            raise ValueError(f"every size must be at least 1, got {sizes}")
        if subsampling not in (1, 2, 4):
            raise ValueError(f"subsampling={subsampling} must be 1, 2 or 4")
        width = 2 * hidden
        self.input_size = input_size
        self.subsampling = subsampling
        self.hidden_sizes = (width,) * layers
        self.projection = nn.Linear(input_size, projection)
        self.projection_norm = nn.LayerNorm(projection)
        # Halvings: none, one or two.
        self.convolutions = nn.ModuleList(
            nn.Conv1d(projection, projection, kernel_size=3, stride=2, padding=1)
            for _ in range(subsampling.bit_length() - 1)
        )
        self.expansion = nn.Linear(projection, width)
        self.layers = nn.ModuleList(
            nn.LSTM(width, hidden, bidirectional=True) for _ in range(layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)
        with torch.no_grad():
            self.output.bias[BLANK] += blank_bias

    def forward(self, features: Tensor, lengths: Tensor) -> ModelOutput:
        """See `Recogniser.forward`. Lengths on the CPU spare a GPU the wait for them."""
        return self._run(features, lengths, keep_hidden=False)

    def forward_with_hidden_states(self, features: Tensor, lengths: Tensor) -> ModelOutput:
        """See `Recogniser.forward_with_hidden_states`."""
        return self._run(features, lengths, keep_hidden=True)

    def _run(self, features: Tensor, lengths: Tensor, *, keep_hidden: bool) -> ModelOutput:
        self._check(features, lengths)
        # Padding may hold anything, NaN too, and 0 times NaN would reach the weights' gradients.
        features = features.masked_fill(~_is_real(lengths, features), 0.0)
        x = self.projection_norm(self.projection(features))  # [N, T, P]
        for convolution in self.convolutions:
            x = _halve(convolution, x, lengths)  # [N, ceil(T / 2), P]
            lengths = (lengths + 1) // 2
        x = self.expansion(x).transpose(0, 1)  # [T', N, 2H]
        hidden: list[Tensor] = []
        recurrence = _Recurrence(lengths, frames=x.shape[0], device=x.device)
        for lstm, norm in zip(self.layers, self.norms, strict=True):
            x = norm(recurrence(lstm, x))
            if keep_hidden:
                hidden.append(x.transpose(0, 1))
            x = self.dropout(x)
        logits = self.output(x)  # [T', N, C]
        return ModelOutput(logits.log_softmax(dim=-1), logits, lengths, tuple(hidden))

    def _check(self, features: Tensor, lengths: Tensor) -> None:
        if features.dim() != 3 or features.shape[2] != self.input_size:
            raise ValueError(
                f"features must be (N, T, {self.input_size}), got {tuple(features.shape)}"
            )
        if lengths.shape != features.shape[:1] or lengths.dtype != torch.int64:
            raise ValueError(
                f"lengths must be int64 ({features.shape[0]},), "
                f"got {lengths.dtype} {tuple(lengths.shape)}"
            )
        low, high = (int(end) for end in torch.aminmax(lengths))
        if low < 1 or high > features.shape[1]:
            raise ValueError(f"lengths must be in 1..{features.shape[1]}, got {low}..{high}")


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


def _halve(convolution: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, P) to (N, ceil(T / 2), P); frame j sees the real ones of 2j - 1, 2j and 2j + 1."""
    x = x.masked_fill(~_is_real(lengths, x), 0.0)
    halved: Tensor = convolution(x.transpose(1, 2)).relu()
    return halved.transpose(1, 2)


def _is_real(lengths: Tensor, x: Tensor) -> Tensor:
    """True (N, T, 1) for the frames of (N, T, ...) that lie within their utterance."""
    time = torch.arange(x.shape[1], device=x.device)
    return (time < lengths.to(x.device).unsqueeze(1)).unsqueeze(-1)
