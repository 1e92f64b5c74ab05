"""Whether an error of a database passes by waiting, and how long a search has waited.

A server that restarts and a file that another program has locked come back. A wrong password, a
missing table and a database that may only be read do not.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError, OperationalError

from slr_tune.errors import StorageError
from slr_tune.text import duration

WAIT_SECONDS = 600.0
"""How long a search waits for its database by default."""

UNHEARD_SECONDS = 2.0
"""Silence of a database before it is called away: a busy one answers later than an idle one."""

_LOCKED = ("database is locked", "database table is locked", "database schema is locked")
"""SQLite's words for a file that another process holds."""

_PASSING_CLASSES = ("08",)
_PASSING_CODES = {
    "57P01",  # the server is shut down
    "57P02",  # it ends after a crash of one of its processes
    "57P03",  # it starts
    "53300",  # it has no connection left
    "40001",  # two transactions were in each other's way
    "40P01",
    "55P03",
}
"""PostgreSQL's codes, appendix A of its manual, for what passes."""

_STARTING = ("starting up", "shutting down", "recovery", "not yet accepting", "not accepting")
_FULL = ("too many clients", "too many connections", "remaining connection slots")


def is_passing(error: BaseException | None) -> bool:
    """Whether waiting may help. Looks behind the errors in which Optuna wraps the database's."""
    while error is not None:
        if isinstance(error, DBAPIError):
            return _is_passing(error)
        error = error.__cause__
    return False


def _is_passing(error: DBAPIError) -> bool:
    text, cause = str(error.orig), error.orig
    if type(cause).__module__.startswith("sqlite3"):
        return any(words in text for words in _LOCKED)
    code = getattr(cause, "sqlstate", None)
    if code is not None:
        return code in _PASSING_CODES or code[:2] in _PASSING_CLASSES
    if "FATAL" in text:
        # A server that answers has its reason, which has no code while a connection is made.
        return any(words in text for words in (*_STARTING, *_FULL))
    return error.connection_invalidated or isinstance(error, OperationalError)


class Outage:
    """How long the database has been away, and the message about it.

    Attributes:
        error: Its last error; None without one.
    """

    def __init__(self, *, limit: float, tell: Callable[[str], None]) -> None:
        """It is there.

        Args:
            limit: Seconds after which the wait ends.
            tell: Called with each message.
        """
        self.error: Exception | None = None
        self._limit, self._tell = limit, tell
        self._since: float | None = None
        self._reported = False

    @property
    def begun(self) -> bool:
        """Whether it did not take what was sent last."""
        return self._reported

    def missed(self, since: float, error: Exception | None = None) -> None:
        """It did not take what was sent.

        Args:
            since: When that was sent, on the monotonic clock.
            error: Its error; None while it is silent.

        Raises:
            StorageError: The wait is over, and the database gave no error; one that it gave is
                raised unchanged.
        """
        self._since = since if self._since is None else self._since
        self.error = error or self.error
        away = time.monotonic() - self._since
        if away >= self._limit:
            if self.error is not None:
                raise self.error
            raise StorageError(
                f"the database did not answer for {duration(away)}",
                hint="Start it, then run the same command again to resume.",
            )
        if not self._reported and (error is not None or away >= UNHEARD_SECONDS):
            self._reported = True
            message = "it does not answer" if self.error is None else _first_line(self.error)
            self._tell(
                f"The database is unreachable ({message}); trials keep training, their reports are "
                f"kept, and the search waits up to {duration(self._limit)} for it"
            )

    def over(self) -> None:
        """It took what was sent."""
        if self._reported and self._since is not None:
            away = duration(time.monotonic() - self._since)
            self._tell(f"The database is back after {away}; what was kept is stored")
        self.error, self._since, self._reported = None, None, False


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
