"""How long epochs take, and how many trials fit into a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from slr_tune.space import StudySpec
from slr_tune.study.segments import Segment, study_segments, trials_in_segments

MOST_TRIALS = 100_000
"""More are not planned for."""


@dataclass
class Pace:
    """Mean seconds of an epoch on each share of the data, as measured.

    Attributes:
        segments: Of a trial.
        overhead: Time on a worker as a multiple of the time inside epochs: checkpoints, reports,
            the start of the next trial.
    """

    segments: Sequence[Segment]
    overhead: float = 1.0
    _sums: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    _counts: dict[float, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, epoch: int, seconds: float) -> None:
        """Takes in an epoch of a trial.

        Args:
            epoch: Its number, from 1.
            seconds: Time that it took, above 0.
        """
        share = self._share(epoch)
        self._sums[share] += seconds
        self._counts[share] += 1

    @property
    def known(self) -> bool:
        """Whether any epoch was measured."""
        return bool(self._counts)

    def epoch(self, share: float) -> float:
        """Seconds of an epoch; of a share that no epoch had yet by the nearest that is known.

        Raises:
            ValueError: Nothing was measured.
        """
        if not self.known:
            raise ValueError("no epoch was measured")
        nearest = min(self._counts, key=lambda known: abs(known - share))
        return self._sums[nearest] / self._counts[nearest] * share / nearest * self.overhead

    def between(self, start: int, end: int) -> float:
        """Seconds on a worker of the epochs after `start` until `end`."""
        return sum(
            max(0, min(end, one.end) - max(start, one.start)) * self.epoch(one.share)
            for one in self.segments
        )

    def _share(self, epoch: int) -> float:
        return next((one.share for one in self.segments if epoch <= one.end), 1.0)


@dataclass(frozen=True)
class Schedule:
    """What determines the number of trials in addition to the time.

    Attributes:
        segments: Of a trial.
        exempt: Trials that run straight to the end: 1 with a baseline, else 0.
        reduction_factor: eta.
        audit: Share of the trials that run on outside the quota.
    """

    segments: Sequence[Segment]
    exempt: int
    reduction_factor: int
    audit: float

    @classmethod
    def of(cls, spec: StudySpec) -> Schedule:
        """Of a search."""
        return cls(
            study_segments(spec),
            exempt=int(spec.baseline is not None),
            reduction_factor=spec.budget.reduction_factor,
            audit=spec.budget.audit if spec.search.scheduler == "promotion" else 0.0,
        )

    def seconds(self, trials: int, pace: Pace) -> float:
        """Seconds on workers of so many trials, none of which ends before its time."""
        counts = trials_in_segments(
            self.segments,
            trials=trials,
            exempt=self.exempt,
            reduction_factor=self.reduction_factor,
        )
        pairs = zip(counts, self.segments, strict=True)
        planned = sum(count * pace.between(one.start, one.end) for count, one in pairs)
        spared = self.audit * max(0, trials - self.exempt)
        return planned + spared * pace.between(self.segments[0].end, self.segments[-1].end)

    def trials(self, seconds: float, pace: Pace) -> int:
        """The most trials that fit into so many seconds on workers."""
        low, high = 0, 1
        while high < MOST_TRIALS and self.seconds(high, pace) <= seconds:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.seconds(middle, pace) <= seconds else (low, middle)
        return low
