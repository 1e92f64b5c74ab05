"""A Ray cluster of two nodes on this machine: two raylets, each with its own store and folder.

Both listen on 127.0.0.1 and ask for the token. The first is the session of this process; the second
can be killed and started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from own_process import descendants

# As `ray start --address` does it, which cannot be told to listen on loopback alone.
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
_LOOK_SECONDS = 0.2


class OtherNode:
    """The second node of this process's session."""

    def __init__(self, address: str, folder: Path) -> None:
        """Starts it, and waits until it has joined.

        Args:
            address: Of the session.
            folder: For its logs and sockets; each start makes one of its own below it.
        """
        self._address = address
        self._folder = folder
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it again.

        Raises:
            RuntimeError: It does not join.
        """
        before = alive_nodes()
        self._starts += 1
        place = self._folder / str(self._starts)
        place.mkdir(parents=True)
        command = [sys.executable, "-c", _START, self._address, str(place)]
        with (place / "log").open("w") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            if alive_nodes() - before:
                return
            time.sleep(_LOOK_SECONDS)
        raise RuntimeError(f"the second node does not join: {(place / 'log').read_text()[-500:]}")

    def kill(self) -> None:
        """Kills its raylet with -9 and all that belongs to it, as when its plug is pulled."""
        if self._process is None:
            return
        for pid in (self._process.pid, *descendants(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None


def alive_nodes() -> set[str]:
    """Ids of the session's nodes."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


@contextmanager
def two_nodes() -> Iterator[OtherNode]:
    """The cluster for the time of a block; gives the node that may be killed."""
    from slr_tune.training.ray_private import prepare_environment
    from slr_tune.training.session import ray_session

    prepare_environment()
    with ray_session(address=None, cpus=1), TemporaryDirectory(dir="/tmp", prefix="slr-n-") as name:
        import ray

        node = OtherNode(str(ray.get_runtime_context().gcs_address), Path(name))
        try:
            yield node
        finally:
            node.kill()
