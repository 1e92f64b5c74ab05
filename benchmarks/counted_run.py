"""The student of the bundled runs, keeping a journal of the epochs that it trains."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.protocol import RunInputs
from trainables.runs.supervised import StudentRun


class CountedRun(StudentRun):
    """Adds a line to $KILLS_JOURNAL after each epoch: one trained again stands there again."""

    def __init__(self, config: Any, inputs: RunInputs) -> None:
        """Names the run by what it is: its settings."""
        super().__init__(config, inputs)
        self._name = f"{config.learning_rate!r} {config.dropout!r}"

    def run_epoch(self) -> Mapping[str, float]:
        """Trains, then notes."""
        row = super().run_epoch()
        with Path(os.environ["KILLS_JOURNAL"]).open("a") as file:
            file.write(f"{self._name} {int(row['epoch'])}\n")
        return row
