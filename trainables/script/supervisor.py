"""Stands between a worker and a script: nothing of the script outlives the worker.

Started as a program of its own, with Python's standard library alone. It starts the command in a
session of its own, is nobody's child, and ends all of the command where the worker says so, or is
gone, however that came to be: the worker's end of the pipe is closed then. A process that left the
group is found too, where the system hands orphans to this one (Linux).

Standard input: the pipe of the worker. Standard output: messages to it, JSON lines. Standard
error: the script's output. Arguments: seconds from SIGTERM to SIGKILL, and the command.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_SUBREAPER = 36
_LEFT_SECONDS = 1.0


def main(arguments: list[str]) -> int:
    """Runs a command to its end."""
    grace, command = float(arguments[0]), arguments[1:]
    if os.fork():
        os._exit(0)  # Ray kills the children of a worker first, and would leave the script alone
    _become_subreaper()
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: None)
    try:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=2, stderr=2, start_new_session=True
        )
    except OSError as error:
        _tell({"refused": f"{error.strerror}: {error.filename or command[0]}"})
        return 1
    _tell({"pid": started.pid, "supervisor": os.getpid()})
    script = _Script(started.pid, wake)
    while script.status is None:
        if 0 in script.wait(None):  # asked to stop, or the worker is gone
            script.end(grace)
    left = script.end_others()
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = used if sys.platform == "darwin" else 1024 * used
    _tell({"exit": script.status, "left": left, "peak": peak})
    return 0


class _Script:
    """The command's main process and all that came of it."""

    def __init__(self, pid: int, wake: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self._wake = wake

    def wait(self, seconds: float | None, *, also: tuple[int, ...] = (0,)) -> list[int]:
        """Sleeps until a process ends, the pipe has a message, or the time is over."""
        ready, _, _ = select.select([self._wake, *also], [], [], seconds)
        if self._wake in ready:
            os.read(self._wake, 4096)
        self._reap()
        return ready

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def end(self, grace: float) -> None:
        """SIGTERM to the group, then SIGKILL."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        until = time.monotonic() + grace
        while self.status is None and (left := until - time.monotonic()) > 0:
            self.wait(left, also=())
        if self.status is None:
            self._signal(signal.SIGKILL)
        while self.status is None:
            self.wait(None, also=())

    def end_others(self) -> int:
        """Ends what the main process left behind; how many there were."""
        found = self._others()
        if not found:
            return 0
        for number, seconds in ((signal.SIGTERM, _LEFT_SECONDS), (signal.SIGKILL, _LEFT_SECONDS)):
            until = time.monotonic() + seconds
            for pid in self._others():
                _send(pid, number)
            while self._others() and (left := until - time.monotonic()) > 0:
                self.wait(min(left, 0.05), also=())
        return len(found)

    def _others(self) -> list[int]:
        """Processes of the group, and orphans that were handed to this one."""
        self._reap()
        found = set()
        for path in Path("/proc/self/task").glob("*/children"):
            found |= {int(pid) for pid in path.read_text().split()}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = path.read_text().rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue
            if int(group) == self.pid and state != "Z":
                found.add(int(path.parent.name))
        return sorted(found)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _tell(content: dict[str, object]) -> None:
    try:
        os.write(1, (json.dumps(content) + "\n").encode())
    except OSError:  # the worker is gone
        pass


def _become_subreaper() -> None:
    """Has orphans of the script handed to this process; only Linux can."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
