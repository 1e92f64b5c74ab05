"""`slr-tune show` over more trials than a screen holds."""

from __future__ import annotations

import json

import pytest
from report_studies import Told, tell_study

from slr_tune.cli.main import run as slr_tune

pytestmark = pytest.mark.usefixtures("database")

TRIALS = [Told([60.0 - n] * 9) for n in range(4)]


def test_the_best_come_first_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand rows help nobody; how many are left out must be said."""
    tell_study(TRIALS)
    assert slr_tune(["show", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line.split()[:2] for line in lines[lines.index(_heading(lines)) + 1 :]]
    assert table[:2] == [["3", "57.00"], ["2", "58.00"]]
    assert lines[-1] == "2 more trials: --top 4 shows all."


def test_json_has_every_trial(capsys: pytest.CaptureFixture[str]) -> None:
    """A script must not lose trials to a limit made for eyes; audited ones are told apart."""
    tell_study([*TRIALS, Told([90.0] * 9, spared=1)])
    assert slr_tune(["show", "--top", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["spared_at"] for row in rows] == [None, None, None, None, 1]


def _heading(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("trial"))
