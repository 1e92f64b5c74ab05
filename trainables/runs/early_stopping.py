"""When a run ends by itself, as a pure function of its curve.

There is no counter to store: a run that was resumed or forked, with another patience too, ends
where a straight run would, and a shorter run can be read off a longer curve. No torch here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def verdict(
    wers: Sequence[float], *, patience: int, min_delta: float, max_epochs: int
) -> str | None:
    """Says whether a run goes on after the epochs it has done.

    Args:
        wers: Dev WER of each finished epoch, percent; NaN where the loss was not finite.
        patience: Epochs without an improvement that end the run.
        min_delta: WER points by which an epoch must beat the last improvement.
        max_epochs: Epochs that end the run in any case.

    Returns:
        "nan", "max_epochs" or "patience"; None while there is more to do.
    """
    if wers and math.isnan(wers[-1]):
        return "nan"
    if len(wers) >= max_epochs:
        return "max_epochs"
    return "patience" if stale_epochs(wers, min_delta=min_delta) >= patience else None


def stale_epochs(wers: Sequence[float], *, min_delta: float) -> int:
    """Epochs since the last one that was better by more than `min_delta` than all before."""
    best, stale = math.inf, 0
    for wer in wers:
        if wer < best - min_delta:
            best, stale = wer, 0
        else:
            stale += 1
    return stale
