"""Which trainings outside of a search bring no epoch in time, as trials have it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Protocol

_EPOCHS = 20
_SECONDS = 600.0


class Followed(Protocol):
    """What brings epochs: a `Stage`, or a training in this process."""

    def progress(self) -> tuple[int, float | None]:
        """Epochs so far, and the best value."""
        ...


class Deadlines:
    """Follows the stages that workers hold."""

    def __init__(
        self, timeout: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts without a stage.

        Args:
            timeout: `resources.trial_timeout`, seconds within which a stage has to bring its next
                epoch; None for 20 times the median epoch, at least ten minutes.
            clock: Seconds that pass.
        """
        self._timeout = timeout
        self._clock = clock
        self._news: dict[int, tuple[int, float, bool]] = {}
        self._seconds: list[float] = []

    def begin(self, stage: Followed) -> None:
        """A worker gets it, which may have to be started first."""
        self._news[id(stage)] = (stage.progress()[0], self._clock(), False)

    def overdue(self, stage: Followed) -> float | None:
        """The seconds in which it should have brought an epoch; None while it is in time.

        For the first epoch of a worker there are ten minutes at least: it starts, opens the data,
        and may have the teacher speak on all of them.
        """
        epoch, since, brought = self._news[id(stage)]
        reached, now = stage.progress()[0], self._clock()
        if reached > epoch:
            self._seconds.append((now - since) / (reached - epoch))
            self._news[id(stage)] = (reached, now, True)
            return None
        limit = self._limit() if brought else max(self._limit(), _SECONDS)
        return limit if now - since > limit else None

    def _limit(self) -> float:
        if self._timeout is not None:
            return self._timeout
        if not self._seconds:
            return math.inf
        return max(_SECONDS, _EPOCHS * median(self._seconds))
