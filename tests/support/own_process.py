"""A command in a process of its own, on the test run's Ray session: to be stopped and killed."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar


class Command:
    """A command, started.

    Attributes:
        patience: Seconds that `end` waits.
    """

    patience: ClassVar[float] = 180.0
    _started: ClassVar[list[subprocess.Popen[str]]] = []

    def __init__(
        self,
        name: str,
        *arguments: str | Path,
        ray: bool = True,
        terminal: int | None = None,
        folder: Path | None = None,
    ) -> None:
        """Starts it.

        Args:
            name: Of the subcommand.
            arguments: As they are typed.
            ray: Whether it goes to the session of this process.
            terminal: Descriptor of the one it has; None for pipes.
            folder: In which it is given; None for this process's.
        """
        command = [sys.executable, "-m", "slr_tune.cli.main", name, *map(str, arguments)]
        if ray:
            command += ["--address", _session()]
        self.process = subprocess.Popen(
            command,
            stdin=terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=subprocess.STDOUT if terminal is None else terminal,
            text=True,
            env=os.environ,
            cwd=folder,
            preexec_fn=None if terminal is None else _take_terminal,
        )

        self._started.append(self.process)

    @classmethod
    def end_all(cls) -> None:
        """Kills those that a test which failed left running: the next would be blamed for them."""
        while cls._started:
            process = cls._started.pop()
            if process.poll() is None:
                process.kill()
                process.wait()

    def wait_until(self, seen: Callable[[], bool]) -> bool:
        """Whether that came true before the command ended."""
        while self.process.poll() is None:
            if seen():
                return True
            select.select([], [], [], 0.01)
        return False

    def wait_for_lines(self, path: Path, count: int) -> bool:
        """Whether a file got that many lines before the command ended."""
        return self.wait_until(
            lambda: path.exists() and len(path.read_text().splitlines()) >= count
        )

    def end(self, number: signal.Signals | None = None) -> tuple[int, str]:
        """Sends a signal, or none, and waits; exit code and output."""
        if number is not None:
            self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=self.patience)
        return self.process.returncode, output


def ancestors(pid: int) -> list[int]:
    """Processes above one, the nearest first."""
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


def descendants(pid: int) -> list[int]:
    """Processes below one."""
    running = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [one for one in running if pid in ancestors(one)]


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pids: list[int], *, seconds: float = 20.0) -> bool:
    """Whether all of some processes end within a time."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        select.select([], [], [], 0.02)
    return not any(map(alive, pids))


def _session() -> str:
    import ray

    return str(ray.get_runtime_context().gcs_address)


def _take_terminal() -> None:
    """Makes standard input the terminal that sends this process its SIGHUP."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
