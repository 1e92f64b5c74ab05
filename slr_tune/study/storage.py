"""The database behind the studies: any SQLAlchemy URL, SQLite in WAL mode by default."""

from __future__ import annotations

import os
import re
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from slr_tune.errors import StorageError, StorageMissing, StorageUnusable
from slr_tune.study.folders import at_home, remote_studies, studies_root
from slr_tune.study.mounts import network_mount
from slr_tune.study.optuna_private import QuickStorage
from trainables.files.full_disk import full_disk_number, no_room

STORAGE_VARIABLE = "SLR_TUNE_STORAGE"
_BUSY_SECONDS = 60
_CONNECT_SECONDS = 10
_FOLD_MILLISECONDS = 2000
_DATABASE_ERRORS = (SQLAlchemyError, StorageInternalError, sqlite3.Error, ImportError)


class _WalConnection(sqlite3.Connection):
    """A connection in WAL mode, so that reports and the dashboard can read while a driver writes.

    `synchronous=NORMAL` may lose the last transactions at a power cut, never the database; a lost
    epoch comes back from the curve file or the checkpoint at the next start.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=NORMAL")


class _PlainConnection(sqlite3.Connection):
    """A connection without WAL, whose shared memory no network carries from machine to machine."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        with suppress(sqlite3.OperationalError):  # a reader that may not write leaves it as it is
            self.execute("PRAGMA journal_mode=DELETE")


def storage_url(url: str | None = None) -> str:
    """The URL in force: the argument, `SLR_TUNE_STORAGE`, or SQLite in the studies folder.

    Raises:
        StorageUnusable: None is named, and the studies are in a remote place.
    """
    chosen = url or os.environ.get(STORAGE_VARIABLE)
    if chosen:
        return chosen
    if (remote := remote_studies()) is not None:
        raise StorageUnusable(
            f"the studies are in {remote}, which cannot hold a database",
            hint="Name one: --storage postgresql://user@host/database, or a file on this machine's "
            "disk, --storage sqlite:////var/tmp/studies.db (or SLR_TUNE_STORAGE).",
        )
    default = URL.create("sqlite", database=str(studies_root() / "slr-tune.db"))
    return default.render_as_string()  # a ? or % in the path is written so that it stays one


def open_storage(url: str | None = None, *, create: bool = False) -> RDBStorage:
    """Opens the database and makes Optuna's tables where they are missing.

    Args:
        url: SQLAlchemy URL; None for `storage_url()`.
        create: Whether an SQLite file that does not exist may be made.

    Raises:
        StorageError: The URL is malformed, its driver is not installed, the file is missing or
            not writable, or the server does not answer.
    """
    text = storage_url(url)
    parsed = _parse(text)
    if parsed.get_backend_name() == "sqlite":
        _check_file(parsed, create=create)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with storage_errors(parsed):
        storage = QuickStorage(
            parsed.render_as_string(hide_password=False), engine_kwargs=_engine_options(parsed)
        )
    # At the end of the process, by a signal that is handled too, for who did not close it.
    weakref.finalize(storage, _fold, storage.engine)
    return storage


@contextmanager
def opened_storage(url: str | None = None, *, create: bool = False) -> Iterator[RDBStorage]:
    """The same for the time of a block; then all is in the one file, see `close_storage`."""
    storage = open_storage(url, create=create)
    try:
        yield storage
    finally:
        close_storage(storage)


def close_storage(storage: RDBStorage) -> None:
    """Closes a database; of SQLite, folds the log of the last writes into the file.

    Without it a copy of the file alone may lack the last trials. Where other processes read at
    the moment, the last of them to close it does that.
    """
    with suppress(*_DATABASE_ERRORS):
        storage.remove_session()
    _fold(storage.engine)


def _fold(engine: sa.Engine) -> None:
    with suppress(*_DATABASE_ERRORS):
        # To open a file that was deleted would make an empty one.
        if engine.dialect.name == "sqlite" and Path(str(engine.url.database)).exists():
            with engine.connect() as connection:
                # A search that keeps writing folds it in itself: nobody waits long for that.
                connection.execute(sa.text(f"PRAGMA busy_timeout={_FOLD_MILLISECONDS}"))
                connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    with suppress(*_DATABASE_ERRORS):
        engine.dispose()


@contextmanager
def storage_errors(url: URL | str) -> Iterator[None]:
    """Turns what a database can raise into one `StorageError`, the password left out."""
    try:
        yield
    except (*_DATABASE_ERRORS, RuntimeError) as error:
        of_schema = "schema" in str(error) or "version" in str(error)
        if not (of_schema or isinstance(error, _DATABASE_ERRORS)):
            raise
        raise storage_error(url, error) from error


def shown_url(url: URL | str) -> str:
    """A database's URL for a person: what is printed is copied to other places, so no password."""
    return make_url(url).render_as_string(hide_password=True)


def storage_error(url: URL | str, error: Exception) -> StorageError:
    """The `StorageError` with the error of the database."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    first_line = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    full = _full_disk(make_url(url))
    if full and "full" not in first_line:
        first_line += f" ({full})"
    unusable = isinstance(cause, ImportError) or any(word in first_line for word in _UNUSABLE)
    kind = StorageUnusable if unusable and not full else StorageError
    hint = FREE_SPACE if full else _way_out(cause, first_line)
    return kind(f"storage {shown_url(url)}: {first_line}", hint=hint)


_UNUSABLE = ("not a database", "malformed", "unable to open")
"""Words of SQLite about a file that no waiting makes a database."""


FREE_SPACE = "Free some space and run the same command again to resume."
"""The way out of a full disk."""


def _full_disk(url: URL) -> str:
    """The system's words where a database file has no room; sqlite often has others for it."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return ""
    number = no_room(Path(url.database).absolute().parent)
    return "" if number is None else os.strerror(number)


def _way_out(cause: BaseException, text: str) -> str:
    if isinstance(cause, ImportError):
        return "Install the database's driver, for PostgreSQL: pip install 'slr-tune[postgresql]'."
    if "full" in text:
        return FREE_SPACE
    if "readonly" in text or "unable to open" in text:
        return "Make the file and its folder writable, or name another database with --storage."
    if "not a database" in text or "malformed" in text:
        return "The file is damaged or not a SQLite database; name another with --storage."
    return "Start the database, or name another with --storage; then run the same command again."


def check_storage(url: str | None) -> None:
    """Refuses what is not a database URL, before anything is opened.

    Raises:
        StorageUnusable: It is none.
    """
    if url is not None:
        _parse(url)


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        message = str(error)
        if isinstance(error, ValueError):
            # It quotes what it took for the port, which may be the end of a password.
            message = "its port is not a number; in a password write @ : / as %40 %3A %2F"
        # The password is left out of a text of which only its writer knows where that is.
        shown = re.sub(r"^([\w+.-]+://)?([^:]*):.*@", r"\1\2:***@", text, flags=re.DOTALL)
        raise StorageUnusable(
            f"storage {shown!r} is not a database URL: {message}",
            hint="Such as sqlite:///studies/slr-tune.db or postgresql://user@host/database.",
        ) from error
    return _sqlite_file(url, text) if url.get_backend_name() == "sqlite" else url


def _sqlite_file(url: URL, text: str) -> URL:
    """The URL of a file, `~` expanded; a ? is refused that would cut the path off unseen."""
    words = text.partition("?")[2]
    if words and not all(re.match(_SQLITE_OPTION, word) for word in words.split("&")):
        raise StorageUnusable(
            f"storage {text!r}: the part after the ? is not an SQLite option",
            hint="In a path write ? as %3F and % as %25.",
        )
    if not url.database or url.database == ":memory:":
        return url
    return url.set(database=str(at_home(url.database, "storage")))


_SQLITE_OPTION = (
    r"(timeout|isolation_level|check_same_thread|cached_statements|detect_types"
    r"|uri|mode|cache|vfs|nolock|immutable)=[^/]*$"
)


def _check_file(url: URL, *, create: bool) -> None:
    if not url.database or url.database == ":memory:":
        raise StorageUnusable(
            "an SQLite database in memory is lost with the process",
            hint="Name a file: sqlite:///studies/slr-tune.db",
        )
    path = Path(url.database)
    if create:
        check_disk(path)
    if path.exists():
        return
    if not create:
        raise StorageMissing(
            f"there is no database at {path}",
            hint="Run a search first (slr-tune run distill), or name the database with --storage.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnusable(
            f"cannot make the folder {path.parent}: {error.strerror}",
            hint=FREE_SPACE
            if full_disk_number(error)
            else "Make it writable, or name another database with --storage.",
        ) from error


def check_disk(path: Path) -> None:
    """Refuses a file to write a search to where other machines may write too.

    What is already there can be looked at, and moved away with `slr-tune move`.

    Raises:
        StorageUnusable: With the kind of file system.
    """
    mount = network_mount(path)
    if mount is None:
        return
    raise StorageUnusable(
        f"the database {path} is on {mount.kind}, mounted at {mount.folder}: SQLite's locks and "
        f"its log do not work on a network file system, and a search could damage it",
        hint="Name a database server, --storage postgresql://user@host/database, or a file on a "
        "local disk, --storage sqlite:////var/tmp/studies.db (or SLR_TUNE_STORAGE). Checkpoints "
        "and curves may stay. A study that already exists: slr-tune move NAME --to URL.",
    )


def _engine_options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        shared = network_mount(Path(str(url.database))) is not None
        factory = _PlainConnection if shared else _WalConnection
        return {"connect_args": {"timeout": _BUSY_SECONDS, "factory": factory}}
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
    return options
