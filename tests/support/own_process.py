"""A command in a process of its own, on the test run's Ray session: to be stopped and killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


class Command:
    """`slr-tune run` or `slr-tune ablate`, started."""

    def __init__(self, name: str, space: Path, *arguments: str) -> None:
        import ray

        address = ray.get_runtime_context().gcs_address
        command = [sys.executable, "-m", "slr_tune.cli.main", name, str(space)]
        self.process = subprocess.Popen(
            [*command, "--address", address, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ,
        )

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
        output, _ = self.process.communicate(timeout=180)
        return self.process.returncode, output
