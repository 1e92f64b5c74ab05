"""A study between SQLite and PostgreSQL, there and back, to the last bit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import optuna
import pytest
from generated_study import generate_study
from optuna.trial import FrozenTrial, TrialState

from slr_tune.cli.main import run as slr_tune
from slr_tune.study import moving
from slr_tune.study.lock import StudyLock
from slr_tune.study.optuna_private import read_trials
from slr_tune.study.record import ATTRIBUTE
from slr_tune.study.storage import open_storage

TRIALS = 12


def content(url: str) -> tuple[object, list[tuple[object, ...]]]:
    """All of the study, read by Optuna's own reader as a second opinion."""
    storage = open_storage(url)
    key = storage.get_study_id_from_name("generated")
    trials = storage.get_all_trials(key)
    return storage.get_study_user_attrs(key)[ATTRIBUTE], [shown(trial) for trial in trials]


def shown(trial: FrozenTrial) -> tuple[object, ...]:
    fields = ("number", "state", "values", "params", "distributions", "user_attrs", "system_attrs")
    times = (trial.datetime_start, trial.datetime_complete)
    values = repr(sorted(trial.intermediate_values.items()))
    return (*(getattr(trial, name) for name in fields), times, values)


@pytest.fixture
def study(database: Path) -> str:
    """URL of a study with odd values, one trial in the queue and one cut off."""
    generate_study(TRIALS, curves=False)
    url = f"sqlite:///{database}"
    storage = open_storage(url)
    loaded = optuna.load_study(study_name="generated", storage=storage)
    loaded.enqueue_trial({"dropout": 0.25}, user_attrs={"who": "Jürgen"})
    asked = loaded.ask()
    for step, value in enumerate((0.1 + 0.2, math.nan, math.inf), start=1):
        asked.report(value, step)
    loaded.enqueue_trial({"dropout": 0.5})
    states = [trial.state for trial in loaded.get_trials()]
    assert states[TRIALS:] == [TrialState.RUNNING, TrialState.WAITING]
    storage.engine.dispose()
    return url


def there_and_back(one: str, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(one)
    assert slr_tune(["move", "generated", "--storage", one, "--to", other]) == 0
    message = capsys.readouterr().out
    values = sum(len(t.intermediate_values) for t in read_trials(open_storage(other).engine, 1))
    assert f"{TRIALS + 2} trials" in message and f"{values} values per epoch" in message
    assert content(other) == before
    assert slr_tune(["list", "--storage", one, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert slr_tune(["move", "generated", "--storage", other, "--to", one, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == TRIALS + 2
    assert content(one) == before


def test_sqlite_and_postgresql(
    study: str, postgresql: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers, states, times, parameters, attributes and values are the same after both ways."""
    there_and_back(study, postgresql, capsys)


def test_two_files(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same from file to file."""
    there_and_back(study, f"sqlite:///{tmp_path / 'other.db'}", capsys)


@pytest.mark.parametrize("cut_off", ["copy", "delete"])
def test_cut_off_and_begun_again(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_off: str
) -> None:
    """Until it is done the old database has all; the same command goes on."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    before = content(study)
    with monkeypatch.context() as patch:
        if cut_off == "copy":
            patch.setattr(moving, "_LINES_EVERY", 5)
            patch.setattr(moving, "_compare", None)
        else:
            patch.setattr(optuna, "delete_study", None)
        with pytest.raises(TypeError):
            slr_tune(["move", "generated", "--storage", study, "--to", other])
    assert content(study) == before
    assert slr_tune(["move", "generated", "--storage", study, "--to", other]) == 0
    assert content(other) == before


def test_what_is_refused(study: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A study that runs, one that already exists, the same database, no such study."""
    other = f"sqlite:///{tmp_path / 'other.db'}"
    move = ["move", "generated", "--storage", study, "--to"]
    with StudyLock(open_storage(study).engine, "generated"):
        assert slr_tune([*move, other]) == 2
    assert "is being run by" in capsys.readouterr().err
    assert slr_tune([*move, study]) == 2
    assert "already" in capsys.readouterr().err
    open_storage(other).create_new_study([optuna.study.StudyDirection.MINIMIZE], "generated")
    assert slr_tune([*move, other]) == 2
    assert "has a study 'generated' already" in capsys.readouterr().err
    assert slr_tune(["move", "generatd", "--storage", study, "--to", other]) == 2
    assert "generated" in capsys.readouterr().err
    assert len(content(study)[1]) == TRIALS + 2
