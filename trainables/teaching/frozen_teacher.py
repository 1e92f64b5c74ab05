"""The teacher of a distillation: a trained model that only answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trainables.cards import arithmetic
from trainables.data import Dataset
from trainables.errors import ConfigError
from trainables.files.stored_model import StoredModel, load_model, vocabulary_difference


@dataclass(frozen=True)
class TeacherBatch:
    """What a teacher says about a batch: N utterances, T' frames, C glosses, H its width.

    Attributes:
        logits: Float (T', N, C), zero after an utterance's end.
        hidden: Hidden states (N, T', H) of the layers requested, zero after an utterance's end.
    """

    logits: Tensor
    hidden: tuple[Tensor, ...]


class FrozenTeacher:
    """A teacher in eval mode whose parameters take no gradient."""

    def __init__(self, path: Path, *, device: torch.device, half: bool) -> None:
        """Loads the teacher.

        Args:
            path: Its checkpoint.
            device: Where it computes.
            half: Compute in 16 bits; only done on a GPU.

        Raises:
            CheckpointError: The file is missing, damaged, unsafe, or holds no recogniser.
        """
        self.stored: StoredModel = load_model(path)
        self.device = device
        self.half = half and device.type == "cuda"
        model = self.stored.model.to(device)
        self._model = model.half() if self.half else model

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Width of each layer's hidden states, first layer first."""
        return tuple(self._model.hidden_sizes)

    @property
    def arithmetic(self) -> str:
        """Where and how exactly it computes: outputs of two kinds differ in their last bits."""
        return f"{self.device.type}-float{16 if self.half else 32}"

    def check_fits(self, data: Dataset, *, subsampling: int) -> None:
        """Checks that a student can learn from this teacher frame by frame.

        Args:
            data: What the student is trained on.
            subsampling: Of the student.

        Raises:
            ConfigError: They differ in vocabulary, features or frame rate.
        """
        stored = self.stored
        difference = vocabulary_difference(stored.vocabulary, data.vocabulary)
        if difference:
            raise ConfigError(
                f"teacher {stored.path}: {difference}",
                hint="Teacher and student must be trained on the same vocabulary.",
            )
        for name, theirs, ours in (
            ("feature_size", stored.feature_size, data.feature_size),
            ("subsampling", stored.config.subsampling, subsampling),
        ):
            if theirs != ours:
                raise ConfigError(
                    f"teacher {stored.path}: its {name} is {theirs}, the student's {ours}",
                    hint="Their frames could not be compared one by one.",
                )

    def __call__(self, features: Tensor, lengths: Tensor, layers: Sequence[int]) -> TeacherBatch:
        """Answers for a batch.

        Args:
            features: Float (N, T, D).
            lengths: Frames of each utterance, int64 (N,).
            layers: Hidden layers to return, counted from 0.

        Returns:
            Logits and hidden states in 32 bits.
        """
        # Not in the 16 bits of a student that asks, nor in its TF32: kept answers would be others
        # than live ones.
        exact = arithmetic(self.device, tf32=False)
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False), exact:
            features = features.to(self.device, torch.float16 if self.half else torch.float32)
            output = self._model.forward_with_hidden_states(features, lengths)
            return TeacherBatch(
                output.logits.float(), tuple(output.hidden[layer].float() for layer in layers)
            )
