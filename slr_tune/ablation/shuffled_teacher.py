"""A control: a distillation whose teacher answers about another utterance.

The soft targets keep everything but their fit: the same teacher, the same values, the same weight
in the loss. What a student gains from them is not knowledge of the utterance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trainables.config import DistillConfig
from trainables.errors import ConfigError
from trainables.protocol import RunInputs
from trainables.runs.distill import DistillLoss, DistillRun
from trainables.runs.training_loss import TrainingLoss
from trainables.seeding import generator
from trainables.teaching.rounding import Arrays
from trainables.teaching.teacher_outputs import TeacherOutputs


class ShuffledTeacherRun(DistillRun):
    """A distillation from answers about other utterances."""

    config_class = DistillConfig

    def _make_loss(self, inputs: RunInputs) -> TrainingLoss:
        """The same three terms, the teacher's part mixed up.

        Raises:
            ConfigError: The features are augmented: the teacher then answers about each batch. Or
                there is one utterance, and so no other.
        """
        loss = super()._make_loss(inputs)
        if isinstance(loss, DistillLoss):
            if loss._outputs is None:
                raise ConfigError(
                    "the shuffled teacher needs stored outputs, which augmentation does not allow",
                    hint="Leave out --controls, or take a baseline without augmentation.",
                )
            if len(self.training_set.indices) < 2:
                raise ConfigError(
                    "the shuffled teacher needs at least two utterances",
                    hint="Train on more than one utterance, or leave out --controls.",
                )
            loss._outputs = _Shuffled(
                loss._outputs,
                _others(self.training_set.indices, inputs.seed),
                self.training_set.output_lengths,
            )
        return loss


def _others(indices: NDArray[np.int64], seed: int) -> dict[int, int]:
    """Another utterance for each: the next one in a circle of random order, never itself."""
    circle = generator(seed, 0, "shuffled teacher").permutation(indices)
    return dict(zip(circle.tolist(), np.roll(circle, -1).tolist(), strict=True))


class _Shuffled:
    """Answers about another utterance, stretched to the length of the one that is asked about."""

    def __init__(
        self, outputs: TeacherOutputs, other: dict[int, int], lengths: NDArray[np.int64]
    ) -> None:
        self._outputs = outputs
        self._other = other
        self._lengths = lengths

    def of(self, index: int) -> Arrays:
        """As many frames as the utterance has, in the order of the other."""
        arrays = self._outputs.of(self._other[index])
        frames = np.linspace(0, len(arrays[0]) - 1, int(self._lengths[index])).round().astype(int)
        return [array[frames] for array in arrays]
