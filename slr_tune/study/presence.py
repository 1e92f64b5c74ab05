"""Whether a study's database and folder are still there: somebody may delete them under a search.

A process keeps writing into a file that was deleted, and what it writes is lost with its end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from optuna.storages import RDBStorage

from slr_tune.errors import RunFailed


class Presence:
    """Looks after a database file and a folder; what a server keeps cannot be deleted like that."""

    def __init__(self, database: Path | None, folder: Path) -> None:
        """Notes which database file it is; which folder, `watch_folder` notes."""
        self._database = database
        self._folder = folder
        self._marks = {} if database is None else {database: _mark(database)}
        self._held = None if database is None else _hold(database)

    def watch_folder(self) -> None:
        """Looks after the folder too, which is there from now on."""
        self._marks[self._folder] = _mark(self._folder)

    def check(self, *more: Path) -> None:
        """Refuses to continue where something is gone.

        Args:
            more: Files and folders that have to be there too, such as a trial's.

        Raises:
            RunFailed: Something was deleted or replaced.
        """
        gone = [path for path, mark in self._marks.items() if _mark(path) != mark]
        gone += [path for path in more if not path.exists()]
        if not gone:
            return
        if gone[0] == self._database:
            raise RunFailed(
                f"the database {gone[0]} was deleted or replaced while the search runs",
                hint="What was stored up to now is written back at the end. Run the same command "
                "again to resume.",
            )
        raise RunFailed(
            f"{gone[0]} was deleted or replaced while the search runs",
            hint="Run the same command again: the database has what was stored, and trials whose "
            "checkpoints are gone start from scratch.",
        )

    def rescue(self, tell: Callable[[str], None]) -> None:
        """Writes a database back that was deleted; this process still holds what was in it."""
        path, held = self._database, self._held
        if path is None or held is None:
            return
        if _mark(path) != self._marks[path]:
            place = path if not path.exists() or _is_empty(path) else _free_name(path)
            with suppress(sqlite3.Error, OSError):
                for rest in (place, *(Path(f"{place}{end}") for end in ("-wal", "-shm"))):
                    rest.unlink(missing_ok=True)
                place.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(place)) as target:
                    held.backup(target)
                tell(f"The database was deleted while the search ran; written back to {place}")
        held.close()


@contextmanager
def presence_of(
    storage: RDBStorage, folder: Path, tell: Callable[[str], None]
) -> Iterator[Presence]:
    """Looks after a study for the time of a block, at whose end a deleted database is rescued."""
    url = storage.engine.url
    sqlite = url.get_backend_name() == "sqlite"
    presence = Presence(Path(str(url.database)).absolute() if sqlite else None, folder)
    try:
        yield presence
    finally:
        presence.rescue(tell)


def _mark(path: Path) -> tuple[int, int] | None:
    """Which file a name stands for; None where it is gone. Raises where that is unknown."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _hold(path: Path) -> sqlite3.Connection:
    """A connection that has read once: it holds the log of the last writes open too."""
    held = sqlite3.connect(path, check_same_thread=False)
    held.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return held


def _is_empty(path: Path) -> bool:
    """Whether a file is a database without any study: a connection makes one at a free name."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return not connection.execute("SELECT 1 FROM studies LIMIT 1").fetchall()
    except sqlite3.OperationalError:
        return True
    except sqlite3.Error:
        return False


def _free_name(path: Path) -> Path:
    name, count = path.with_name(f"{path.stem}-rescued{path.suffix}"), 1
    while name.exists():
        count += 1
        name = path.with_name(f"{path.stem}-rescued-{count}{path.suffix}")
    return name
