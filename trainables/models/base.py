"""What every recogniser returns and offers, whatever its architecture."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class ModelOutput:
    """What a recogniser says about a batch.

    N utterances, T' frames after subsampling, C glosses with the blank at 0. Frames at or past an
    utterance's length hold finite values that mean nothing.

    Attributes:
        log_probs: Log-probabilities (T', N, C), as `torch.nn.functional.ctc_loss` takes them.
        logits: The same before the softmax (T', N, C), for distillation.
        lengths: Frames of each utterance after subsampling, int64 (N,).
        hidden: Hidden states (N, T', H) of each layer, first layer first; empty unless asked for.
    """

    log_probs: Tensor
    logits: Tensor
    lengths: Tensor
    hidden: tuple[Tensor, ...] = ()


class Recogniser(nn.Module):
    """A CTC model of gloss sequences: the base of every architecture.

    Attributes:
        subsampling: Input frames per output frame.
        hidden_sizes: Width H of each layer's hidden states, first layer first.
    """

    subsampling: int
    hidden_sizes: tuple[int, ...]

    def forward(self, features: Tensor, lengths: Tensor) -> ModelOutput:
        """Scores the glosses of every frame.

        Args:
            features: Float (N, T, D), padded at the end with any finite values.
            lengths: Real frames of each utterance, int64 (N,), in 1..T.

        Returns:
            The output, with `hidden` empty.

        Raises:
            ValueError: Shapes do not fit, or a length is outside 1..T.
        """
        raise NotImplementedError

    def forward_with_hidden_states(self, features: Tensor, lengths: Tensor) -> ModelOutput:
        """As `forward`, with the hidden states of every layer."""
        raise NotImplementedError

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Frames that come out for frames that go in: ceil(lengths / subsampling), exactly.

        CTC needs at least as many as the utterance has glosses, and one more for each gloss that
        follows itself.
        """
        return (lengths + self.subsampling - 1) // self.subsampling
