"""What a trial trains from rung to rung: how many epochs, on which share of the data.

With `budget: {fidelity: subset}` the first segment sees a share of the training utterances, each
next one twice as much, and the last one all. The smaller share is inside the larger one, so that
no trial that continues has trained on what the next segment leaves out. An epoch costs as much as
it has utterances: all of them are 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from slr_tune.space import StudySpec
from slr_tune.space.sections import Budget
from slr_tune.study.quota import arrivals_at
from slr_tune.study.rungs import budget_rungs


@dataclass(frozen=True)
class Segment:
    """Epochs between two rungs.

    Attributes:
        start: Epochs before it.
        end: Its last epoch: a rung, or `max_epochs`.
        share: Of the training utterances, that its epochs see.
    """

    start: int
    end: int
    share: float

    @property
    def cost(self) -> float:
        """Of one trial, in epochs over all utterances."""
        return (self.end - self.start) * self.share


def segments_of(budget: Budget, *, rungs: bool = True) -> tuple[Segment, ...]:
    """The segments of a trial that is always promoted.

    Args:
        budget: Of the study.
        rungs: Whether the strategy looks at rungs; else a trial is one segment.
    """
    ends = [0, *(budget_rungs(budget) if rungs else ()), budget.max_epochs]
    first = 1.0 if budget.fidelity is None else budget.fidelity
    shares = [min(1.0, first * 2.0**number) for number in range(len(ends) - 1)]
    shares[-1] = 1.0
    return tuple(Segment(a, b, share) for (a, b), share in zip(pairwise(ends), shares, strict=True))


def study_segments(spec: StudySpec) -> tuple[Segment, ...]:
    """The segments of a study's trials under its strategy."""
    return segments_of(spec.budget, rungs=spec.search.scheduler != "none")


def data_shares(budget: Budget) -> tuple[tuple[int, float], ...]:
    """(last epoch, share of the training utterances) of each segment; empty without a fidelity."""
    if budget.fidelity is None:
        return ()
    return tuple((segment.end, segment.share) for segment in segments_of(budget))


def cost_between(segments: Sequence[Segment], start: int, end: int) -> float:
    """Cost of the epochs after `start` until `end`, in epochs over all utterances."""
    return sum(max(0, min(end, s.end) - max(start, s.start)) * s.share for s in segments)


def trials_in_segments(
    segments: Sequence[Segment], *, trials: int, exempt: int, reduction_factor: int
) -> tuple[int, ...]:
    """How many trials train each segment where all that is due is promoted."""
    ends = [segment.end for segment in segments]
    beside = max(0, trials - exempt)
    arrived = arrivals_at(ends, trials=beside, reduction_factor=reduction_factor)
    return tuple(min(trials, exempt) + count for count in arrived)
