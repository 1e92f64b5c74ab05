"""Where a run's training data are: on its device as long as there is room, else in their files."""

from __future__ import annotations

from typing import Any

import torch

from trainables.cards import arithmetic, room_for_data, share
from trainables.config import RunConfig
from trainables.data import Dataset
from trainables.data.resident import forget_kept
from trainables.losses.ctc_kernels import kernel_for
from trainables.memory import give_back
from trainables.runs.feeding import Feed, choose_feed
from trainables.runs.training_loss import TrainingLoss
from trainables.runs.training_set import TrainingSet


class Placement:
    """Decides it with the first epoch, which is tried again where there was no room.

    Attributes:
        given: Where batches come from; None before the first epoch.
        answers_stay: Whether the teacher's kept answers are on the device.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        data: Dataset,
        config: RunConfig,
        device: torch.device,
        loss: TrainingLoss,
    ) -> None:
        """Takes note; nothing is moved yet."""
        self.given: Feed | None = None
        self.answers_stay = False
        self._may_stay = True
        self._training_set = training_set
        self._data = data
        self._config = config
        self._device = device
        self._loss = loss

    @property
    def feed(self) -> Feed:
        """Where batches come from; what is to stay on the device is brought there first."""
        if self.given is None:
            feed = choose_feed(
                self._training_set,
                self._data,
                self._config,
                self._device,
                answered=self._loss.answered,
                resident=self._may_stay,
            )
            if feed.where == "device":
                always = self._config.data_on_device == "always"
                room = None if always else room_for_data(self._device)
                self.answers_stay = self._loss.stay(self._device, room)
            self.given = feed
        return self.given

    def leave(self) -> bool:
        """Takes the data off the device; False where they are not there."""
        there = self.given is None or self.given.where == "device"
        if not (self._may_stay and there):
            return False
        self._may_stay = self.answers_stay = False
        self.given = None
        self._loss.leave()
        forget_kept()
        give_back()
        return True

    def facts(self, computed_in: torch.dtype | None) -> dict[str, Any]:
        """What the numbers are computed in, and where the data are, JSON only.

        Args:
            computed_in: Type of mixed precision; None for 32 bits.
        """
        exact = self._config.deterministic
        facts: dict[str, Any] = {"type": str(computed_in or "float32").split(".")[-1]}
        if self.given is not None:
            facts |= {"features": self.given.where, "feature_bits": self.given.bits}
        if self._device.type == "cuda":
            with arithmetic(self._device, tf32=self._config.tf32, deterministic=exact):
                kernel = kernel_for(self._device)
            facts |= {
                "gpu": torch.cuda.get_device_name(self._device),
                "gpu_share": share(),
                "tf32": self._config.tf32,
                "deterministic": exact,
                "ctc": kernel,
                "teacher_on_device": self.answers_stay,
            }
        return facts
