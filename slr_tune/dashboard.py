"""Optuna Dashboard, served from this process."""

from __future__ import annotations

import signal
import socketserver
from collections.abc import Callable
from types import FrameType
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import RDBStorage
from optuna_dashboard import wsgi

from slr_tune.errors import RunFailed


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A browser opens several connections at a time and may keep one idle."""

    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a line a request would drown the address."""


def serve(storage: RDBStorage, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serves the dashboard until SIGINT or SIGTERM.

    Args:
        storage: The studies' database, opened.
        host: Address to listen on.
        port: Port; 0 takes any that is free.
        announce: Called with the address once connections are accepted.

    Raises:
        RunFailed: The address cannot be listened on.
    """
    try:
        server = make_server(host, port, wsgi(storage), _Server, _QuietHandler)
    except OSError as error:
        raise RunFailed(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="Choose another port with --port.",
        ) from error

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with server:
        announce(f"Optuna Dashboard at http://{host}:{server.server_port}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            announce("Dashboard ended.")
