"""Signals that end a command, sent to the command in a process of its own.

One broken here: `ray.init` replaces the handler of SIGTERM, and the command aborts with C++ text
instead of storing.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState
from own_process import Command
from toy_space import write_toy_space

from slr_tune.study.folders import trial_folder
from slr_tune.study.lock import drivers
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study
from trainables.files.checkpoint import CheckpointFolder

CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def check_end(code: int, output: str, wanted: int) -> None:
    assert code == wanted, output
    assert "Traceback" not in output and "*** SIG" not in output, output
    assert "the same command goes on" in output.lower(), output


@pytest.mark.usefixtures("ray_two_cores", "database")
@pytest.mark.parametrize("number", CODES)
def test_a_search_is_stored_and_parked(tmp_path: Path, number: signal.Signals) -> None:
    """Slurm's and Kubernetes' SIGTERM, and the SIGHUP of a closed connection, as Ctrl-C."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 60})
    command = Command("run", space)
    assert command.wait_for_lines(journal, 4)
    check_end(*command.end(number), CODES[number])
    trials = load_study("toy").trials
    states = {trial.state for trial in trials}
    assert TrialState.WAITING in states
    assert not states & {TrialState.RUNNING, TrialState.FAIL}
    assert not any(driver.alive for driver in drivers(open_storage().engine))
    latest = [CheckpointFolder(trial_folder("toy", t.number) / "checkpoints") for t in trials]
    states_kept = [state for folder in latest if (state := folder.load_latest()) is not None]
    stored = sum(len(state["rows"]) for state in states_kept)
    assert stored >= len(journal.read_text().splitlines()) - 2  # an epoch a worker was in the air


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_an_ablation_is_stored(tmp_path: Path) -> None:
    """The same of the trainings outside of a search."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, fixed={"journal": journal, "milliseconds": 60})
    command = Command("ablate", space, "--factor", "width", "--seeds", "3")
    assert command.wait_for_lines(journal, 4)
    check_end(*command.end(signal.SIGTERM), 143)


def test_a_training_is_stored(tmp_path: Path) -> None:
    """`train` opens no Ray session; its epochs are stored all the same."""
    arguments = ["train", "student", "--set", "max_epochs=200", "--set", "hidden=16"]
    command = Command(*arguments, "--out", str(tmp_path / "run"), ray=False)
    curve = tmp_path / "run" / "curve.csv"
    assert command.wait_for_lines(curve, 2), command.end()[1]
    check_end(*command.end(signal.SIGTERM), 143)
    assert (tmp_path / "run" / "checkpoints" / "checkpoint_latest.pt").exists()


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    """What cannot be told any more must not keep it from being stored."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 60})
    ours, theirs = pty.openpty()
    command = Command("run", space, terminal=theirs)
    os.close(theirs)
    assert command.wait_for_lines(journal, 4)
    os.close(ours)  # the kernel sends SIGHUP
    assert command.process.wait(timeout=60) == 129
    states = {trial.state for trial in load_study("toy").trials}
    assert TrialState.WAITING in states and TrialState.RUNNING not in states


def test_nohup_is_heeded(tmp_path: Path) -> None:
    """A command started under nohup goes on when the terminal is closed."""
    code = (
        "import os, signal\n"
        "from slr_tune.training.interrupt import end_like_ctrl_c, interrupt_flag\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "end_like_ctrl_c()\n"
        "with interrupt_flag(print) as asked:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print(asked.is_set())\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n")
