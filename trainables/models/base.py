"""What every recogniser is made of: projected features, layers of one width, gloss scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.cards import moved
from trainables.data import BLANK
from trainables.models.dropout import PortableDropout

LayerStep = Callable[[nn.Module, nn.Module, Tensor], tuple[Tensor, Tensor]]
"""Runs a layer: (layer, its LayerNorm, input) to the next layer's input and the hidden states."""


def _as_it_is(x: Tensor) -> Tensor:
    return x


@dataclass(frozen=True)
class Steps:
    """How the layers are run on utterances of certain lengths.

    Attributes:
        step: Runs a layer.
        enter: Brings the first layer's input into the form that layers take.
        leave: Brings what a layer gives back into that of the input.
    """

    step: LayerStep
    enter: Callable[[Tensor], Tensor] = _as_it_is
    leave: Callable[[Tensor], Tensor] = _as_it_is


@dataclass(frozen=True)
class ModelOutput:
    """What a recogniser says about a batch.

    N utterances, T' frames after subsampling, C glosses with the blank at 0. Frames at or past an
    utterance's length hold finite values that mean nothing.

    Attributes:
        log_probs: Log-probabilities (T', N, C), as `torch.nn.functional.ctc_loss` takes them.
        logits: The same before the softmax (T', N, C), for distillation.
        lengths: Frames of each utterance after subsampling, int64 (N,).
        hidden: Hidden states (N, T', H) of each layer, first layer first; empty unless requested.
    """

    log_probs: Tensor
    logits: Tensor
    lengths: Tensor
    hidden: tuple[Tensor, ...] = ()


class Recogniser(nn.Module):
    """A CTC model of gloss sequences: the base of every architecture.

    It projects the features of each frame, runs layers of one width, and scores the glosses.

    Each layer has a LayerNorm, which looks at one frame. Batch norm would make an utterance's
    result depend on its neighbours in the batch and on their padding, and a resumed run depend on
    running means. Hidden states are normalised: all layers' have one scale.

    Padding never changes a result: no frame past an utterance's length reaches one within it.

    An architecture says what a layer is (`_layer`), how one is run (`_steps`), whether its layers
    take time first, and what comes before the scores (`_head`).

    Attributes:
        subsampling: Input frames per output frame.
        hidden_sizes: Width H of each layer's hidden states, first layer first.
    """

    time_first: ClassVar[bool] = False
    """Layers take (T', N, W) instead of (N, T', W)."""

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
            layers: Recurrent layers or blocks, at least 1.
            hidden: Half the width W of a layer: of a recurrent one, its units in each direction.
            projection: Width that the features are brought to first.
            dropout: Share dropped after each layer while training, in [0, 1).
            subsampling: Input frames per output frame: 1, 2 or 4.
            blank_bias: Added to the blank's initial output bias, in nats.

        Raises:
            ValueError: A size is too small or subsampling is not 1, 2 or 4.
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
        self.layers = nn.ModuleList(self._layer(width, number) for number in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.dropout = PortableDropout(dropout)
        self.head, scored = self._head(width)
        self.output = nn.Linear(scored, classes)
        with torch.no_grad():
            self.output.bias[BLANK] += blank_bias

    def forward(
        self, features: Tensor, lengths: Tensor, *, keep_hidden: bool = False
    ) -> ModelOutput:
        """Scores the glosses of every frame.

        Args:
            features: Float (N, T, D), padded at the end with any finite values.
            lengths: Real frames of each utterance, int64 (N,), in 1..T. On the CPU they spare a
                GPU the wait for them.
            keep_hidden: Return the hidden states of every layer; else `hidden` is empty.

        Raises:
            ValueError: Shapes do not fit, or a length is outside 1..T.
        """
        _check_batch(features, lengths, input_size=self.input_size)
        # Padding may hold anything, NaN too, and 0 times NaN would reach the weights' gradients.
        features = features.masked_fill(~_is_real(lengths, features), 0.0)
        x = self.projection_norm(self.projection(features))  # [N, T, P]
        for convolution in self.convolutions:
            x = _halve(convolution, x, lengths)  # [N, ceil(T / 2), P]
            lengths = (lengths + 1) // 2
        x = self.expansion(x)  # [N, T', W]
        x = x.transpose(0, 1) if self.time_first else x
        steps = self._steps(x, lengths)
        x = steps.enter(x)
        hidden: list[Tensor] = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x, states = steps.step(layer, norm, x)
            if keep_hidden:
                states = steps.leave(states)
                hidden.append(states.transpose(0, 1) if self.time_first else states)
        logits = self.output(self.head(steps.leave(x)))
        logits = logits if self.time_first else logits.transpose(0, 1)  # [T', N, C]
        return ModelOutput(logits.log_softmax(dim=-1), logits, lengths, tuple(hidden))

    def forward_with_hidden_states(self, features: Tensor, lengths: Tensor) -> ModelOutput:
        """As `forward`, with the hidden states of every layer."""
        return self.forward(features, lengths, keep_hidden=True)

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Frames that come out for frames that go in: ceil(lengths / subsampling), exactly.

        CTC needs at least as many as the utterance has glosses, and one more for each gloss that
        follows itself.
        """
        return (lengths + self.subsampling - 1) // self.subsampling

    def _layer(self, width: int, number: int) -> nn.Module:
        """Builds layer `number`, counted from 0."""
        raise NotImplementedError

    def _head(self, width: int) -> tuple[nn.Module, int]:
        """Builds the part between the last layer and the scores; with its width."""
        return nn.Identity(), width

    def _steps(self, x: Tensor, lengths: Tensor) -> Steps:
        """How the layers are run on utterances of these lengths; x is the first one's input."""
        raise NotImplementedError


class ResidualModel(Recogniser):
    """Blocks over (N, T', W) that see their input normalised and add to it.

    The sum itself is never normalised, so that the gradient reaches the first block undiminished
    (pre-norm, Xiong et al. 2020, arXiv:2002.04745). On the bundled sentences the users' depths, 8
    Inception blocks and 15 of MobileNet, learn late or not at all with the norm after the sum.

    A block is called with its input and `real` (N, T', 1), True for frames within their
    utterance, and must not let others reach these.
    """

    def _steps(self, x: Tensor, lengths: Tensor) -> Steps:
        real = _is_real(lengths, x)

        def step(block: nn.Module, norm: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
            x = x + self.dropout(block(norm(x), real))
            return x, functional.layer_norm(x, x.shape[-1:])

        return Steps(step)

    def _head(self, width: int) -> tuple[nn.Module, int]:
        # Scale and shift would be absorbed by the linear layer that follows.
        return nn.LayerNorm(width, elementwise_affine=False), width


def _check_batch(features: Tensor, lengths: Tensor, *, input_size: int) -> None:
    """Refuses a batch that would run through and give a plausible, wrong result.

    Args:
        features: (N, T, D).
        lengths: (N,).
        input_size: D.

    Raises:
        ValueError: Shapes do not fit, or a length is outside 1..T.
    """
    if features.dim() != 3 or features.shape[2] != input_size:
        raise ValueError(f"features must be (N, T, {input_size}), got {tuple(features.shape)}")
    if lengths.shape != features.shape[:1] or lengths.dtype != torch.int64:
        raise ValueError(
            f"lengths must be int64 ({features.shape[0]},), "
            f"got {lengths.dtype} {tuple(lengths.shape)}"
        )
    low, high = (int(end) for end in torch.aminmax(lengths))
    if low < 1 or high > features.shape[1]:
        raise ValueError(f"lengths must be in 1..{features.shape[1]}, got {low}..{high}")


def _is_real(lengths: Tensor, x: Tensor) -> Tensor:
    """True (N, T, 1) for the frames of (N, T, ...) that lie within their utterance."""
    time = torch.arange(x.shape[1], device=x.device)
    return (time < moved(lengths, x.device).unsqueeze(1)).unsqueeze(-1)


def _halve(convolution: nn.Module, x: Tensor, lengths: Tensor) -> Tensor:
    """(N, T, P) to (N, ceil(T / 2), P); frame j sees the real ones of 2j - 1, 2j and 2j + 1."""
    x = x.masked_fill(~_is_real(lengths, x), 0.0)
    halved: Tensor = convolution(x.transpose(1, 2)).relu()
    return halved.transpose(1, 2)
