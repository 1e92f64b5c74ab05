"""What somebody deletes under a search: noticed, said, and the same command goes on."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from own_process import Command
from test_run import check_trials
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")

TRIALS = 4


def start(tmp_path: Path, lines: int, *, workers: int = 2) -> tuple[Command, Path]:
    """A search that has trained so many epochs."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 60}
    space = write_toy_space(tmp_path, trials=TRIALS, workers=workers, fixed=fixed)
    command = Command("run", space)
    assert command.wait_for_lines(journal, lines), command.end()
    return command, journal


def test_the_database_file(tmp_path: Path, studies: Path) -> None:
    """What was stored is written back, so nothing is trained again but the epoch in work."""
    command, journal = start(tmp_path, 8)
    for path in studies.glob("slr-tune.db*"):
        path.unlink()
    before = len(journal.read_text().splitlines())
    code, output = command.end()
    assert code == 1 and "was deleted or replaced" in output, output
    assert "written back to" in output and "Traceback" not in output
    trained = len(journal.read_text().splitlines())
    assert trained - before <= 2 * 9, "noticed within one report of half a second of each worker"
    assert slr_tune(["run", str(tmp_path / "toy.yaml")]) == 0
    view = load_study("toy")
    assert len(view.trials) == TRIALS
    check_trials(view.trials)
    again = Counter(journal.read_text().splitlines())
    assert max(again.values()) <= 2 and sum(count - 1 for count in again.values()) <= 2


@pytest.mark.parametrize("what", ["", "trials", "trials/0"])
def test_a_folder(tmp_path: Path, studies: Path, what: str) -> None:
    """No curve is left with its later rows only."""
    command, _ = start(tmp_path, 2, workers=1)
    shutil.rmtree(studies / "toy" / what, ignore_errors=True)
    code, output = command.end()
    assert code == 1 and "was deleted or replaced" in output, output
    assert "Traceback" not in output
    assert slr_tune(["run", str(tmp_path / "toy.yaml")]) == 0
    view = load_study("toy")
    assert len(view.trials) == TRIALS
    for trial in view.trials:
        epochs = [row["epoch"] for row in view.curve(trial.number)]
        gone = not epochs and trial.state.is_finished()  # it had ended before
        assert gone or epochs == list(range(1, len(trial.intermediate_values) + 1))
