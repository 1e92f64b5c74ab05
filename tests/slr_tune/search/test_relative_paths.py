"""What a space names by a relative path is found where the command is given, by every worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import saved, small_run, small_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.view import load_study
from trainables.data import prepare


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_teacher_by_a_relative_path(
    tmp_path: Path, studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray stands in the trial's folder: it passed the checks and failed in every trial."""
    data = prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, tmp_path / "data")
    folder = tmp_path / "project" / "teachers"
    folder.mkdir(parents=True)
    saved(small_run(data, "teacher"), folder / "teacher.pt")
    space = small_space(
        folder.parent, trainable="distill", teacher="{checkpoint: teachers/teacher.pt}"
    )
    given = (space.name, "--trials", "1", "--max-epochs", "2", "--allow-weak-teacher")
    monkeypatch.chdir(folder.parent)
    assert slr_tune(["run", *given]) == 0
    (trial,) = load_study("small").trials
    assert trial.state.name == "COMPLETE" and len(trial.intermediate_values) == 2
