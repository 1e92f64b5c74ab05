"""A Ray cluster of two nodes on this machine: two raylets, each with its own store and folder.

Both listen on 127.0.0.1 and ask for the token. The first is the session of this process; the second
can be killed and started again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from raylet import Raylet


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
        self._raylet: Raylet | None = None
        self.start()

    def start(self) -> None:
        """Starts it again.

        Raises:
            RuntimeError: It does not join.
        """
        self._starts += 1
        place = self._folder / str(self._starts)
        place.mkdir(parents=True)
        self._raylet = Raylet(self._address, place)
        self._raylet.wait()

    def kill(self) -> None:
        """Kills its raylet with -9 and all that belongs to it, as when its plug is pulled."""
        if self._raylet is not None:
            self._raylet.kill()
            self._raylet = None


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
