"""A run whose settings are named as people name them: dots, an umlaut, a slash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from trainables.protocol import RunInputs

SPACE = """
study: names
trainable: named_runs:NamedRun
objective: {metric: val/loss, direction: minimize}
budget: {trials: 2, max_epochs: 2, grace_epochs: 2}
resources: {workers: 1}
space:
  größe: {int: [1, 64], log: true}
  weights:
    enc.0.drop: {float: [0.0, 0.5]}
    loss/ctc: {float: [0.0, 1.0]}
baseline: {größe: 8, weights: {enc.0.drop: 0.1, loss/ctc: 0.5}}
"""


class NamedConfig(BaseModel):
    """Anything but the baseline's size fails."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    größe: int = 8
    weights: dict[str, float] = {}
    max_epochs: int = Field(default=2, ge=1)


class NamedRun:
    """Fails with the name of a file that is no UTF-8, as Python has it."""

    config_class = NamedConfig

    def __init__(self, config: NamedConfig, inputs: RunInputs) -> None:
        self.config = config
        self.epoch = 0

    @property
    def ended_by(self) -> str | None:
        return "max_epochs" if self.epoch >= self.config.max_epochs else None

    def run_epoch(self) -> dict[str, float]:
        if self.config.größe != 8:
            raise ValueError(
                "no features for " + b"M\xfcnchen.npz".decode("utf-8", "surrogateescape")
            )
        self.epoch += 1
        return {"epoch": self.epoch, "val/loss": self.config.weights["enc.0.drop"]}

    def state_dict(self) -> Mapping[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]

    def facts(self) -> dict[str, Any]:
        return {}
