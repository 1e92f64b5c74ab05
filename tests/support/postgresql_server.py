"""A PostgreSQL server of the test run's own, on loopback: Debian's `postgresql`.

with start_server() as server:
    url = server.new_database()
    server.stop()       # at once, as when its machine dies
    server.start()
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USER = "slr"


def programs() -> Path | None:
    """The folder of the newest installed server's programs, None without one."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


class Server:
    """A server and its folder. It refuses to run as root, so root starts it as `postgres`."""

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs = programs
        self._folder = folder
        self._port = port
        self._databases = 0
        self._call("initdb", "--username", _USER, "--auth", "trust", "--no-sync")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += f" -c unix_socket_directories={self._folder}"
        log = str(self._folder / "log")
        self._call("pg_ctl", "start", "--wait", "--log", log, "--options", options)

    def stop(self) -> None:
        """Breaks all its connections off."""
        self._call("pg_ctl", "stop", "--mode", "immediate")

    def new_database(self) -> str:
        """The URL of an empty database."""
        import psycopg

        self._databases += 1
        name = f"studies_{self._databases}"
        address = f"postgresql://{_USER}@127.0.0.1:{self._port}"
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"{address}/{name}"

    def _call(self, program: str, *arguments: str) -> None:
        data = str(self._folder / "data")
        done = subprocess.run(
            [str(self._programs / program), "--pgdata", data, *arguments],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            user=_owner(),
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def start_server() -> Iterator[Server]:
    """A server for the time of a block; its folder goes with it."""
    found = programs()
    assert found is not None, "PostgreSQL is not installed"
    folder = Path(tempfile.mkdtemp(prefix="slr-tune-postgresql-"))
    if owner := _owner():
        shutil.chown(folder, owner)
    server = Server(found, folder, _free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    return "postgres" if os.getuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
