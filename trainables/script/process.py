"""A script as a process: started, watched, and ended with all that came of it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainables.errors import ConfigError

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_TELL_SECONDS = 0.5
"""Time that the supervisor may take to report a script's end, seconds."""
_SPARE_SECONDS = 10.0
"""On top of what a script gets to end: to find what it left behind."""


@dataclass(frozen=True)
class ProcessEnd:
    """How a script ended.

    Attributes:
        code: Its exit code; below 0 for the signal that ended it.
        left: Processes that it left behind, which were ended.
        peak: Most memory of the largest of its processes, bytes; 0 where that is not known.
    """

    code: int
    left: int = 0
    peak: int = 0

    @property
    def text(self) -> str:
        """In words: `exit code 1`, `SIGKILL`."""
        if self.code >= 0:
            return f"exit code {self.code}"
        with suppress(ValueError):
            return signal.Signals(-self.code).name
        return f"signal {-self.code}"


@dataclass
class ScriptProcess:
    """A script that runs.

    Attributes:
        command: The command line.
        output: File that its output is added to.
        stop_seconds: From SIGTERM to SIGKILL.
        pid: Its process; None before it is known.
    """

    command: Sequence[str]
    output: Path
    stop_seconds: float
    pid: int | None = None
    _supervisor: subprocess.Popen[bytes] | None = None
    _end: ProcessEnd | None = None
    _messages: list[dict[str, Any]] = field(default_factory=list)
    _rest: bytes = b""
    _watcher: int | None = None

    def start(self, *, working_folder: Path, environment: Mapping[str, str]) -> None:
        """Starts it.

        Args:
            working_folder: Where.
            environment: Variables over those of this process.

        Raises:
            ConfigError: There is no such program, or no such folder.
        """
        supervised = [sys.executable, "-I", "-S", str(_SUPERVISOR), str(self.stop_seconds)]
        self.output.parent.mkdir(parents=True, exist_ok=True)
        if not working_folder.is_dir():
            raise ConfigError(f"working_folder: there is no folder {working_folder}")
        with self.output.open("ab") as log:
            self._supervisor = subprocess.Popen(
                [*supervised, *self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=working_folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        self._supervisor.wait()  # it continues as an orphan
        assert self._supervisor.stdout is not None
        os.set_blocking(self._supervisor.stdout.fileno(), False)

    def end(self) -> ProcessEnd | None:
        """How it ended; None while it runs.

        Raises:
            ConfigError: It could not be started.
        """
        if self._end is not None or self._supervisor is None:
            return self._end
        gone = self._read()
        for message in self._messages:
            if "refused" in message:
                raise ConfigError(
                    f"the command cannot be started: {message['refused']}",
                    hint=f"It is {' '.join(self.command)}, in PATH or the working folder.",
                )
            if "exit" in message:
                code, left, peak = (int(message[key]) for key in ("exit", "left", "peak"))
                self._end = ProcessEnd(code, left, peak)
        if self._end is None and gone:
            # The supervisor itself was killed: what it watched is ended from here.
            self._kill_group()
            self._end = ProcessEnd(-signal.SIGKILL)
        if self._end is not None:
            self._close_pipes()
        return self._end

    def peak(self) -> int:
        """Most memory of it so far, bytes; 0 where that is not known.

        The system does not report one that has ended: then the supervisor does, at once.
        """
        if self._end is None and self.pid is not None and self._supervisor is not None:
            found = _peak_of(self.pid)
            if found or not Path("/proc/self/status").exists():
                return found
            assert self._supervisor.stdout is not None
            select.select([self._supervisor.stdout], [], [], _TELL_SECONDS)
        ended = self.end()
        return 0 if ended is None else ended.peak

    def stop(self) -> ProcessEnd | None:
        """Ends it: SIGTERM to its process group, then SIGKILL. None where it was never started."""
        if self._supervisor is None or self._end is not None:
            return self._end
        assert self._supervisor.stdin is not None and self._supervisor.stdout is not None
        with suppress(OSError):
            self._supervisor.stdin.close()
        until = time.monotonic() + self.stop_seconds + _SPARE_SECONDS
        while time.monotonic() < until:
            try:
                ended = self.end()
            except ConfigError:
                self._close_pipes()
                return None
            if ended is not None:
                return ended
            select.select([self._supervisor.stdout], [], [], until - time.monotonic())
        self._kill_group()
        if self._watcher is not None:
            with suppress(ProcessLookupError):
                os.kill(self._watcher, signal.SIGKILL)
        self._end = ProcessEnd(-signal.SIGKILL)
        self._close_pipes()
        return self._end

    def _read(self) -> bool:
        """Takes the supervisor's messages; whether it is gone."""
        assert self._supervisor is not None and self._supervisor.stdout is not None
        content = self._supervisor.stdout.read()
        *lines, self._rest = (self._rest + (content or b"")).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self._messages.append(message)
            self.pid = message.get("pid", self.pid)
            self._watcher = message.get("supervisor", self._watcher)
        return content == b""

    def _kill_group(self) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _close_pipes(self) -> None:
        assert self._supervisor is not None
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _peak_of(pid: int) -> int:
    """Most memory that a process had so far, bytes; 0 where the system does not say."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def last_lines(path: Path, most: int = 15) -> list[str]:
    """The last lines of an output that say something; of a Python traceback its end.

    A progress bar's earlier states are left out.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    lines = [line.rpartition("\r")[2].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return [line for line in lines if line][-most:]
