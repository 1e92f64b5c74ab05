"""Trials that another tool added or ended: each view says the same of a study."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from generated_study import generate_study
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from slr_tune.cli.main import run as slr_tune
from slr_tune.dashboard.notes import study_note
from slr_tune.dashboard.read_only_storage import ReadOnlyStorage
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

TRIALS = 12


def spoken(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    assert slr_tune([*command]) == 0
    return json.loads(capsys.readouterr().out)


def add_foreign() -> list[int]:
    """Three trials better than any, as `add_trial` and the dashboard make them; their numbers."""
    study = optuna.load_study(study_name="generated", storage=open_storage())
    space = {"of another space": FloatDistribution(0, 1)}
    for state, value in ((TrialState.COMPLETE, 0.5), (TrialState.FAIL, None)):
        study.add_trial(
            create_trial(
                state=state,
                value=value,
                params={"of another space": 0.5},
                distributions=space,
                intermediate_values={1: 0.5, 2: math.nan},
            )
        )
    study.tell(study.ask(), 0.25)
    return [TRIALS, TRIALS + 1, TRIALS + 2]


def test_no_view_contradicts_another(
    database: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they say without the foreign trials, they say with them; and they name these."""
    generate_study(TRIALS)
    best = spoken(capsys, "best", "--format", "json")
    before = spoken(capsys, "show", "--json")
    (listed,) = spoken(capsys, "list", "--json")
    numbers = add_foreign()
    assert spoken(capsys, "best", "--format", "json") == best
    shown = spoken(capsys, "show", "--json")
    assert shown["foreign"] == numbers
    foreign = [row for row in shown["rows"] if row["ended_by"] == "foreign"]
    assert [row["number"] for row in foreign] == numbers
    for key in ("trials", "states", "ended_by", "best", "baseline", "difference", "epochs"):
        assert shown[key] == before[key]
    (now,) = spoken(capsys, "list", "--json")
    assert now["foreign"] == len(numbers)
    assert (now["trials"], now["best"]) == (listed["trials"], listed["best"])
    assert now["best"] == shown["best"]["value"]
    assert sum(now["trials"].values()) == shown["trials"] == TRIALS
    assert slr_tune(["show"]) == 0
    message = capsys.readouterr().out
    assert "3 foreign trials (12, 13, 14)" in message and "foreign" in message
    assert slr_tune(["list"]) == 0
    assert "foreign" in capsys.readouterr().out
    assert slr_tune(["report"]) == 0
    page = (studies / "generated" / "report.md").read_text()
    assert f"{TRIALS} trials" in page and "3 foreign trials (12, 13, 14)" in page
    assert slr_tune(["importance", "--json"]) == 0
    capsys.readouterr()
    assert slr_tune(["show", "--trial", "13"]) == 2
    assert "is foreign" in capsys.readouterr().err


def test_the_dashboard_says_the_same(database: Path) -> None:
    """Its pages take the best of what is complete, so a foreign trial must not be that."""
    generate_study(TRIALS, curves=False)
    best = load_study("generated").best()
    numbers = add_foreign()
    shown = optuna.load_study(study_name="generated", storage=ReadOnlyStorage(open_storage()))
    assert best is not None and shown.best_trial.number == best.number
    trials = [shown.trials[number] for number in numbers]
    assert {trial.user_attrs["ended by"] for trial in trials} == {"foreign"}
    assert trials[0].user_attrs["foreign value"] == 0.5
    assert "3 foreign trials (12, 13, 14)" in study_note(load_study("generated"), {})


def test_a_trial_of_ours_that_somebody_ended(database: Path) -> None:
    """Ended by hand while it ran, it has no reason of ours; the driver's word comes first."""
    generate_study(TRIALS, curves=False)
    study = optuna.load_study(study_name="generated", storage=open_storage())
    asked = study.ask()
    asked.set_user_attr("slr", {"config": {}, "seed": 0, "ended_by": None, "schema": 1})
    study.tell(asked, state=TrialState.FAIL)
    view = load_study("generated")
    assert [trial.number for trial in view.foreign] == [asked.number]
    assert len(view.trials) == TRIALS
