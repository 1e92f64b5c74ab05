"""A worker hears of a decision, and a checkpoint goes, once the decision is stored."""

from __future__ import annotations

import time
from collections import deque

from slr_tune.search.checkpoint_room import CheckpointRoom
from slr_tune.study.buffered_storage import BATCH_SECONDS
from slr_tune.study.store import StudyStore

_BUSY_WAITS = 4
"""Decisions within `BATCH_SECONDS` after which the next ones wait for each other."""


class StoredAnswers:
    """Holds answers back until what they say is stored.

    Attributes:
        decided: Whether the last report led to a decision.
        untidy: Whether a trial has left its worker since the checkpoints were looked at.
    """

    def __init__(self, store: StudyStore, room: CheckpointRoom) -> None:
        """Nothing is decided yet."""
        self._store, self._room = store, room
        self.decided = self.untidy = False
        self._waits: deque[float] = deque(maxlen=_BUSY_WAITS)

    def may_report(self) -> bool:
        """Whether the worker of the last report may hear what was decided: once it is stored.

        Where many decisions are made at a time, they wait for each other, and share a transaction.
        """
        if not self.decided:
            return True
        now = time.monotonic()
        full = len(self._waits) == _BUSY_WAITS and now - self._waits[0] < BATCH_SECONDS
        if full:
            return False
        self._waits.append(now)
        done = self._store.stored()
        self.tidy_up()
        return done

    def keep_up(self) -> bool:
        """To be called often: stores what has waited long enough; returns whether all is stored."""
        self._store.keep_up()
        self.tidy_up()
        return self._store.settled

    def tidy_up(self) -> None:
        """A trial's checkpoint goes once it is stored that nobody needs it."""
        if self.untidy and self._store.settled:
            self.untidy = False
            self._room.tidy()
