"""A run that looks at its metric only now and then, or never: a user's own, without a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from trainables.protocol import RunInputs


class SparseConfig(BaseModel):
    """Some settings are called as those of a built-in run, and mean something else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: int = 2
    level: float = 4.0
    blind: bool = False
    augmentation: bool = False
    loss_weights: str = "even"
    temperature: float = 1.0
    lr: float = 0.1
    first: int = 0
    limit: float | None = 5.0
    max_epochs: int = 6


class SparseRun:
    """Loss at epoch e: level / e where e is a multiple of `every`, else not a number."""

    config_class: ClassVar[type[BaseModel]] = SparseConfig

    def __init__(self, config: SparseConfig, inputs: RunInputs) -> None:
        self.config = config
        self.epoch = 0

    @property
    def ended_by(self) -> str | None:
        return "max_epochs" if self.epoch >= self.config.max_epochs else None

    def run_epoch(self) -> dict[str, float]:
        self.epoch += 1
        config = self.config
        looks = self.epoch % config.every == 0 and not config.blind
        value = config.level / self.epoch if looks else math.nan
        return {"epoch": self.epoch, "loss": value}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]

    def facts(self) -> dict[str, Any]:
        return {}
