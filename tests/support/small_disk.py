"""A real disk of a few megabytes, to be filled: a tmpfs of its own, mounted for one test."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """The disk.

    Attributes:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Uses up all room but so many bytes."""
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        size = self._ballast.stat().st_size
        os.truncate(self._ballast, max(0, size - leave))

    def free(self) -> None:
        """Makes the room free again."""
        self._ballast.unlink()

    def partials(self) -> list[str]:
        """What was begun and is not whole."""
        return [path.name for path in self.folder.rglob("*partial*")]


@contextmanager
def mounted_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts one.

    Raises:
        PermissionError: This user may not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        raise PermissionError("a disk can only be mounted by root")
    try:
        yield SmallDisk(folder)
    finally:
        # Lazily: an actor that outlives its trial may still stand in it.
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts one for a test, which is skipped where this user may not."""
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(mounted_disk(folder, megabytes=megabytes))
        except PermissionError as error:
            pytest.skip(str(error))
        yield disk
