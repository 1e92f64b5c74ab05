"""The best trials of a study: one meaning of the word for every page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

LEAST, MOST = 5, 50
"""The best tenth of a small study is one trial, which does not say where to look; more lines cover
a figure."""


def best_trials(trials: Sequence[FrozenTrial], *, minimizes: bool) -> list[int]:
    """Places of the best tenth, 5 to 50 of them, the best first.

    Trials that ended by themselves come first, by their value; then stopped ones, by how far they
    got, and by their value there.

    Args:
        trials: All of a study.
        minimizes: Whether smaller values are better.
    """
    sign = 1.0 if minimizes else -1.0
    ended = [n for n, t in enumerate(trials) if t.state == TrialState.COMPLETE and t.values]
    stopped = [n for n, t in enumerate(trials) if t.state == TrialState.PRUNED and t.values]
    ended.sort(key=lambda n: (sign * trials[n].values[0], n))
    stopped.sort(
        key=lambda n: (
            -max(trials[n].intermediate_values, default=0),
            sign * trials[n].values[0],
            n,
        )
    )
    count = min(MOST, max(LEAST, math.ceil(len(trials) / 10)))
    return (ended + stopped)[:count]


def best_trials_text(count: int) -> str:
    """Who they are, for a caption."""
    return (
        f"the best {count}: trials that ran to their end, by their value, then stopped ones, by "
        "how far they got"
    )
