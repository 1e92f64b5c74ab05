"""Whose fault it is that a trial finishes no epoch: its configuration's, or its worker's.

A trial that never reached its first epoch, for lack of memory, a folder or a living process, is not
charged with it: it is tried again once another trial has brought something new. Three such in a row
mean that the machine is at fault. Three of one trial, while others get on, mean that the trial is.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from statistics import median

from optuna.trial import FrozenTrial

from slr_tune.study.recovery import LONG_ENOUGH, epoch_seconds

_TOGETHER = 2
"""Times that a trial may run out of memory next to others, before it is tried alone."""

LIMIT = 3
"""Failures before the first epoch, in a row or of one trial, before its cause is judged."""

_TIMEOUT_EPOCHS = 20
_TIMEOUT_SECONDS = 600.0
_REMEMBERED_EPOCHS = 999


class Attempts:
    """Follows the trials that workers hold.

    Attributes:
        in_a_row: Failures before the first epoch since any trial brought one.
    """

    def __init__(self, trials: Sequence[FrozenTrial], *, timeout: float | None) -> None:
        """Takes the length of an epoch from trials that were run.

        Args:
            trials: Of the study.
            timeout: Seconds that an epoch may take; None for 20 times the median epoch, at least
                ten minutes.
        """
        self.in_a_row = 0
        self._timeout = timeout
        self._epochs = deque(epoch_seconds(trials), maxlen=_REMEMBERED_EPOCHS)
        self._since: dict[int, float] = {}
        self._begun: set[int] = set()
        self._failures: Counter[int] = Counter()
        self._again: dict[int, int] = {}
        self._alone: set[int] = set()
        self._news = 0

    @property
    def waiting(self) -> bool:
        """Whether a trial waits here to be tried again."""
        return bool(self._again)

    @property
    def one_alone(self) -> bool:
        """Whether a trial waits for a GPU of its own, or has one: no other may start."""
        return bool(self._alone)

    def is_alone(self, number: int) -> bool:
        """Whether a trial is tried with no other next to it."""
        return number in self._alone

    def busy(self, live: Mapping[int, object]) -> int:
        """How many of the live trials are with a worker."""
        return len(live) - len(self._again)

    def hand_out(self, number: int) -> None:
        """A trial is given to a worker, which may have to be started first."""
        self._since[number] = time.monotonic()
        self._begun.discard(number)

    def begin(self, number: int) -> None:
        """The worker of a trial is there, and the run is built."""
        self._since[number] = time.monotonic()
        self._begun.add(number)

    def take_again(self, *, at_once: bool) -> int | None:
        """A trial whose time has come to be tried again.

        Args:
            at_once: Whether there is nothing else to do.
        """
        again = {n: news for n, news in self._again.items() if not self._alone or n in self._alone}
        ready = [n for n, news in again.items() if at_once or news < self._news]
        if not ready:
            return None
        del self._again[ready[0]]
        return ready[0]

    def report(self, number: int, rows: Sequence[Mapping[str, float]]) -> None:
        """A worker reported epochs that it trained."""
        self._since[number] = time.monotonic()
        self._epochs.extend(s for row in rows if (s := float(row.get("seconds") or 0.0)) > 0)
        self._news += 1
        self.in_a_row = 0

    def alive(self, number: int) -> None:
        """A worker gave a sign of life: it trains once again what is stored."""
        self._since[number] = time.monotonic()

    def fail(self, number: int, *, crowded: bool = False) -> int:
        """A trial did not reach its first epoch; returns how often it did not.

        Args:
            number: The trial.
            crowded: Whether it had no memory on a GPU that it shares with others: after two such
                times it is tried alone.
        """
        self._failures[number] += 1
        self.in_a_row += 1
        self._again[number] = self._news
        if crowded and self._failures[number] >= _TOGETHER:
            self._alone.add(number)
        return self._failures[number]

    def forget(self, number: int) -> None:
        """A trial has left: ended or parked."""
        self._since.pop(number, None)
        self._again.pop(number, None)
        self._alone.discard(number)

    def lived_long(self, number: int) -> bool:
        """Whether a worker had twice the time of an epoch since the last one that was stored."""
        lived = time.monotonic() - self._since.get(number, time.monotonic())
        return bool(self._epochs) and lived >= LONG_ENOUGH * median(self._epochs)

    def limit(self) -> float | None:
        """Seconds within which a worker has to bring an epoch; None while no epoch is known."""
        if self._timeout is not None:
            return self._timeout
        if not self._epochs:
            return None
        return max(_TIMEOUT_SECONDS, _TIMEOUT_EPOCHS * median(self._epochs))

    def overdue(self) -> list[int]:
        """Trials whose workers brought nothing within the limit."""
        limit = self.limit()
        if limit is None:
            return []
        now = time.monotonic()
        return [
            number
            for number, since in self._since.items()
            if number not in self._again
            and now - since > (limit if number in self._begun else max(limit, _TIMEOUT_SECONDS))
        ]
