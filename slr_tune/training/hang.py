"""A training in this process that hangs: a thread next to it ends the command."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any, Self

from slr_tune.errors import RunFailed
from slr_tune.text import duration
from slr_tune.training.deadlines import Deadlines

WHERE = "hang.txt"
"""File in the run's folder that says where it hung."""

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 10.0
"""For the training to let go once it was interrupted; what hangs in a library's lock never does."""
_WRITE_SECONDS = 5.0


class HangWatch:
    """Ends a command that finishes no epoch in time, for the time of a `with` in the main thread.

    The training is interrupted wherever it is, which lets it clear up; a `RunFailed` comes out of
    the block. Where that does not help, the process ends with the same message and exit code.
    """

    def __init__(self, folder: Path, timeout: float | None) -> None:
        """Begins to watch with the `with`.

        Args:
            folder: Of the run; where it hangs is noted there.
            timeout: Seconds within which an epoch has to come; None as `Deadlines` has it.
        """
        self._folder = folder
        self._look = min(_LOOK_SECONDS, (timeout or _LOOK_SECONDS) / 4)
        self._brought = 0
        self._awake = 0.0
        self._deadlines = Deadlines(timeout, clock=lambda: self._awake)
        self._over = threading.Event()
        self._error: RunFailed | None = None
        self._main = threading.get_ident()
        self._before: Any = None

    def brought(self) -> None:
        """The training has stored another epoch."""
        self._brought += 1

    def progress(self) -> tuple[int, float | None]:
        """Epochs that came in this process: those of an earlier one took no time here."""
        return self._brought, None

    def __enter__(self) -> Self:
        """Starts the thread."""
        self._deadlines.begin(self)
        self._before = signal.signal(signal.SIGALRM, self._interrupt)
        self._thread = threading.Thread(target=self._watch, name="hang watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the thread."""
        self._over.set()
        self._thread.join()
        signal.signal(signal.SIGALRM, self._before)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._error is not None:
            raise self._error

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._over.wait(self._look):
            now = time.monotonic()
            # A process that was stopped by Ctrl-Z for a day had no time to bring anything.
            self._awake += min(now - last, 2 * self._look)
            last = now
            limit = self._deadlines.overdue(self)
            if limit is not None:
                return self._end(limit)

    def _end(self, limit: float) -> None:
        noting = threading.Thread(target=self._note, daemon=True)
        noting.start()
        noting.join(_WRITE_SECONDS)  # the folder may be what hangs
        self._error = RunFailed(
            f"no epoch came within {duration(limit)}: the run hangs",
            hint="All stored epochs are kept; run the same command again to resume. Where it "
            f"hung is in {self._folder / WHERE}. If an epoch may take that long, give "
            "--epoch-timeout SECONDS.",
        )
        signal.pthread_kill(self._main, signal.SIGALRM)
        if not self._over.wait(_GRACE_SECONDS):
            print(f"slr-tune: {self._error}", file=sys.stderr, flush=True)
            os._exit(self._error.exit_code)

    def _note(self) -> None:
        """Writes down what the main thread does."""
        frame = sys._current_frames()[self._main]
        text = "".join(traceback.format_stack(frame))
        (self._folder / WHERE).write_text(text, encoding="utf-8")
