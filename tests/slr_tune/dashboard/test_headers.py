"""What a browser may do with the dashboard, and who can reach it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from slr_tune.dashboard.server import reading_only


def test_every_answer_says_what_a_browser_may_do() -> None:
    found: list[tuple[str, str]] = []

    def dashboard(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b""]

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> None:
        found.extend(headers)

    environ = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "HTTP_HOST": "127.0.0.1"}
    list(reading_only(dashboard, lambda key: None)(environ, start))
    policy = dict(found)["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe-eval" not in policy and "frame-ancestors 'none'" in policy


def test_it_listens_on_loopback_only(database: Path) -> None:
    """Read from the system's own table, as `ss -ltn` would show it."""
    command = [sys.executable, "-m", "slr_tune.cli.main", "dashboard", "--port", "0"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://([\d.]+):(\d+)/", process.stdout.readline())
            assert found is not None
            assert listening(int(found[2])) == {"0100007F"} and found[1] == "127.0.0.1"
        finally:
            process.terminate()


def listening(port: int) -> set[str]:
    """Addresses, in the kernel's hexadecimal, on which somebody listens at a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    places = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in places if int(number, 16) == port}
