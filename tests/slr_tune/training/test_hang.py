"""A training in one process that hangs: in a system call, and where no signal reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from small_runs import FEW, SMALL

from slr_tune.cli.main import run as slr_tune
from slr_tune.training.hang import WHERE
from trainables.files.checkpoint import CheckpointFolder

GIVEN = ["student", "--data", FEW, "--set", "max_epochs=4000", "--set", "patience=4000"]
GIVEN += [word for name, value in SMALL.items() for word in ("--set", f"{name}={value}")]


def test_a_file_that_never_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As on a disk of the network that is gone: the curve becomes a pipe that nobody reads."""
    folder = tmp_path / "run"
    curve = folder / "curve.csv"

    def hang() -> None:
        while not curve.exists() or curve.read_text().count("\n") < 4:
            time.sleep(0.005)
        os.mkfifo(folder / "pipe")
        (folder / "pipe").replace(curve)

    breaking = threading.Thread(target=hang)
    breaking.start()
    code = slr_tune(["train", *GIVEN, "--out", str(folder), "--epoch-timeout", "1.5"])
    breaking.join()
    output = capsys.readouterr().err
    assert code == 1 and "Traceback" not in output
    assert "slr-tune: no epoch came within 1.5 s: the run hangs" in output
    assert "the same command again to resume" in output and "--epoch-timeout SECONDS" in output
    assert "curve.py" in (folder / WHERE).read_text()
    state = CheckpointFolder(folder / "checkpoints").load_latest()
    assert state is not None and len(state["rows"]) == state["epoch"] >= 3
    assert not list(folder.rglob("*partial*"))


LOCKED = """
import ctypes, sys
from pathlib import Path
from slr_tune.training import hang

hang._GRACE_SECONDS = 0.2
library, lock = ctypes.CDLL(None), ctypes.create_string_buffer(256)
with hang.HangWatch(Path(sys.argv[1]), 0.4) as watch:
    watch.brought()
    for _ in range(2):
        library.pthread_mutex_lock(lock)
"""


def test_a_library_that_waits_for_its_own_lock(tmp_path: Path) -> None:
    """No exception can be raised there: the process ends all the same, with the same words."""
    done: Any = subprocess.run(
        [sys.executable, "-c", LOCKED, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("slr-tune: no epoch came within 0.4 s: the run hangs\n  All")
    assert "line 11" in (tmp_path / WHERE).read_text()
