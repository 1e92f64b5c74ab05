"""Ray sessions that start, join and refuse, in processes of their own and with real sockets."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from slr_tune.errors import RunFailed
from slr_tune.training import cluster, session
from slr_tune.training.cluster import check_cluster
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.session import ray_session
from trainables.errors import first_line

OPENS = """
import os, ray
from pathlib import Path
from slr_tune.training.session import ray_session
with ray_session(address=None, cpus=1):
    (folder,) = Path(os.environ["RAY_TMPDIR"]).glob("slr-tune-*")
    print(oct(folder.stat().st_mode & 0o777), ray.cluster_resources()["CPU"], flush=True)
    if "DIE" in os.environ:
        os.kill(os.getpid(), 9)
"""
JOINS = """
import sys
from slr_tune.training.cluster import check_cluster
from slr_tune.errors import RunFailed
try:
    check_cluster(sys.argv[1])
except RunFailed as error:
    print(error)
"""


def python(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def answers(text: bytes | None) -> Iterator[str]:
    """A server that is not Ray: it says something, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if text is not None:
            process = os.fork()
            if process == 0:
                connection, _ = server.accept()
                connection.recv(4)
                connection.sendall(text)
                os._exit(0)
        yield f"127.0.0.1:{server.getsockname()[1]}"
        if text is not None:
            os.waitpid(process, 0)


def test_a_session_of_its_own_beside_somebody_elses() -> None:
    """RAY_ADDRESS is set in every job of a Ray cluster, and a cluster file may be left over; the
    session's files are private, and gone at the end, also after a kill once the next one starts.
    """
    with TemporaryDirectory(dir="/tmp", prefix="ray-") as folder:  # sockets bear no long paths
        (Path(folder) / "ray").mkdir()
        (Path(folder) / "ray" / "ray_current_cluster").write_text("127.0.0.1:6398")
        left = {"RAY_ADDRESS": "127.0.0.1:6398", "RAY_TMPDIR": folder}
        killed = python(OPENS, **left, DIE="yes")
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert len(list(Path(folder).glob("slr-tune-*"))) == 1
        done = python(OPENS, **left)
        assert (done.stdout, done.stderr) == ("0o700 1.0\n", "")
        assert [path.name for path in Path(folder).iterdir()] == ["ray"]


def test_a_signal_to_the_group_spares_the_session() -> None:
    """As a terminal, `timeout` or a batch system sends it: what is done could not be stored."""
    code = """
import os, signal, ray
from slr_tune.training.interrupt import interrupt_flag
from slr_tune.training.session import ray_session
os.setsid()
with interrupt_flag(print) as asked, ray_session(address=None, cpus=1):
    os.killpg(0, signal.SIGTERM)
    print(asked.exit_code, ray.cluster_resources()["CPU"])
    print(ray.get(ray.remote(lambda: 7).remote()))
"""
    done = python(code)
    assert done.stdout.splitlines()[1:] == ["143 1.0", "7"], done.stderr


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Two commands at once on one machine."""
    with scratch_folder(tmp_path) as first:
        assert stat.S_IMODE(first.stat().st_mode) == 0o700
        (first / "file").touch()
        with scratch_folder(tmp_path) as second:
            assert second != first and (first / "file").exists()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["nowhere", "10.0.0.1:port", "127.0.0.1:99999"])
def test_no_address(address: str) -> None:
    """It is told what an address looks like."""
    with pytest.raises(RunFailed, match="is not the address of a Ray cluster"):
        check_cluster(address)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself waits for a minute and then ends the process with C++ text."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RunFailed, match="Connection refused"):
        check_cluster(f"127.0.0.1:{port}")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.2)
    with answers(None) as address, pytest.raises(RunFailed, match=r"no answer within 0\.2 s"):
        check_cluster(address)
    message = b"HTTP/1.1 400 Bad Request\r\n"
    with answers(message) as address, pytest.raises(RunFailed, match="is not Ray"):
        check_cluster(address)


@pytest.mark.usefixtures("ray_two_cores")
def test_a_wrong_token_is_called_what_it_is() -> None:
    """It was called unreachable."""
    import ray

    address = str(ray.get_runtime_context().gcs_address)
    refused = python(JOINS, address, RAY_AUTH_TOKEN="wrong" * 8)
    assert "rejects the token" in refused.stdout and "RAY_AUTH_TOKEN" in refused.stdout
    assert refused.stderr == ""
    assert python(JOINS, address).stdout == ""


def test_a_start_that_times_out_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine: Ray raises a bare Exception, maybe without a word."""
    import ray

    text = [Exception(), Exception("The current node timed out during startup.\nAdvice")]
    tries: list[dict[str, object]] = []

    def too_slow(**options: object) -> None:
        tries.append(options)
        raise text[len(tries) - 1]

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", too_slow)
    with pytest.raises(RunFailed) as raised, ray_session(address=None, cpus=1):
        pass
    assert len(tries) == 2 and all(options["address"] == "local" for options in tries)
    assert raised.value.message.endswith("The current node timed out during startup.")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Exception(), "Exception"),
        (Exception("\n \n"), "Exception"),
        (ValueError("\nfirst\nsecond"), "first"),
    ],
)
def test_first_line(error: Exception, line: str) -> None:
    """An error without a word ended in an IndexError."""
    assert first_line(error) == line


def test_nothing_of_ray_is_printed_on_stdout_when_a_session_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After Ctrl-C it said there that a worker had died unexpectedly: we had ended it."""
    import ray
    from ray._private import worker

    def end() -> None:
        data = {"lines": ["A worker died"], "pid": "raylet", "is_err": False}
        worker.print_to_stdstream(data, ignore_prefix=False)

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(session, "end_session", end)
    for name in ("_start", "ensure_token", "_keep_token_private"):
        monkeypatch.setattr(session, name, lambda *_: None)
    with ray_session(address=None, cpus=1):
        pass
    assert capsys.readouterr().out == ""
