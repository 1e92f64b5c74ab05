"""Who can reach a search: nothing of Ray listens beyond this machine, as `ss -ltnp` shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

_LISTENING = "0A"


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def sockets(pid: int) -> set[str]:
    """Inodes of a process's sockets."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def listening() -> dict[str, IPv4Address | IPv6Address]:
    """Address of each listening socket of this machine, by its inode."""
    found: dict[str, IPv4Address | IPv6Address] = {}
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING:
                packed = bytes.fromhex(fields[1].split(":")[0])
                words = [packed[i : i + 4][::-1] for i in range(0, len(packed), 4)]
                found[fields[9]] = ip_address(b"".join(words))
    return found


@pytest.mark.usefixtures("ray_two_cores")
def test_ray_listens_on_loopback_only() -> None:
    import ray

    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
    ours = {inode for pid in family(os.getpid()) for inode in sockets(pid)}
    places = [address for inode, address in listening().items() if inode in ours]
    assert len(places) >= 4  # the driver, the two raylets' ports, the global store
    for address in places:
        mapped = getattr(address, "ipv4_mapped", None) or address
        assert mapped.is_loopback, address
