"""The toy run with weights: its checkpoints fill a small disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from faulty_runs import FaultyRun
from toy_runs import ToyRun


class HeavyRun(ToyRun):
    """400 KB of weights."""

    def state_dict(self) -> Mapping[str, Any]:
        return {**super().state_dict(), "weights": torch.ones(100_000)}


class HeavyFaultyRun(FaultyRun):
    """The same of the faulty run."""

    def state_dict(self) -> Mapping[str, Any]:
        return {**super().state_dict(), "weights": torch.ones(100_000)}
