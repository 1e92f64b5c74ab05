"""What a run minimises, as a sum of terms that each know what they are a mean over."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainables.config import RunConfig
from trainables.data.batch import Batch
from trainables.losses.ctc import ctc_loss
from trainables.models.base import ModelOutput, Recogniser

DISTILLATION = "distillation_loss"
HARD_CTC = "hard_ctc_loss"
FEATURE_MATCHING = "feature_matching_loss"


Unit = Literal["utterances", "frames"]
"""What a mean is over: utterances, or the frames that come out of the model for them."""


@dataclass(frozen=True)
class Term:
    """One part of the loss of a batch.

    Attributes:
        name: Column of the curve, below `train/loss_components/`.
        value: Mean over the batch, shape ().
        weight: Its share of the whole.
        unit: What the mean is over.
    """

    name: str
    value: Tensor
    weight: float
    unit: Unit = "utterances"


class TrainingLoss:
    """The loss of a run: CTC on the glosses alone.

    Attributes:
        learned: What the loss itself has to learn next to the model; None if nothing.
    """

    learned: nn.Module | None = None

    def __init__(self, config: RunConfig) -> None:
        """Takes the run's settings."""
        self._config = config

    def terms(
        self, model: Recogniser, batch: Batch, *, epoch: int
    ) -> tuple[ModelOutput, list[Term]]:
        """Runs the model on a batch and returns its output with the parts of the loss."""
        output: ModelOutput = model(batch.features, batch.lengths)
        return output, [self._ctc_term(output, batch, weight=1.0)]

    def answered(self, batch: Batch) -> Batch:
        """The batch with what a teacher says of it, as far as that is read from files."""
        return batch

    def stay(self, device: torch.device, room: int | None) -> bool:
        """Keeps on the device what is read for each batch; whether something stays there.

        Args:
            device: Where the model is.
            room: Bytes that it may take; None for any number.
        """
        return False

    def leave(self) -> None:
        """Takes it off the device."""

    def temperature(self, epoch: int) -> float:
        """Softening at an epoch, NaN where there is none."""
        return math.nan

    def facts(self) -> dict[str, Any]:
        """What is worth recording, JSON only."""
        return {}

    def _ctc_term(self, output: ModelOutput, batch: Batch, *, weight: float) -> Term:
        loss = ctc_loss(
            output.log_probs,
            batch.targets,
            output.lengths,
            batch.target_lengths,
            label_smoothing=self._config.label_smoothing,
        )
        return Term(HARD_CTC, loss, weight)
