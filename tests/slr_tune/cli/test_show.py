"""`slr-tune show` over more trials than a screen holds."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from report_studies import StoredTrial, tell_study

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.confirmed import write_confirmed
from slr_tune.study.folders import study_folder
from slr_tune.study.storage import open_storage

pytestmark = pytest.mark.usefixtures("database")

TRIALS = [StoredTrial([60.0 - n] * 9) for n in range(4)]


def test_the_best_come_first_and_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand rows help nobody; how many are left out must be said."""
    tell_study(TRIALS)
    assert slr_tune(["show", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line.split()[:2] for line in lines[lines.index(_heading(lines)) + 1 :]]
    assert table[:2] == [["3", "57.00"], ["2", "58.00"]]
    assert lines[-1] == "2 more trials: --top 4 shows all."


def test_without_a_trial_that_ran_to_its_end_nothing_suggests_to_confirm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`confirm` refuses such a study, and its best value is that of a few epochs."""
    tell_study([StoredTrial([70.0, 60.0], "asha"), StoredTrial([80.0], "asha")])
    assert slr_tune(["show"]) == 0
    message = capsys.readouterr().out
    assert "Best val/wer: 60.00 (trial 0, after 2 epochs). No trial has run to its end." in message
    assert "confirm" not in message and "Optimistic" not in message


def test_after_a_confirmation_its_figure_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that was run already is no advice."""
    view = tell_study(TRIALS)
    assert slr_tune(["show"]) == 0
    assert "For an unbiased figure: slr-tune confirm" in capsys.readouterr().out
    rows = [{"trial": 3, "name": "best", "claimed": 57.0, "wer": {"dev": [60.0, 62.0]}}]
    write_confirmed(view.folder, rows)
    assert slr_tune(["show"]) == 0
    message = capsys.readouterr().out
    assert "picked as the best of 4 trials. With 2 new seeds: dev WER 61.00 ± 1.41." in message
    assert "confirm" not in message


def test_json_has_every_trial(capsys: pytest.CaptureFixture[str]) -> None:
    """A script must not lose trials to a limit made for eyes; audited ones are told apart."""
    tell_study([*TRIALS, StoredTrial([90.0] * 9, spared=1)])
    assert slr_tune(["show", "--top", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["number"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["spared_at"] for row in rows] == [None, None, None, None, 1]


def test_a_record_of_an_earlier_version_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A reason to end and a key that this version does not write must not take a study away."""
    output = "blank on 99.2 % of dev's frames at epoch 5"
    tell_study([*TRIALS, StoredTrial([99.0] * 5, reason="error", error=output)])
    with open_storage().engine.begin() as connection:
        old, new = '"ended_by": "error"', '"ended_by": "collapsed", "retry_of": null'
        column = "value_json = replace(value_json, :a, :b)"
        change = sa.text(f"UPDATE trial_user_attributes SET {column}")
        connection.execute(change, {"a": old, "b": new})
    assert slr_tune(["show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["ended_by"]["collapsed"], shown["rows"][4]["error"]) == (1, output)
    assert slr_tune(["show"]) == slr_tune(["show", "--trial", "4"]) == slr_tune(["report"]) == 0
    assert "collapsed" in capsys.readouterr().out
    page = (study_folder("told") / "report.html").read_text()
    assert output in page.replace("&#39;", "'").replace("\u00a0", " ")


def _heading(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("trial"))
