"""The time that a study has taken, and what is left of `budget: {hours: ...}`.

It counts from the start of each run of the search: preparing the data, the teacher and its gate,
caches and trials. The time used is in the study, so that a run that continues has what the
earlier ones left. What ending takes is kept free: Ray and its workers take about as long to end as
to start, which is measured in each run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from slr_tune.study.store import StudyStore

TIME = "slr_time"
"""Attribute of a study: {"seconds": used by all its runs, "starting": of Ray in the last one}."""

_WRITE_SECONDS = 10.0
"""As much of a run's time is forgotten at most when its driver is killed."""

_MOST_FOR_ENDING = 0.04
"""Share of the limit that is kept free for ending at most."""


class StudyClock:
    """Counts the time of one run of a search, after that of the earlier ones.

    Attributes:
        store: The study.
        limit: Seconds that the study may take; None for no limit.
    """

    def __init__(
        self,
        store: StudyStore,
        *,
        started: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts to count.

        Args:
            store: The study.
            started: When this run began, as `now` gives it; None for now.
            now: Seconds of a clock.
        """
        self.store = store
        hours = store.spec.budget.hours
        self.limit = None if hours is None else 3600.0 * hours
        self._now = now
        self._started = now() if started is None else started
        self._before = used_seconds(store.study.user_attrs)
        self._starting = _stored_seconds(store.study.user_attrs, "starting")
        self._ending = 0.0
        self._written = self.used

    @property
    def used(self) -> float:
        """Seconds of all runs of the study."""
        return self._before + self._now() - self._started

    @property
    def left(self) -> float | None:
        """Seconds until the run has to end, what ending takes left out; None without a limit."""
        return None if self.limit is None else self.limit - self.used - self._ending

    @property
    def is_up(self) -> bool:
        """Whether there is a limit and it is reached."""
        return self.left is not None and self.left <= 0

    @property
    def is_too_late(self) -> bool:
        """Whether what is left would go into starting and ending, by what they last took."""
        return self.left is not None and self.left <= 2 * self._starting

    def started(self, seconds: float) -> None:
        """Keeps time for the end.

        Args:
            seconds: That starting Ray took.
        """
        self._starting = seconds
        if self.limit is not None:
            self._ending = min(seconds, _MOST_FOR_ENDING * self.limit)

    def now(self) -> float:
        """Seconds of the clock that this one counts by."""
        return self._now()

    def tick(self) -> None:
        """Writes down what was used, where the last time is long ago."""
        if self.used - self._written >= _WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Writes down what was used."""
        self._written = self.used
        seconds = {"seconds": round(self._written, 1), "starting": round(self._starting, 1)}
        self.store.study.set_user_attr(TIME, seconds)


def used_seconds(attributes: Mapping[str, Any]) -> float:
    """Seconds that all runs of a study took, from its attributes; 0 of studies of before."""
    return _stored_seconds(attributes, "seconds")


def _stored_seconds(attributes: Mapping[str, Any], name: str) -> float:
    stored = attributes.get(TIME)
    seconds = stored.get(name) if isinstance(stored, Mapping) else None
    return float(seconds) if isinstance(seconds, int | float) else 0.0
