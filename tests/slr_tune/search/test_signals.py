"""Signals that end a command, sent to the command in a process of its own.

One broken here: `ray.init` replaces the handler of SIGTERM, and the command aborts with C++ text
instead of storing.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from optuna.trial import TrialState
from own_process import Command, descendants, gone
from small_runs import small_space
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.folders import trial_folder
from slr_tune.study.lock import drivers
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study
from trainables.files.checkpoint import CheckpointFolder, load_checkpoint

CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}


def check_end(code: int, output: str, wanted: int) -> None:
    assert code == wanted, output
    assert "Traceback" not in output and "*** SIG" not in output, output
    assert "To resume:\n  slr-tune " in output, output


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


@pytest.mark.usefixtures("database")
def test_a_signal_to_every_process_of_the_job(tmp_path: Path) -> None:
    """As `scancel` sends it, to Ray's processes too, in sessions of their own or not.

    Broken, the driver waited a minute for its session and ended with exit code 1.
    """
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 60})
    command = Command("run", space, ray=False)
    assert command.wait_for_lines(journal, 4)
    job = [command.process.pid, *descendants(command.process.pid)]
    assert len(job) > 5, "Ray's processes are not among them"
    for pid in job:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    check_end(*command.end(), 143)
    states = {trial.state for trial in load_study("toy").trials}
    assert TrialState.WAITING in states
    assert not states & {TrialState.RUNNING, TrialState.FAIL}
    assert gone(job)


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_an_ablation_is_stored(tmp_path: Path) -> None:
    """The same of the trainings outside of a search."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, fixed={"journal": journal, "milliseconds": 60})
    command = Command("ablate", space, "--factor", "width", "--seeds", "3")
    assert command.wait_for_lines(journal, 4)
    check_end(*command.end(signal.SIGTERM), 143)


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_confirmation_is_stored(tmp_path: Path, studies: Path) -> None:
    """It has a Ray session of its own; what it trained is not trained again."""
    space = small_space(tmp_path, fixed="patience: 1000")
    assert slr_tune(["run", str(space), "--trials", "1", "--max-epochs", "90"]) == 0
    given = ("confirm", "--study", "small", "--seeds", "3")
    command = Command(*given, ray=False)
    stages = studies / "small" / "ablations" / ".stages"
    assert command.wait_until(lambda: bool([*stages.glob("*/progress.json")])), command.end()[1]
    check_end(*command.end(signal.SIGTERM), 143)
    (latest, *_) = stages.glob("*/checkpoint_latest.pt")
    before = load_checkpoint(latest)["rows"]
    assert slr_tune([*given]) == 0
    rows = json.loads((latest.parent / "done.json").read_text())["rows"]
    assert before and [row["seconds"] for row in rows[: len(before)]] == [
        row["seconds"] for row in before
    ]


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
