"""One process per folder: what two commands must not write to at a time.

The lock is the process's: it may take a folder twice, a child that it forks does not hold it, and
the system frees it when the process dies. Nothing here imports torch.
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

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
"""Of file systems that lock no files: there nobody is locked out."""


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
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                file.seek(0)
                raise FolderHeld(file.read().strip() or "another process") from error
            if error.errno not in _NO_LOCKS:
                raise
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
