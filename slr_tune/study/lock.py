"""One driver per study: a lock in the study's database, kept alive by a heartbeat.

Optuna's own heartbeat marks trials, and does not work with ask-and-tell; this one marks the
driver. All times are the database's, so that hosts with different clocks agree.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from slr_tune.errors import StudyLocked
from trainables.files.folder_lock import FolderHeld, folder_lock

HEARTBEAT_SECONDS = 5.0
STALE_SECONDS = 60.0

_metadata = sa.MetaData()
_drivers = sa.Table(
    "slr_tune_driver",
    _metadata,
    sa.Column("study", sa.String(255), primary_key=True),
    sa.Column("token", sa.String(64), nullable=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("machine", sa.String(255), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("process_start", sa.String(64), nullable=False),
    sa.Column("username", sa.String(255), nullable=False),
    sa.Column("started", sa.DateTime, nullable=False),
    sa.Column("heartbeat", sa.DateTime, nullable=False),
)

_stops = sa.Table(
    "slr_tune_stop",
    _metadata,
    sa.Column("study", sa.String(255), primary_key=True),
    sa.Column("token", sa.String(64), nullable=False),
)
"""Drivers that somebody asked to stop, by their token: the next driver is not meant."""


@dataclass(frozen=True)
class Driver:
    """Who holds, or last held, a study.

    Attributes:
        study: Name of the study.
        alive: Whether it still holds it: not released, and its heartbeat or process lives.
        description: Process, user and host, for a person.
        heartbeat_age_seconds: Time since its last sign of life.
    """

    study: str
    alive: bool
    description: str
    heartbeat_age_seconds: float


class _HeldElsewhere(StudyLocked):
    """A driver of another machine holds the study, as far as its last heartbeat shows."""

    def __init__(self, message: str, hint: str, heartbeat: datetime) -> None:
        super().__init__(message, hint=hint)
        self.heartbeat = heartbeat


class StudyLock:
    """Holds a study for this process until `release`; a background thread keeps it alive.

    Attributes:
        lost: Set when another driver took the study over, which happens when this process was
            suspended for over a minute. A caller that writes must look at it before each write.
        stop_asked: Called once when somebody asked this driver to stop; None asks nobody.
        idle_seconds: Time since the last sign of life of the process that held the study before; 0
            without one.
    """

    def __init__(
        self, engine: Engine, study: str, *, tell: Callable[[str], None] | None = None
    ) -> None:
        """Prepares the lock; `acquire` takes it.

        Args:
            engine: Of the database.
            study: Its name.
            tell: Called with a message for the user who has to wait; None for silence.
        """
        self._tell = tell
        self._engine = engine
        self._study = study
        self._token = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._beaten = time.monotonic()
        self.lost = threading.Event()
        self.stop_asked: Callable[[], None] | None = None
        self.idle_seconds = 0.0

    def acquire(self) -> None:
        """Takes the study.

        Of a driver on another machine nothing can be seen but its heartbeat. Where that
        stops, this waits until the driver counts as dead, `STALE_SECONDS` after its last one.

        Raises:
            StudyLocked: Another driver that is alive holds it.
        """
        make_table(self._engine)
        seen: datetime | None = None
        while True:
            try:
                if self._try_acquire():
                    break
            except _HeldElsewhere as held:
                if seen not in (None, held.heartbeat):
                    raise StudyLocked(held.message, hint=held.hint) from None
                if seen is None and self._tell is not None:
                    self._tell(f"Waiting to see whether that driver is alive: {held.message}")
                seen = held.heartbeat
                self._stop.wait(HEARTBEAT_SECONDS / 10)
        self._beaten = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name="slr-tune-heartbeat", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Gives the study back; the time of release stays, as the time it was last written."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            self._update(token=None)
        except SQLAlchemyError:
            # A dead database: the next driver sees that this process is gone.
            return

    def __enter__(self) -> StudyLock:
        """Acquires."""
        self.acquire()
        return self

    def __exit__(self, *raised: object) -> None:
        """Releases."""
        self.release()

    def _try_acquire(self) -> bool:
        with self._engine.begin() as connection:
            now = _now(self._engine)
            query = sa.select(_drivers, now.label("now"))
            found = connection.execute(query.where(_drivers.c.study == self._study)).first()
            mine = {**_whoami(), "token": self._token, "started": now, "heartbeat": now}
            if found is None:
                try:
                    connection.execute(sa.insert(_drivers).values(study=self._study, **mine))
                except IntegrityError:
                    return False
                return True
            holder = _driver(found._mapping)
            if holder.alive:
                message = (
                    f"study {self._study!r} is being run by {holder.description}; "
                    f"last sign of life {holder.heartbeat_age_seconds:.0f} s ago"
                )
                hint = "Wait for it, stop it, or choose another name with --study."
                if found.machine != _machine():
                    raise _HeldElsewhere(message, hint, found.heartbeat)
                raise StudyLocked(message, hint=hint)
            self.idle_seconds = holder.heartbeat_age_seconds
            unchanged = (
                _drivers.c.study == self._study,
                _drivers.c.heartbeat == found.heartbeat,
                _drivers.c.token.is_not_distinct_from(found.token),
            )
            taken = connection.execute(sa.update(_drivers).where(*unchanged).values(**mine))
            return taken.rowcount == 1

    def _update(self, **values: Any) -> bool:
        mine = _drivers.c.study == self._study, _drivers.c.token == self._token
        query = sa.update(_drivers).where(*mine).values(heartbeat=_now(self._engine), **values)
        with self._engine.begin() as connection:
            return connection.execute(query).rowcount == 1

    def check(self) -> None:
        """Looks whether the study is still this driver's, as far as is known without asking.

        Raises:
            StudyLocked: Another driver took it over.
        """
        if self.lost.is_set():
            raise StudyLocked(
                f"study {self._study!r} was taken over by another driver, because this one gave no "
                "sign of life for a minute",
                hint="The other driver continues it; see slr-tune list.",
            )

    def confirm(self, connection: sa.Connection) -> None:
        """Looks in a transaction whether the study is still this driver's, after a long silence.

        Raises:
            StudyLocked: Another driver took it over.
        """
        if time.monotonic() - self._beaten < STALE_SECONDS / 2:
            return
        mine = _drivers.c.study == self._study, _drivers.c.token == self._token
        query = sa.update(_drivers).where(*mine).values(heartbeat=_now(self._engine))
        if connection.execute(query).rowcount != 1:
            self.lost.set()
            self.check()
        self._beaten = time.monotonic()

    def _is_asked(self) -> bool:
        mine = _stops.c.study == self._study, _stops.c.token == self._token
        with self._engine.connect() as connection:
            return connection.execute(sa.select(_stops).where(*mine)).first() is not None

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                if not self._update():
                    self.lost.set()
                    return
                self._beaten = time.monotonic()
                if self.stop_asked is not None and self._is_asked():
                    self.stop_asked()
                    self.stop_asked = None
            except SQLAlchemyError:
                # The writer meets the same dead database and says so.
                continue


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds a study's folder, which a study of the same name in another database may share.

    Raises:
        StudyLocked: Another driver holds it, or it is the folder of a study whose name differs in
            upper and lower case only, on a disk that does not distinguish them.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder))
        except FolderHeld as error:
            raise StudyLocked(
                f"the folder {folder} is being written to by {error}, which runs a study of this "
                "name in another database",
                hint="Wait for it, stop it, choose another name with --study, or another folder "
                "with SLR_TUNE_STUDIES.",
            ) from error
        _check_spelling(folder)
        yield


def _check_spelling(folder: Path) -> None:
    names = os.listdir(folder.parent)
    if folder.name not in names:
        other = next((name for name in names if name.lower() == folder.name.lower()), "another")
        raise StudyLocked(
            f"the disk does not distinguish upper and lower case: {folder.name!r} would be "
            f"{other!r}, the folder of an existing study",
            hint="Choose another name with --study.",
        )


def drivers(engine: Engine) -> list[Driver]:
    """Every driver that a database knows, the study written last first."""
    query = sa.select(_drivers, _now(engine).label("now")).order_by(_drivers.c.heartbeat.desc())
    with engine.connect() as connection:
        try:
            return [_driver(row._mapping) for row in connection.execute(query)]
        except (OperationalError, ProgrammingError):
            return []


def ask_to_stop(engine: Engine, study: str) -> Driver | None:
    """Asks the driver of a study to store what is done and end; it looks every few seconds.

    Returns:
        The driver; None where none is running.
    """
    make_table(engine)
    with engine.begin() as connection:
        query = sa.select(_drivers, _now(engine).label("now")).where(_drivers.c.study == study)
        found = connection.execute(query).first()
        driver = None if found is None else _driver(found._mapping)
        if found is None or driver is None or not driver.alive:
            return None
        connection.execute(sa.delete(_stops).where(_stops.c.study == study))
        connection.execute(sa.insert(_stops).values(study=study, token=found.token))
    return driver


def forget_driver(engine: Engine, study: str) -> None:
    """Deletes what a database knows of a study's drivers, once the study is no longer there."""
    make_table(engine)
    with engine.begin() as connection:
        for table in (_drivers, _stops):
            connection.execute(sa.delete(table).where(table.c.study == study))


def make_table(engine: Engine) -> None:
    """Makes the lock's table where it is missing; two processes may do so at once."""
    try:
        _metadata.create_all(engine)
    except (OperationalError, ProgrammingError, IntegrityError):
        _metadata.create_all(engine)


def _now(engine: Engine) -> sa.ColumnElement[datetime]:
    # SQLite's CURRENT_TIMESTAMP has whole seconds; with fractions "written last" is well defined.
    if engine.dialect.name == "sqlite":
        return sa.type_coerce(sa.func.strftime("%Y-%m-%d %H:%M:%f000", "now"), sa.DateTime)
    return sa.cast(sa.func.current_timestamp(), sa.DateTime)


def _driver(row: Any) -> Driver:
    age = (row["now"] - row["heartbeat"]).total_seconds()
    held = row["token"] is not None
    if row["machine"] == _machine():
        alive = held and _process_start(row["pid"]) == row["process_start"] != ""
    else:
        alive = held and age < STALE_SECONDS
    description = (
        f"process {row['pid']} of {row['username']} on {row['host']}, "
        f"started {row['started']:%Y-%m-%d %H:%M:%S} UTC"
    )
    return Driver(row["study"], alive, description, age)


def username() -> str:
    """Who runs this process; the number of the user where the machine has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _whoami() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "pid": os.getpid(),
        "process_start": _process_start(os.getpid()),
        "username": username(),
    }


def _machine() -> str:
    """Names the boot and the process namespace in which a process id means something."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def _process_start(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _signal_probe(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _signal_probe(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"
