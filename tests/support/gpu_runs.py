"""A run that tells what it sees of the machine's GPUs."""

from __future__ import annotations

import os

import torch
from toy_runs import ToyRun

from trainables.cards import share


class SeesGpus(ToyRun):
    """Columns: whether GPUs are hidden from the process, whether torch sees one, its share."""

    def run_epoch(self) -> dict[str, float]:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
        seen = {"hidden": float(hidden), "seen": float(torch.cuda.is_available())}
        return {**super().run_epoch(), **seen, "share": share()}
