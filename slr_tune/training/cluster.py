"""Whether a Ray cluster answers, before Ray tries: Ray waits a minute and then ends the process."""

from __future__ import annotations

import socket

from slr_tune.errors import RunFailed
from slr_tune.training.ray_private import check_token, token_file, uses_tls
from trainables.errors import first_line

_CONNECT_SECONDS = 10.0
_CLIENT = "ray://"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What every gRPC server answers with settings of its own: HTTP/2's preface and empty settings.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4


def check_cluster(address: str) -> None:
    """Refuses an address at which no Ray cluster answers that takes our token.

    Args:
        address: `HOST:PORT`, or `ray://HOST:PORT`; "auto" is left to Ray.

    Raises:
        RunFailed: With what is there instead.
    """
    if address == "auto":
        return
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise RunFailed(
            f"--address {address!r} is not the address of a Ray cluster",
            hint="It is HOST:PORT, such as 10.0.0.5:6379; ray status shows it. "
            "Leave --address out to use this machine alone.",
        )
    _greet(address, host.strip("[]"), int(port))
    if not address.startswith(_CLIENT):
        _check_token(address)


def _greet(address: str, host: str, port: int) -> None:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connection:
            if not uses_tls():
                connection.sendall(_GREETING)
                answer = connection.recv(9)
                if len(answer) < 4 or answer[3] != _SETTINGS:
                    raise _unreachable(address, "what answers there is not Ray")
    except TimeoutError as error:
        raise _unreachable(address, f"no answer within {_CONNECT_SECONDS:g} s") from error
    except OSError as error:
        raise _unreachable(address, error.strerror or first_line(error)) from error


def _check_token(address: str) -> None:
    from ray.exceptions import AuthenticationError

    try:
        check_token(address)
    except AuthenticationError as error:
        raise RunFailed(
            f"the Ray cluster at {address} rejects the token",
            hint="Put the cluster's token into the variable RAY_AUTH_TOKEN, or put it into "
            f"{token_file()}.",
        ) from error


def _unreachable(address: str, reason: str) -> RunFailed:
    return RunFailed(
        f"the Ray cluster at {address} cannot be reached: {reason}",
        hint="Start it or correct --address (ray status shows it on the cluster), or leave "
        "--address out to use this machine alone.",
    )


def only_here(address: str) -> bool:
    """Whether a cluster listens on this machine's loopback and nowhere else, as our sessions do.

    A process that joins it must be there too: from the machine's outer address Ray would look for
    a node that does not exist, for ever.

    Args:
        address: As `check_cluster` takes it, and has taken it.
    """
    host, _, port = address.rpartition(":")
    if host.strip("[]") not in _LOOPBACK:
        return False
    from ray.util import get_node_ip_address

    outer = get_node_ip_address()
    if outer in _LOOPBACK:
        return True
    try:
        with socket.create_connection((outer, int(port)), timeout=1.0):
            return False
    except OSError:
        return True
