"""A base for custom runs in PyTorch that leaves three members to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import BaseModel

from trainables.protocol import RunInputs
from trainables.seeding import seed_all


class BaseRun:
    """Keeps the protocol of a run; a subclass writes `config_class`, `build` and `train_epoch`.

    The state is that of every attribute that has a `state_dict` and a `load_state_dict`: models,
    optimisers, schedulers, scalers. All generators are set from (seed, epoch) before an epoch.

    Attributes:
        config: The settings.
        inputs: What the run gets in addition: data, seed, teacher, folders.
        epoch: Epochs finished so far.
        ended_by: None while there is more to do; set it to "patience" or "nan" to end earlier.
    """

    config_class: ClassVar[type[BaseModel]]

    def __init__(self, config: BaseModel, inputs: RunInputs) -> None:
        """Sets the generators and builds."""
        self.config: Any = config
        self.inputs = inputs
        self.epoch = 0
        self.ended_by: str | None = None
        seed_all(inputs.seed, 0)
        self.build()

    def build(self) -> None:
        """Makes model, optimiser and data, as attributes."""
        raise NotImplementedError(f"{type(self).__name__} has no build()")

    def train_epoch(self) -> dict[str, float]:
        """Trains and validates one epoch; returns its row, such as `{"val/wer": 31.2}`."""
        raise NotImplementedError(f"{type(self).__name__} has no train_epoch()")

    def run_epoch(self) -> dict[str, float] | None:
        """One epoch, its randomness from the seed and its number."""
        seed_all(self.inputs.seed, self.epoch + 1)
        row = self.train_epoch()
        self.epoch += 1
        if self.ended_by is None and self.epoch >= int(self.config.max_epochs):
            self.ended_by = "max_epochs"
        return row

    def state_dict(self) -> dict[str, Any]:
        """Epoch, ending, and the state of every part."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {"epoch": self.epoch, "ended_by": self.ended_by, "parts": parts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes it up."""
        for name, part in self._parts().items():
            part.load_state_dict(state["parts"][name])
        self.epoch, self.ended_by = int(state["epoch"]), state["ended_by"]

    def facts(self) -> dict[str, Any]:
        """Numbers in the models."""
        models = [part for part in vars(self).values() if isinstance(part, torch.nn.Module)]
        return {"parameters": sum(p.numel() for model in models for p in model.parameters())}

    def _parts(self) -> dict[str, Any]:
        return {
            name: part
            for name, part in vars(self).items()
            if callable(getattr(part, "state_dict", None))
            and callable(getattr(part, "load_state_dict", None))
        }
