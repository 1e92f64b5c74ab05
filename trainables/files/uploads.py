"""Sends a run's files to their remote place in the background, the newest state of each run."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from trainables.errors import TrainablesError, first_line
from trainables.files.curve import Row, curve_bytes
from trainables.files.remote import RemoteFolder

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
_BETWEEN_LOOKS_SECONDS = 30.0


class Uploads:
    """One thread that sends the files of the runs of one process.

    What is written while it sends waits as the newest state alone, so that a slow network makes
    neither a queue nor a run slow. Where the remote place does not answer, it is tried again, after
    a second at first, at last after a minute; `notice` says so once.

    Attributes:
        notice: What a person should know; None while all is well.
    """

    def __init__(self, remote: RemoteFolder, *, cache_bytes: int | None = None) -> None:
        """Starts the thread, which ends with the process.

        Args:
            remote: The folder of all runs.
            cache_bytes: What checkpoints may take locally; those that are sent go, the oldest
                first. None for no limit.
        """
        self.remote = remote
        self.notice: str | None = None
        self._cache_bytes = cache_bytes
        self._looked = 0.0
        self._due: dict[Path, Sequence[Row] | None] = {}
        self._changed = threading.Condition()
        self._sending = False
        self._hurry = threading.Event()
        threading.Thread(target=self._work, name="slr-tune-uploads", daemon=True).start()

    def changed(self, folder: Path, rows: Sequence[Row] | None = None) -> None:
        """A run's folder has new files.

        Args:
            folder: Of the run.
            rows: Its curve up to its latest checkpoint; None for the curve that is there.
        """
        with self._changed:
            self._due[folder] = None if rows is None else tuple(rows)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Waits until all is sent, at most so long; whether it is."""
        self._hurry.set()
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._sending, seconds)

    def _work(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._due))
                folder = next(iter(self._due))
                rows = self._due.pop(folder)
                self._sending = True
            try:
                self.remote.push(folder, None if rows is None else curve_bytes(rows))
                self._tidy(folder)
                pause, again = _FIRST_PAUSE_SECONDS, False
            except (OSError, TrainablesError) as error:
                again = True
                self.notice = self.notice or (
                    f"{self.remote.url} does not accept files ({first_line(error)}); they are kept "
                    f"in {self.remote.local} and sent when it does"
                )
            with self._changed:
                self._sending = False
                if again:
                    self._due.setdefault(folder, rows)
                self._changed.notify_all()
            if again:
                self._hurry.wait(pause)
                self._hurry.clear()
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _tidy(self, busy: Path) -> None:
        """Makes room in the local folder, now and then."""
        now = time.monotonic()
        if self._cache_bytes is not None and now >= self._looked + _BETWEEN_LOOKS_SECONDS:
            self._looked = now
            make_room(self.remote, self._cache_bytes, busy=busy)


def make_room(remote: RemoteFolder, limit: int, *, busy: Path | None = None) -> int:
    """Deletes local checkpoints that the remote place has, the oldest first, down to a limit.

    Args:
        remote: The folder of all runs.
        limit: Bytes.
        busy: Folder of a run that needs its own.

    Returns:
        Bytes that were freed.
    """
    found = []
    for path in remote.local.rglob("checkpoints/*.pt"):
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, path))
    total, freed = sum(size for _, size, _ in found), 0
    for _, size, path in sorted(found):
        folder = path.parent.parent
        if total - freed <= limit:
            break
        if folder != busy and path not in remote.left(folder):
            path.unlink(missing_ok=True)
            freed += size
    return freed
