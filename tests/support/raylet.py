"""A raylet of its own that joins a Ray session on this machine, and can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

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
_START_SECONDS = 180.0
_LOOK_SECONDS = 0.1


class Raylet:
    """The node's processes, started.

    Attributes:
        id: Ray's name for the node, once it has joined.
        process: The one that started the others.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        *,
        before: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Starts it.

        Args:
            address: Of the session.
            folder: For its log, its sockets and all else.
            before: Command that runs it, such as `unshare -m`.
            variables: Of its environment, beside those of this process.
        """
        self.id = ""
        self._others = alive_nodes()
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-c", _START, address, str(folder / "ray")],
                env={**os.environ, **(variables or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """What it printed."""
        return self._log.read_text()

    def wait(self) -> None:
        """Waits until it has joined.

        Raises:
            RuntimeError: It does not.
        """
        end = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            joined = alive_nodes() - self._others
            if joined:
                self.id = joined.pop()
                return
            time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the second node does not join: {self.text[-500:]}")

    def kill(self) -> None:
        """Kills it with -9 and all that belongs to it, as when its plug is pulled."""
        for pid in (*descendants(self.process.pid), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def alive_nodes() -> set[str]:
    """Ids of the session's nodes that are up."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}
