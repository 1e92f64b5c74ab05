"""The toy run with faults that the machine makes, the first few times they are asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel
from toy_runs import ToyConfig, ToyRun

from trainables.protocol import RunInputs

MORE_THAN_THERE_IS = 1 << 50


class FaultyConfig(ToyConfig):
    """`marks` is a folder in which the faults that happened are counted."""

    marks: str
    no_memory: int = 0
    hang: int = 0
    broken: int = 0


class FaultyRun(ToyRun):
    """Asks for a petabyte when it is built, fails in its first epoch, or hangs in its second."""

    config_class: ClassVar[type[BaseModel]] = FaultyConfig

    def __init__(self, config: FaultyConfig, inputs: RunInputs) -> None:
        super().__init__(config, inputs)
        self.marks = Path(config.marks)
        self.limits = {"no_memory": config.no_memory, "hang": config.hang, "broken": config.broken}
        if self._due("no_memory"):
            bytearray(MORE_THAN_THERE_IS)

    def run_epoch(self) -> dict[str, float]:
        if self._due("broken"):
            raise ValueError("made to fail")
        if self.epoch == 1 and self._due("hang"):
            threading.Event().wait()
        return super().run_epoch()

    def _due(self, fault: str) -> bool:
        done = len(list(self.marks.glob(f"{fault}-*")))
        if done >= self.limits[fault]:
            return False
        (self.marks / f"{fault}-{done}").touch()
        return True
