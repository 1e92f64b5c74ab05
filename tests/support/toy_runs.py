"""A run without a model: its curve is a formula, so a search is quick and its result known."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from trainables.protocol import RunInputs


class ToyConfig(BaseModel):
    """`level` is where the curve ends; a `fault` happens in epoch 2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(default=0.5, ge=0.0, le=1.0)
    width: int = Field(default=1, ge=1)
    fault: str = "none"
    max_epochs: int = Field(default=9, ge=1)
    milliseconds: float = 0.0
    kill_at: int = 0
    kill_times: int = 0
    disk_full_at: int = 0
    journal: str = ""


class ToyRun:
    """Value at epoch e: 100 x (level + (1 - level) / e)."""

    config_class: ClassVar[type[BaseModel]] = ToyConfig

    def __init__(self, config: ToyConfig, inputs: RunInputs) -> None:
        self.config = config
        self.seed = inputs.seed
        self._epoch = 0
        self._ended_by: str | None = None

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def ended_by(self) -> str | None:
        if self._ended_by is None and self._epoch >= self.config.max_epochs:
            return "max_epochs"
        return self._ended_by

    def run_epoch(self) -> dict[str, float]:
        epoch = self._epoch + 1
        config = self.config
        if epoch == config.kill_at:
            self._kill()
        fault = config.fault if epoch == 2 else "none"
        if fault == "error":
            raise ValueError("made to fail")
        if fault == "oom":
            raise MemoryError("made to run out")
        if epoch == config.disk_full_at:
            raise OSError(28, "No space left on device")
        self._spend(config.milliseconds)
        self._epoch = epoch
        value = 100 * (config.level + (1 - config.level) / epoch)
        if fault == "nan":
            value, self._ended_by = float("nan"), "nan"
        if fault == "patience":
            self._ended_by = "patience"
        self._note(epoch)
        return {"epoch": epoch, "seconds": 0.001, "val/wer": value}

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "ended_by": self._ended_by}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._epoch = state["epoch"]
        self._ended_by = state["ended_by"]

    def facts(self) -> dict[str, Any]:
        return {"parameters": self.config.width}

    def _note(self, epoch: int) -> None:
        """Counts every epoch that is really trained, outside of what the search stores."""
        if self.config.journal:
            with Path(self.config.journal).open("a") as file:
                file.write(f"{self.config.level!r} {epoch}\n")

    def _kill(self) -> None:
        """Dies as under the kernel's out-of-memory killer, the first `kill_times` times."""
        marks = Path(self.config.journal).parent / "kills"
        marks.mkdir(exist_ok=True)
        count = len(list(marks.iterdir()))
        if count < self.config.kill_times:
            (marks / str(count)).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def _spend(self, milliseconds: float) -> None:
        """Keeps the processor busy, as training does."""
        import time

        end = time.process_time() + milliseconds / 1000
        while time.process_time() < end:
            pass
