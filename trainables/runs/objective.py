"""What a run minimises, as a sum of terms that each know what they are a mean over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from trainables.data import Batch
from trainables.losses import ctc_loss
from trainables.models import ModelOutput, Recogniser

DISTILLATION = "distillation_loss"
HARD_CTC = "hard_ctc_loss"
FEATURE_MATCHING = "feature_matching_loss"


@dataclass(frozen=True)
class Sizes:
    """How much a batch holds.

    Attributes:
        utterances: Utterances.
        frames: Frames that come out of the model for them.
    """

    utterances: int
    frames: int

    def __add__(self, other: Sizes) -> Sizes:
        """The sizes of both together."""
        return Sizes(self.utterances + other.utterances, self.frames + other.frames)


@dataclass(frozen=True)
class Term:
    """One part of the loss of a batch.

    Attributes:
        name: Column of the curve, below `train/loss_components/`.
        value: Mean over the batch, shape ().
        weight: Its share of the whole.
        per_frame: Whether the mean is over frames, else over utterances.
    """

    name: str
    value: Tensor
    weight: float
    per_frame: bool = False

    def count(self, sizes: Sizes) -> int:
        """What the mean is over, in a batch or a group of batches of these sizes."""
        return sizes.frames if self.per_frame else sizes.utterances


class Objective(Protocol):
    """What is minimised."""

    @property
    def learned(self) -> nn.Module | None:
        """What the objective itself has to learn beside the model."""

    def terms(
        self, model: Recogniser, batch: Batch, *, epoch: int
    ) -> tuple[ModelOutput, Sequence[Term]]:
        """Runs the model on a batch and returns its output with the parts of the loss."""

    def temperature(self, epoch: int) -> float:
        """Softening at an epoch, NaN where there is none."""

    def facts(self) -> Mapping[str, Any]:
        """What is worth recording, JSON only."""


class CtcObjective:
    """CTC on the glosses alone."""

    learned: nn.Module | None = None

    def __init__(self, *, label_smoothing: float) -> None:
        """Takes the share of smoothing."""
        self._label_smoothing = label_smoothing

    def terms(
        self, model: Recogniser, batch: Batch, *, epoch: int
    ) -> tuple[ModelOutput, Sequence[Term]]:
        """One term of weight 1."""
        output: ModelOutput = model(batch.features, batch.lengths)
        return output, [ctc_term(output, batch, weight=1.0, label_smoothing=self._label_smoothing)]

    def temperature(self, epoch: int) -> float:
        """NaN: nothing is softened."""
        return float("nan")

    def facts(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}


def ctc_term(output: ModelOutput, batch: Batch, *, weight: float, label_smoothing: float) -> Term:
    """CTC of a batch as a term of the loss."""
    loss = ctc_loss(
        output.log_probs,
        batch.targets,
        output.lengths,
        batch.target_lengths,
        label_smoothing=label_smoothing,
    )
    return Term(HARD_CTC, loss, weight)
