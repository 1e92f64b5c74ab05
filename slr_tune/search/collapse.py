"""The collapse watch: tells a trial that names nothing long after its peers have begun to.

Every CTC model begins with blanks on all frames, so a blank rate by itself says nothing early on.
What does is the study's own experience: when the other trials began to name glosses. All that is
known stands in the trials' curve files, so a driver that takes a study up knows what the last one
knew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np

from slr_tune.study.folders import trial_folder
from slr_tune.study.store import StudyStore
from trainables.files.curve import CurveFile

WatchMode = Literal["off", "report", "stop"]
"""What happens to a collapsed trial: nothing, a line for a person, an end as FAIL `collapsed`."""

COLUMN = "val/blank_rate"
ALL_BLANK = 0.98
"""Blank rate from which a trial counts as naming nothing."""
LEAST_PEERS = 4
"""Trials that must have begun to name glosses before another can be late."""
_LATE = 2.0
"""Times the epoch by which three quarters of the peers had begun."""
_SHARE = 0.75
_LEAST_EPOCHS = 3
"""All-blank epochs in a row: one by itself is a swing of the learning rate."""

Row = Mapping[str, float]


@dataclass
class CollapseWatch:
    """Follows the blank rate of a study's trials.

    Attributes:
        stops: Whether a collapsed trial is to be ended; else it is only told of.
    """

    stops: bool = False
    _rates: dict[int, dict[int, float]] = field(default_factory=dict)

    @classmethod
    def of_study(cls, store: StudyStore, *, stops: bool) -> Self:
        """Knows what the curve files of a study's trials say."""
        watch = cls(stops)
        for trial in store.trials:
            curve = CurveFile(trial_folder(store.spec.study, trial.number) / "curve.csv")
            watch.enter(trial.number, curve.rows())
        return watch

    def enter(self, number: int, rows: Sequence[Row]) -> None:
        """Takes in epochs of a trial; one that is known already is replaced."""
        rates = self._rates.setdefault(number, {})
        for row in rows:
            rate = float(row.get(COLUMN, math.nan))
            if not math.isnan(rate):
                rates[int(row["epoch"])] = rate

    def verdict(self, number: int) -> str | None:
        """Says how a trial has collapsed; None for one that has not, or while too few spoke."""
        spoke = [
            first
            for other, rates in self._rates.items()
            if other != number and (first := _first_spoken(rates)) is not None
        ]
        if len(spoke) < LEAST_PEERS:
            return None
        usual = math.ceil(float(np.quantile(spoke, _SHARE)))
        rates = self._rates.get(number, {})
        blank = _blank_epochs_at_end(rates)
        if len(blank) < _LEAST_EPOCHS or blank[-1] <= _LATE * usual:
            return None
        return (
            f"blank on {100 * rates[blank[-1]]:.1f} % of dev's frames at epoch {blank[-1]}; "
            f"three quarters of the other trials named glosses by epoch {usual}"
        )


def _first_spoken(rates: Mapping[int, float]) -> int | None:
    """The first epoch at which a trial was not all blank, None if it always was."""
    return min((epoch for epoch, rate in rates.items() if rate < ALL_BLANK), default=None)


def _blank_epochs_at_end(rates: Mapping[int, float]) -> list[int]:
    """The all-blank epochs since the last that was not, ascending."""
    found: list[int] = []
    for epoch in sorted(rates, reverse=True):
        if rates[epoch] < ALL_BLANK:
            break
        found.append(epoch)
    return found[::-1]
