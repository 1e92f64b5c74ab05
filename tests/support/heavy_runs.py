"""The toy run with weights: its checkpoints fill a small disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from toy_runs import ToyRun


class HeavyRun(ToyRun):
    """400 KB of weights."""

    def state_dict(self) -> Mapping[str, Any]:
        return {**super().state_dict(), "weights": torch.ones(100_000)}
