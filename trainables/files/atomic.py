"""Files and folders that are there whole or not at all, whatever happens while they are written.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from trainables.errors import DataError
from trainables.files.full_disk import full_disk_reported

Opened = TypeVar("Opened")

PROGRESS = "progress"
"""File in a folder that is being filled: what is done, and how much there is to do."""

NOT_WHOLE = (DataError, OSError, ValueError, KeyError, EOFError)
"""What reading a folder raises where files are missing or cut off; numpy ends with EOFError."""


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, whatever happens."""
    with partial_file(path) as partial:
        partial.write_bytes(content)


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """A name to write to next to a file, whose place is taken at the end; its folder is made.

    Raises:
        OSError: The disk is full, whatever the writer raised; what was written is removed.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with full_disk_reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def keyed_folder(parent: Path, key: Sequence[object]) -> Path:
    """Name of the folder for what follows from a key, such as hashes and settings."""
    digest = hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()
    return parent / digest[:24]


def open_or_create(
    folder: Path,
    opened: Callable[[Path], Opened],
    create: Callable[[Path], None],
    *,
    what: str,
    hint: str,
) -> Opened:
    """Opens a folder that processes share, after creating it if none of them has yet.

    One process creates it, the others wait; the system frees the lock of one that dies.

    Args:
        folder: Where it is, or will be.
        opened: What is in a folder; raises one of `NOT_WHOLE` where that is damaged or nothing.
        create: Fills an empty folder.
        what: What is in it, for the error.
        hint: The way out where it cannot be written to.

    Raises:
        DataError: It cannot be written to, or the disk is full.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            with suppress(*NOT_WHOLE):
                return opened(folder)
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            shutil.rmtree(folder, ignore_errors=True)  # damaged, where it is there
            try:
                with full_disk_reported(folder):
                    partial.mkdir()
                    create(partial)
                    os.replace(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            return opened(folder)
    except OSError as error:
        raise DataError(f"{what} cannot be stored in {folder}: {error}", hint=hint) from error
