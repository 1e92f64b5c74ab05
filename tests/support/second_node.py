"""A second node beside the test run's Ray session: a raylet with a file system of its own.

It is a real one, with its own object store and workers, in a mount namespace: what is mounted there
with `nsenter` is seen by its workers alone. That needs root, and programs of util-linux.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from raylet import Raylet


def possible() -> bool:
    """Whether a mount namespace can be made here."""
    programs = all(map(shutil.which, ("unshare", "nsenter", "mount")))
    return programs and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


class SecondNode(Raylet):
    """The node, started.

    Attributes:
        worker: Process that has answered a question there; None for none.
    """

    def __init__(self, address: str, folder: Path, **variables: str) -> None:
        """Starts it, in a mount namespace.

        Args:
            address: Of the session.
            folder: For its logs and sockets.
            variables: Of its environment, beside those of this process.
        """
        super().__init__(address, folder, before=("unshare", "-m"), variables=variables)
        self.worker: int | None = None

    def run(self, *command: str | Path) -> None:
        """Runs a command that sees what the node sees."""
        subprocess.run(
            ["nsenter", "-m", "-t", str(self.process.pid), *map(str, command)],
            check=self.process.poll() is None,
            capture_output=True,
        )

    def read(self, file: Path) -> str:
        """What a file holds as the node sees it; nothing where it is not there."""
        try:
            return Path(f"/proc/{self.process.pid}/root{file}").read_text()
        except OSError:
            return ""

    @contextmanager
    def hidden(self, *folders: Path) -> Iterator[None]:
        """Empty folders of its own in their places, for the time of a block."""
        for folder in folders:
            self.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder)
        try:
            yield
        finally:
            for folder in folders:
                self.run("umount", "-l", folder)

    @contextmanager
    def replaced(self, file: Path, other: Path) -> Iterator[None]:
        """Another file in the place of one, for the time of a block."""
        self.run("mount", "--bind", other, file)
        try:
            yield
        finally:
            self.run("umount", "-l", file)


@contextmanager
def second_node(**variables: str) -> Iterator[SecondNode]:
    """A second node of this process's session, for the time of a block."""
    import ray

    address = str(ray.get_runtime_context().gcs_address)
    with TemporaryDirectory(dir="/tmp", prefix="ray-", ignore_cleanup_errors=True) as folder:
        node = SecondNode(address, Path(folder), **variables)
        try:
            node.wait()
            yield node
        finally:
            node.kill()
