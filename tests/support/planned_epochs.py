"""The epochs of a search that promotes by a quota, counted apart from the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from slr_tune.study.quota import arrivals_at


def planned_epochs(
    rungs: Sequence[int], *, trials: int, exempt: int, reduction_factor: int, max_epochs: int
) -> int:
    """Epochs of a whole search where no trial ends by itself before its time.

    Args:
        rungs: Epochs, ascending, below `max_epochs`.
        trials: All that are started, the exempt among them.
        exempt: Trials that run straight to the end: 1 with a baseline, else 0.
        reduction_factor: eta.
        max_epochs: Of a trial that is always promoted.
    """
    ends = [0, *rungs, max_epochs]
    counts = arrivals_at(ends[1:], trials=trials - exempt, reduction_factor=reduction_factor)
    steps = (later - earlier for earlier, later in pairwise(ends))
    return exempt * max_epochs + sum(n * step for n, step in zip(counts, steps, strict=True))
