"""When a run ends by itself, as a pure function of its curve.

There is no counter to store: a run that was resumed or forked, with another patience too, ends
where a straight run would, and a shorter run can be read off a longer curve. No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WER = "val/wer"
"""What is watched where nothing else is named."""


def verdict(
    wers: Sequence[float], *, patience: int, min_delta: float, max_epochs: int
) -> str | None:
    """Says whether a run continues after the epochs it has done.

    Args:
        wers: What is watched after each finished epoch, smaller is better: the dev WER in percent,
            or another column; NaN where the loss was not finite.
        patience: Epochs without an improvement that end the run.
        min_delta: In the unit of what is watched: by how much an epoch must beat the last
            improvement.
        max_epochs: Epochs that end the run in any case.

    Returns:
        "nan", "max_epochs" or "patience"; None while there is more to do.
    """
    if wers and math.isnan(wers[-1]):
        return "nan"
    if len(wers) >= max_epochs:
        return "max_epochs"
    return "patience" if stale_epochs(wers, min_delta=min_delta) >= patience else None


@dataclass(frozen=True)
class StoppingRule:
    """When a run ends, read from its settings.

    Attributes:
        metric: Column of the curve that is watched; smaller is better.
        patience: As for `verdict`.
        min_delta: Likewise, in the unit of the metric.
        max_epochs: Likewise.
    """

    metric: str
    patience: int
    min_delta: float
    max_epochs: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> StoppingRule:
        """Of a configuration as JSON: `early_stopping` where it has one, else the dev WER."""
        own = {key: config[key] for key in ("patience", "min_delta") if key in config}
        named = {"metric": WER, "min_delta": 0.0, **own, **(config.get("early_stopping") or {})}
        return cls(
            str(named["metric"]),
            int(named["patience"]),
            float(named["min_delta"]),
            int(config["max_epochs"]),
        )

    def verdict(self, rows: Sequence[Mapping[str, float]]) -> str | None:
        """As `verdict`, of a curve."""
        return verdict(
            [row[self.metric] for row in rows],
            patience=self.patience,
            min_delta=self.min_delta,
            max_epochs=self.max_epochs,
        )


def stale_epochs(wers: Sequence[float], *, min_delta: float) -> int:
    """Epochs since the last one that was better by more than `min_delta` than all before."""
    best, stale = math.inf, 0
    for wer in wers:
        if wer < best - min_delta:
            best, stale = wer, 0
        else:
            stale += 1
    return stale
