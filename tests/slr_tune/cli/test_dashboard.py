"""`slr-tune dashboard` where it must not or cannot serve."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]


def test_other_hosts_are_refused_without_insecure(database: Path, call: Call) -> None:
    """There is no authentication: whoever reaches the port reads every study."""
    for host in ("0.0.0.0", "192.168.1.5", "::"):
        code, out, output = call("dashboard", "--host", host, "--port", 0)
        assert code == 2 and out == ""
        assert "no authentication" in output and "--insecure" in output and host in output


def test_insecure_warns_and_serves(
    database: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who insists is told once what that means."""
    served: list[Any] = []
    monkeypatch.setattr("slr_tune.dashboard.serve", lambda *_, **how: served.append(how))
    code, _, output = call("dashboard", "--host", "0.0.0.0", "--insecure")
    assert code == 0 and served[0]["host"] == "0.0.0.0"
    assert "Warning" in output and "no authentication" in output


def test_a_port_in_use_is_named(database: Path, call: Call) -> None:
    """Usually it is the dashboard of an hour ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, output = call("dashboard", "--port", port)
    assert code == 1 and f"port {port}" in output and "in use" in output and "--port" in output


def test_a_host_that_is_none_and_a_database_that_is_none(studies: Path, call: Call) -> None:
    """Each of both ends in a sentence, not in a traceback."""
    code, _, output = call("dashboard")
    assert code == 2 and "there is no database" in output
    code, _, output = call("dashboard", "--port", 70000)
    assert code == 2 and "70000" in output


def test_a_host_of_nobody(database: Path, call: Call) -> None:
    """A misspelt address is told as it was given."""
    code, _, output = call("dashboard", "--host", "999.1.1.1", "--insecure", "--port", 0)
    assert code == 1 and "999.1.1.1" in output
