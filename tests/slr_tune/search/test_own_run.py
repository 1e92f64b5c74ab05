"""The documented example of a user's own run is run as it stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.view import load_study

DOCUMENT = Path(__file__).parents[3] / "docs" / "own-run.md"


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_the_example_of_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader copies both files into a folder and gives the command there."""
    text = DOCUMENT.read_text()
    for language, name in (("python", "my_run.py"), ("yaml", "my_space.yaml")):
        (code,) = re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
        (tmp_path / name).write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert slr_tune(["run", "my_space.yaml"]) == 0
    view = load_study("line")
    best = view.best()
    assert len(view.trials) == 8 and best is not None
    assert best.values[0] <= view.trials[0].values[0]
