"""A second node beside the test run's Ray session: a raylet with a file system of its own.

It is a real one, with its own object store and workers, in a mount namespace: what is mounted there
with `nsenter` is seen by its workers alone. That needs root, and programs of util-linux.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from own_process import descendants

# As `ray start --block` does it, but on 127.0.0.1, where the session listens that it joins.
_START = """
import signal, sys
from ray._private.node import Node
from ray._private.parameter import RayParams
from slr_tune.training.ray_private import loopback_only
address, folder = sys.argv[1:]
with loopback_only():
    wanted = RayParams(
        gcs_address=address, node_ip_address="127.0.0.1", num_cpus=1, num_gpus=0, temp_dir=folder,
        object_store_memory=80_000_000, min_worker_port=0, max_worker_port=0, node_manager_port=0,
        include_log_monitor=False, dashboard_agent_listen_port=None,
    )
    node = Node(wanted, head=False, shutdown_at_exit=True, spawn_reaper=False)
signal.pause()
"""
_START_SECONDS = 90.0


def possible() -> bool:
    """Whether a mount namespace can be made here."""
    programs = all(map(shutil.which, ("unshare", "nsenter", "mount")))
    return programs and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


class SecondNode:
    """The node, started.

    Attributes:
        id: Ray's name for it, once it has joined.
        worker: Process that has answered a question there; None for none.
    """

    def __init__(self, address: str, folder: str, **variables: str) -> None:
        """Starts it.

        Args:
            address: Of the session.
            folder: For its logs and sockets.
            variables: Of its environment, beside those of this process.
        """
        self.id = ""
        self.worker: int | None = None
        self.log = Path(folder) / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                ["unshare", "-m", sys.executable, "-c", _START, address, f"{folder}/ray"],
                env={**os.environ, **variables},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it printed."""
        return self.log.read_text()

    def wait(self, others: set[str]) -> None:
        """Waits until it has joined."""
        end = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            joined = alive_nodes() - others
            if joined:
                self.id = joined.pop()
                return
            time.sleep(0.1)
        raise AssertionError(f"no second node: {self.text}")

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

    def kill(self) -> None:
        """Pulls its plug."""
        for pid in [*descendants(self.process.pid), self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


def alive_nodes() -> set[str]:
    """Ids of the session's nodes that are up."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


@contextmanager
def second_node(**variables: str) -> Iterator[SecondNode]:
    """A second node of this process's session, for the time of a block."""
    import ray

    address = str(ray.get_runtime_context().gcs_address)
    with TemporaryDirectory(dir="/tmp", prefix="ray-", ignore_cleanup_errors=True) as folder:
        node = SecondNode(address, folder, **variables)
        try:
            node.wait(alive_nodes())
            yield node
        finally:
            node.kill()
