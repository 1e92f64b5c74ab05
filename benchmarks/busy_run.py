"""A run that keeps one core busy for a set time: all else that a search takes is overhead."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from trainables.protocol import RunInputs


class BusyConfig(BaseModel):
    """`x` is what a search searches; it changes nothing but the value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: float = 0.5
    max_epochs: int = 10
    epoch_seconds: float = 0.1


class BusyRun:
    """Value at epoch e: 100 x / e."""

    config_class: ClassVar[type[BaseModel]] = BusyConfig

    def __init__(self, config: BusyConfig, inputs: RunInputs) -> None:
        """Starts at epoch 0."""
        self.config = config
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """Epochs finished."""
        return self._epoch

    @property
    def ended_by(self) -> str | None:
        """`max_epochs` at the end."""
        return "max_epochs" if self._epoch >= self.config.max_epochs else None

    def run_epoch(self) -> dict[str, float]:
        """Works for the time of an epoch."""
        if self._epoch == 0:
            self._begin = time.time()
        work(self.config.epoch_seconds)
        self._epoch += 1
        if self._epoch == self.config.max_epochs:
            self._note()
        return {
            "epoch": self._epoch,
            "seconds": self.config.epoch_seconds,
            "val/wer": 100 * self.config.x / self._epoch,
        }

    def _note(self) -> None:
        """Says when this trial was at work, where a benchmark asks for it."""
        folder = os.environ.get("OVERHEAD_MARKS")
        if folder:
            path = Path(folder) / f"{self.config.x!r}"
            path.write_text(f"{self._begin} {time.time()}")

    def state_dict(self) -> dict[str, Any]:
        """The epoch."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The epoch."""
        self._epoch = state["epoch"]

    def facts(self) -> dict[str, Any]:
        """Nothing to tell."""
        return {}


def work(seconds: float) -> None:
    """Spends that much processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
