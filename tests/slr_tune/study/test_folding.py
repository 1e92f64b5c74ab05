"""The database file alone is the study, after every end of a command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from own_process import Command
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune

OPEN_AND_END = """
import os, signal, sys
from slr_tune.study.storage import open_storage
from optuna.study import StudyDirection

storage = open_storage(create=True)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
storage.create_new_study([StudyDirection.MINIMIZE], "s")
assert os.path.getsize(sys.argv[1] + "-wal") > 0
if sys.argv[2] == "raise":
    raise RuntimeError
if sys.argv[2] == "signal":
    os.kill(os.getpid(), signal.SIGTERM)
"""


def alone(database: Path, folder: Path) -> list[dict[str, object]]:
    """What `slr-tune list` says of a copy of the file without its log."""
    folder.mkdir()
    copy = shutil.copy(database, folder / "copy.db")
    done = subprocess.run(
        [sys.executable, "-m", "slr_tune.cli.main", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SLR_TUNE_STORAGE": f"sqlite:///{copy}"},
    )
    studies: list[dict[str, object]] = json.loads(done.stdout)
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    return studies


@pytest.mark.parametrize("end", ["return", "raise", "signal"])
def test_every_end_of_a_process(tmp_path: Path, database: Path, end: str) -> None:
    """A process that opened the database and closed nothing itself."""
    subprocess.run(
        [sys.executable, "-c", OPEN_AND_END, str(database), end], capture_output=True, check=False
    )
    assert [study["name"] for study in alone(database, tmp_path / "copied")] == ["s"]
    assert not Path(f"{database}-wal").exists() and not Path(f"{database}-shm").exists()


@pytest.mark.usefixtures("ray_two_cores")
def test_a_search_that_ends_and_one_that_is_stopped(tmp_path: Path, database: Path) -> None:
    """The copied file has all trials, with their states and values."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 40}
    space = write_toy_space(tmp_path, trials=4, fixed=fixed)
    command = Command("run", space)
    assert command.wait_for_lines(journal, 6)
    code, output = command.end(signal.SIGINT)
    assert code == 130, output
    (stopped,) = alone(database, tmp_path / "stopped")
    assert isinstance(stopped["trials"], dict) and stopped["trials"]["WAITING"] >= 1
    assert "RUNNING" not in stopped["trials"]
    code, output = Command("run", space).end()
    assert code == 0, output
    (whole,) = alone(database, tmp_path / "whole")
    assert isinstance(whole["trials"], dict) and sum(whole["trials"].values()) == 4
    assert not Path(f"{database}-wal").exists()


def test_views_leave_nothing_beside_the_file(database: Path, tmp_path: Path) -> None:
    """A view that made the log and left it would hide what the next copy lacks."""
    assert slr_tune(["list"]) == 0
    assert slr_tune(["show"]) == 2
    assert sorted(path.name for path in database.parent.iterdir()) == [database.name]
