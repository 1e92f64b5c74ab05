"""What rungs that train on a part of the data predict of the order on all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from slr_tune.importance.matched_epoch import EndCorrelation, end_correlation, values_at
from slr_tune.space import StudySpec
from slr_tune.study.segments import study_segments
from slr_tune.text import counted

LOW_RANK = 0.5
"""Below it a rung on a part of the data promotes by something else than what is wanted."""


@dataclass(frozen=True)
class FidelityRung:
    """A rung whose epochs saw a part of the training utterances.

    Attributes:
        epoch: Where it is.
        share: Of the training utterances.
        full: Trials that reached it and ended by themselves, on all utterances.
        found: Rank correlation of the values there with the last ones on all utterances, over all
            trials that reached the rung; None with too few.
    """

    epoch: int
    share: float
    full: int
    found: EndCorrelation | None

    @property
    def is_low(self) -> bool:
        """Whether the order there is a poor guide."""
        return self.found is not None and self.found.correlation < LOW_RANK

    def __str__(self) -> str:
        """For a person."""
        head = f"epoch {self.epoch}, on {self.share:.0%} of the training utterances"
        if self.found is None:
            return f"{head}: not known, {counted(self.full, 'trial')} ran to the end"
        found, behind = self.found, counted(self.full, "trial")
        return f"{head}: {found.correlation:.2f} [{found.low:.2f}, {found.high:.2f}], {behind}"


def fidelity_rungs(spec: StudySpec, trials: Sequence[FrozenTrial]) -> list[FidelityRung]:
    """The rungs on a part of the data, ascending; empty where all epochs saw all."""
    segments = study_segments(spec)
    ends = [segment.end for segment in segments]
    table = np.column_stack([values_at(trials, epoch) for epoch in ends])
    table[:, -1] = [_end(trial) for trial in trials]
    found = []
    for place, segment in enumerate(segments):
        if segment.share < 1:
            rows = table[:, place:]
            full = int(np.isfinite(rows[:, [0, -1]]).all(axis=1).sum())
            found.append(FidelityRung(segment.end, segment.share, full, end_correlation(rows)))
    return found


def fidelity_text(rungs: Sequence[FidelityRung]) -> str:
    """All of it in words, with a warning where a rung is a poor guide; empty without rungs."""
    if not rungs:
        return ""
    each = "; ".join(map(str, rungs))
    text = f"Rank correlation of low rungs with the end on all data: {each}."
    if any(rung.is_low for rung in rungs):
        text += (
            f" Warning: below {LOW_RANK} the subset is a poor guide to the full data. Use a "
            f"larger share (fidelity: {{subset: 0.5}}), or remove fidelity."
        )
    return text


def _end(trial: FrozenTrial) -> float:
    """The last value of a trial that ended by itself."""
    complete = trial.state.name == "COMPLETE" and trial.values
    return float(trial.values[0]) if complete else math.nan
