"""The documented examples of a user's own run are run as they stand in the documentation."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from foreign_scripts import SCRIPTS

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.view import load_study

DOCUMENT = Path(__file__).parents[3] / "docs" / "own-run.md"
FILE = re.compile(r"`(\w+\.(?:py|yaml))`[^\n]*:\n\n```(?:python|yaml)\n(.*?)```", re.DOTALL)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader copies the files into a folder and gives the commands there."""
    found = dict(FILE.findall(DOCUMENT.read_text()))
    assert len(found) == 5
    for name, code in found.items():
        (tmp_path / name).write_text(code)
    shutil.copy(SCRIPTS / "train_teacher.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_the_class_of_the_documentation() -> None:
    """Searched to its end."""
    assert slr_tune(["run", "my_space.yaml"]) == 0
    view = load_study("line")
    best = view.best()
    assert len(view.trials) == 8 and best is not None
    assert best.values[0] <= view.trials[0].values[0]


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("space", ["teacher.yaml", "my_function.yaml"])
def test_script_and_function_of_the_documentation(
    space: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Driven for two epochs, with a stop in between."""
    assert slr_tune(["verify", space]) == 0, capsys.readouterr().out
    assert "it resumed with epoch 2" in capsys.readouterr().out
