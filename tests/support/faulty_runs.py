"""The toy run with faults that the machine makes, the first few times they are asked for."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel
from toy_runs import ToyConfig, ToyRun

from trainables.protocol import RunInputs

MORE_THAN_THERE_IS = 1 << 50


class FaultyConfig(ToyConfig):
    """`marks` is a folder in which the faults that happened are counted.

    `odd` is what the run returns that the protocol does not ask for: "numpy", "seldom" and "helper"
    are to be borne, "zero", "set", "late" and "exit" stop with a file `mended` there.
    """

    marks: str
    no_memory: int = 0
    hang: int = 0
    broken: int = 0
    odd: str = ""


class FaultyRun(ToyRun):
    """Asks for a petabyte when it is built, fails in its first epoch, or hangs in its second."""

    config_class: ClassVar[type[BaseModel]] = FaultyConfig

    def __init__(self, config: FaultyConfig, inputs: RunInputs) -> None:
        super().__init__(config, inputs)
        self.marks = Path(config.marks)
        self.limits = {"no_memory": config.no_memory, "hang": config.hang, "broken": config.broken}
        if self._due("no_memory"):
            bytearray(MORE_THAN_THERE_IS)
        self.helper = self._helper() if config.odd == "helper" else None

    def run_epoch(self) -> dict[str, float]:
        if self._due("broken"):
            raise ValueError("made to fail")
        if self.epoch == 1 and self._due("hang"):
            threading.Event().wait()
        if self._odd("exit") and self.epoch == 1:
            sys.exit("made to exit")
        return self._disguise(super().run_epoch())

    def state_dict(self) -> Mapping[str, Any]:
        state = {**super().state_dict(), "key": self.key}
        if self._odd("set"):
            state["seen"] = {1, 2}
        if self._odd("numpy"):
            state["history"] = defaultdict(list, loss=[np.float64(1.0)])
        return state

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        return (
            {key: np.int64(value) for key, value in facts.items()} if self._odd("numpy") else facts
        )

    def close(self) -> None:
        if self.helper is not None:
            self.helper.kill()
            self.helper.wait()

    @property
    def key(self) -> str:
        """Names the run in the journal."""
        return f"{self.config.level!r} {self.config.width} {self.seed}"

    def _note(self, epoch: int) -> None:
        if not self.config.journal:
            return
        with Path(self.config.journal).open("a") as file:
            file.write(f"{self.key} {epoch}\n")

    def _odd(self, what: str) -> bool:
        return self.config.odd == what and not (self.marks / "mended").exists()

    def _disguise(self, row: dict[str, float]) -> dict[str, Any]:
        """The row as others would return it."""
        if self._odd("numpy"):
            return {name: np.float32(value) for name, value in row.items() if name != "epoch"}
        if self._odd("seldom") and self.epoch % 3:
            return {**row, "val/wer": math.nan if self.epoch % 2 else None}
        if self._odd("zero") or (self._odd("late") and self.epoch == 3):
            return {**row, "epoch": row["epoch"] - 1}
        return row

    def _helper(self) -> subprocess.Popen[bytes]:
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (self.marks / f"helper-{helper.pid}").touch()
        return helper

    def _due(self, fault: str) -> bool:
        done = len(list(self.marks.glob(f"{fault}-*")))
        if done >= self.limits[fault]:
            return False
        (self.marks / f"{fault}-{done}").touch()
        return True
