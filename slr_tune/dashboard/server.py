"""Optuna Dashboard, served from this process."""

from __future__ import annotations

import errno
import json
import signal
import socket
import socketserver
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import RDBStorage
from optuna_dashboard import wsgi

from slr_tune.dashboard.artifacts import FileArtifacts
from slr_tune.dashboard.freshness import Freshness
from slr_tune.dashboard.optuna_dashboard_private import NOTE_PATH, STUDY_PATH, STYLE_PATH
from slr_tune.dashboard.own_pages import OwnPages, Reply
from slr_tune.dashboard.read_only_storage import ReadOnlyStorage
from slr_tune.errors import RunFailed

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Hosts that only this machine reaches."""

_SAFE = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    *_SAFE,
]
"""What a browser may do with the dashboard: run its own scripts, and ask nobody else."""

_REASON = "This dashboard is read-only: only the search writes its study."

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A browser opens several connections at a time and may keep one idle."""

    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: one line per request would drown the address."""


def serve(storage: RDBStorage, *, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serves the dashboard until SIGINT or SIGTERM.

    Args:
        storage: The studies' database, opened; it is only read.
        host: Address to listen on.
        port: Port; 0 takes any that is free.
        announce: Called with the address once connections are accepted.

    Raises:
        RunFailed: The address cannot be listened on.
    """
    overlay, artifacts = ReadOnlyStorage(storage), FileArtifacts()
    freshness = Freshness(overlay, artifacts)
    dashboard: Application = wsgi(overlay, artifact_store=artifacts)
    hosts = (*LOOPBACK, host) if host in LOOPBACK else None
    pages = OwnPages(storage, freshness.report)
    application = reading_only(dashboard, freshness.refresh, hosts=hosts, own=pages.answer)
    server = _listen(host, port, application)

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # A process in the background of a shell ignores SIGINT; SIGTERM ends it in any case.
    signal.signal(signal.SIGTERM, stop)
    with server:
        shown = f"[{host}]" if ":" in host else host
        announce(f"The dashboard at http://{shown}:{server.server_port}/  (Ctrl-C stops it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            announce("Dashboard ended.")
        finally:
            freshness.close()


def reading_only(
    dashboard: Application,
    refresh: Callable[[int], None],
    *,
    hosts: tuple[str, ...] | None = None,
    own: Callable[[str], Reply | None] = lambda path: None,
) -> Application:
    """The dashboard without what would change a study.

    Args:
        dashboard: Optuna's application.
        refresh: Called with a study's key before it is answered for.
        hosts: Names under which a browser may ask; None for any. A page from elsewhere that
            points its own name at this machine is refused by it.
        own: Replies for the addresses that are this project's, None for the others.
    """

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "GET")
        asked = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname
        if hosts is not None and asked not in hosts:
            return _refused(start_response, f"{asked} is not a name of this dashboard.")
        if method not in ("GET", "HEAD") and not (method == "PUT" and NOTE_PATH.fullmatch(path)):
            return _refused(start_response, _REASON)
        found = STUDY_PATH.fullmatch(path)
        if found:
            refresh(int(found[1]))
        reply = own(path) if method in ("GET", "HEAD") else None
        if reply is not None:
            content = _own(start_response, reply)
            return content if method == "GET" else []
        if path.startswith("/dashboard"):
            return with_style(dashboard, environ, _guarded(start_response))
        return dashboard(environ, _guarded(start_response))

    return application


def _own(start_response: Callable[..., Any], reply: Reply) -> Iterable[bytes]:
    """A page of this project, whose own policy says what may run in it; or a redirection."""
    status, about, content = reply
    key = "Location" if status.startswith("302") else "Content-Type"
    policy = ("Content-Security-Policy", "frame-ancestors 'none'")
    length = ("Content-Length", str(len(content)))
    start_response(status, [(key, about), length, ("Cache-Control", "no-store"), policy, *_SAFE])
    return [content]


def with_style(
    dashboard: Application, environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Optuna Dashboard's page with the style sheet that hides what it would refuse."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    # An answer that was not changed, or is packed, could not be added to.
    left_out = ("HTTP_ACCEPT_ENCODING", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_NONE_MATCH")
    plain = {key: value for key, value in environ.items() if key not in left_out}
    answer = dashboard(plain, lambda status, headers, *more: begun.append((status, headers)))
    try:
        content = b"".join(answer)
    finally:
        getattr(answer, "close", lambda: None)()
    link = f'<link rel="stylesheet" href="{STYLE_PATH}"></head>'.encode()
    content = content.replace(b"</head>", link, 1)
    status, headers = begun[0]
    kept = [(key, value) for key, value in headers if key.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(content)))])
    return [content]


def _guarded(start_response: Callable[..., Any]) -> Callable[..., Any]:
    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, *_HEADERS], *more)

    return start


def _refused(start_response: Callable[..., Any], reason: str) -> Iterable[bytes]:
    start_response("403 Forbidden", [("Content-Type", "application/json")])
    return [json.dumps({"reason": reason}).encode()]


def _listen(host: str, port: int, application: Application) -> WSGIServer:
    kind = _Server6 if ":" in host else _Server
    try:
        return make_server(host, port, application, kind, _QuietHandler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RunFailed(
                f"port {port} of {host} is in use, perhaps by another dashboard",
                hint=f"Open http://{host}:{port}/, or choose another with --port.",
            ) from error
        reason = error.strerror or str(error)
        raise RunFailed(
            f"cannot listen on {host}:{port}: {reason}",
            hint="Choose another port with --port, or leave --host out.",
        ) from error
    except UnicodeError as error:
        raise RunFailed(
            f"{host!r} is not a host name", hint="Leave --host out to listen on this machine only."
        ) from error
