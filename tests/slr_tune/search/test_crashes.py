"""kill -9, Ctrl-C and a full disk, with the command in a process of its own."""

from __future__ import annotations

import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState
from own_process import Command
from test_run import check_decisions, check_trials
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.lock import drivers
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")

TRIALS = 10
KILLS = 3


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """The study ends with the trials asked for; nothing stored is lost, nothing is trained twice.

    At most one epoch a worker and a kill: the one whose checkpoint was not written yet.
    """
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 40}
    space = write_toy_space(tmp_path, trials=TRIALS, fixed=fixed)
    rng = random.Random(7)
    done = 0
    kills = 0
    for _ in range(KILLS):
        command = Command("run", space)
        done += rng.randint(5, 12)
        if not command.wait_for_lines(journal, done):
            break
        command.end(signal.SIGKILL)
        kills += 1
        done = len(journal.read_text().splitlines())
    assert slr_tune(["run", str(space)]) == 0
    assert kills >= 2, "the search was over before it could be killed: make it longer"
    trials = load_study("toy").trials
    assert len(trials) == TRIALS
    check_trials(trials)
    check_decisions(tmp_path, trials=TRIALS, fixed=fixed)
    trained = Counter(journal.read_text().splitlines())
    assert sum(count - 1 for count in trained.values()) <= kills * 2


def test_ctrl_c_stores_and_the_same_command_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130, no trial RUNNING, no lock held, and the same trials go on."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 60})
    command = Command("run", space)
    assert command.wait_for_lines(journal, 6)
    code, output = command.end(signal.SIGINT)
    assert code == 130, output
    assert "Traceback" not in output and "To resume:\n  slr-tune run " in output
    states = Counter(trial.state for trial in load_study("toy").trials)
    assert states[TrialState.RUNNING] == 0 and states[TrialState.WAITING] >= 1
    assert not any(driver.alive for driver in drivers(open_storage().engine))
    assert slr_tune(["run", str(space)]) == 0
    assert "Resuming trial" in capsys.readouterr().err
    check_trials(load_study("toy").trials)
    assert max(Counter(journal.read_text().splitlines()).values()) <= 2


def test_second_driver_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two drivers on one study: the second says who the first is, and changes nothing."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 200})
    first = Command("run", space)
    assert first.wait_for_lines(journal, 1)
    code, output = slr_tune(["run", str(space)]), capsys.readouterr().err
    assert code == 2 and f"process {first.process.pid}" in output and "Traceback" not in output
    code, output = first.end()
    assert code == 0, output


def test_two_databases_with_one_folder_of_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second search is refused, as it would be with one database, and changes nothing."""
    journal = tmp_path / "journal"
    space = write_toy_space(tmp_path, trials=4, fixed={"journal": journal, "milliseconds": 200})
    first = Command("run", space)
    assert first.wait_for_lines(journal, 1)
    code = slr_tune(["run", str(space), "--storage", f"sqlite:///{tmp_path}/other.db"])
    output = capsys.readouterr().err
    assert code == 2 and f"process {first.process.pid}" in output, output
    assert "another database" in output and "Traceback" not in output
    code, output = first.end()
    assert code == 0, output
    check_trials(load_study("toy").trials)
    assert not list((tmp_path / "studies" / "toy" / "trials").glob("*.of-*"))
