"""One process per folder: what two commands must not write to at a time.

The system frees the lock of a process that dies. A file system on which files cannot be locked
locks nobody out. Nothing here imports torch.
"""

from __future__ import annotations

import errno
import fcntl
import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FILE = ".writer.lock"

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class FolderHeld(Exception):
    """Another process writes to the folder; the text names it."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made, for the time of a block.

    Raises:
        FolderHeld: Another process holds it.
        OSError: It cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                file.seek(0)
                raise FolderHeld(file.read().strip() or "another process") from error
        file.truncate(0)
        file.write(_whoami())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _whoami() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"process {os.getpid()} of {user} on {socket.gethostname()}, since {started}\n"
