"""A thread that stores one batch at a time, so that nobody waits for a database that is away."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class BatchWriter(Generic[T, R]):
    """Calls a function with what it is given, in a thread of its own.

    A daemon: a connection on which a dead machine never answers must not keep a process alive.
    """

    def __init__(self, write: Callable[[T], R]) -> None:
        """Starts the thread.

        Args:
            write: Stores a batch, or raises.
        """
        self._write = write
        self._work: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[R | Exception] = queue.SimpleQueue()
        self.sent_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="slr-tune-writer", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a batch is out, or its outcome was not taken."""
        return self.sent_at is not None

    def send(self, batch: T) -> None:
        """Hands it a batch; only where it is not busy."""
        self.sent_at = time.monotonic()
        self._work.put(batch)

    def take(self, seconds: float) -> R | Exception | None:
        """What became of the batch; None where nothing did within the time."""
        try:
            outcome = self._done.get(timeout=max(0.0, seconds)) if seconds > 0 else self._poll()
        except queue.Empty:
            return None
        self.sent_at = None
        return outcome

    def close(self) -> None:
        """Lets the thread end."""
        self._work.put(None)

    def _poll(self) -> R | Exception:
        return self._done.get_nowait()

    def _run(self) -> None:
        while (batch := self._work.get()) is not None:
            try:
                outcome: R | Exception = self._write(batch)
            except Exception as error:
                outcome = error
            self._done.put(outcome)
