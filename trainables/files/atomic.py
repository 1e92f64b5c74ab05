"""Files and folders that are there whole or not at all, whatever happens while they are written.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

Opened = TypeVar("Opened")


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees the old content or the new, whatever happens."""
    with partial_file(path) as partial:
        partial.write_bytes(content)


@contextmanager
def partial_file(path: Path) -> Iterator[Path]:
    """A name to write to beside a file, whose place is taken at the end; its folder is made."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
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
    folder: Path, opened: Callable[[Path], Opened | None], create: Callable[[Path], None]
) -> Opened:
    """Opens a folder that processes share, after creating it if none of them has yet.

    One process creates it, the others wait; the system frees the lock of one that dies.

    Args:
        folder: Where it lies, or is to lie.
        opened: What lies in a folder; None where there is nothing whole.
        create: Fills an empty folder.

    Raises:
        OSError: It cannot be written to.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        found = opened(folder)
        if found is None:
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
            shutil.rmtree(folder, ignore_errors=True)  # damaged, where it is there
            partial.mkdir()
            create(partial)
            os.replace(partial, folder)
            found = opened(folder)
    assert found is not None  # it was created a moment ago
    return found
