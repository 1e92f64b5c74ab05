"""What people do to a study by hand: add, stop, delete, note, export."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from report_studies import StoredTrial, tell_study
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import StudyError
from slr_tune.importing.open_source import open_source
from slr_tune.importing.plan import plan_import
from slr_tune.search.sampler import tpe
from slr_tune.search.stopping_rungs import rungs_of
from slr_tune.study import lock
from slr_tune.study.folders import study_folder, trial_folder
from slr_tune.study.lock import StudyLock, ask_to_stop
from slr_tune.study.open_study import open_store
from slr_tune.study.record import record_of
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

CURVE = [60.0, 50.0, 40.0, 35.0, 33.0, 32.0, 31.0, 30.0, 29.5]
TRIALS = [
    StoredTrial(CURVE),
    StoredTrial([v + 1 for v in CURVE], params={"dropout": 0.1}),
    StoredTrial([70.0], "asha"),
]
WORSE = StoredTrial([v + 5 for v in CURVE], params={"dropout": 0.4, "temperature.schedule": "step"})


def out(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert slr_tune([*command]) == 0
    return capsys.readouterr().out


def test_enqueue_is_what_the_next_trial_runs(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = tell_study(TRIALS)
    message = json.loads(out(capsys, "enqueue", "told", "--set", "dropout=0.33", "--json"))
    assert message["number"] == 3
    group = "temperature={schedule: linear, start: 5, end: 2}"
    out(capsys, "enqueue", "told", "--like", "1", "--set", group)
    store = open_store(view.spec, open_storage())
    first, second = (store.start_trial(tpe(seed=0, number=n)).record.config for n in (3, 4))
    assert first["dropout"] == 0.33 and first["temperature"]["schedule"] == "step"
    assert second["dropout"] == 0.1
    assert (second["temperature"]["schedule"], second["temperature"]["end"]) == ("linear", 2.0)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--set", "dropout=0.9"], "0.9 is outside the space"),
        (["--set", "dropot=0.1"], "Did you mean dropout?"),
        (["--set", "batch_size=8"], "is not a parameter of the space"),
        (["--like", "1"], "trial 1 of study 'told' has these values already"),
        (["--like", "77"], "no trial 77"),
    ],
)
def test_enqueue_refuses(
    database: Path, capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    tell_study(TRIALS)
    assert slr_tune(["enqueue", "told", *words]) == 2
    assert error in capsys.readouterr().err
    assert len(load_study("told").trials) == 3


def test_a_stopped_trial_has_failed_by_a_hand_and_keeps_its_values(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the driver's next write it meets a finished trial, as after the dashboard's button."""
    tell_study([*TRIALS, StoredTrial(CURVE[:2], "running")])
    assert slr_tune(["stop", "told", "--trial", "1"]) == 2
    assert "has ended: complete" in capsys.readouterr().err
    out(capsys, "stop", "told", "--trial", "3")
    trial = load_study("told").trial(3)
    record = record_of(trial)
    assert record is not None and (record.ended_by, record.epochs) == ("aborted", 2)
    assert trial.state.name == "FAIL" and trial.intermediate_values == {1: 60.0, 2: 50.0}
    assert slr_tune(["stop", "told"]) == 2
    assert "is not running" in capsys.readouterr().err


def test_only_the_driver_that_was_meant_is_stopped(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.02)
    engine = open_storage().engine
    asked = threading.Event()
    with StudyLock(engine, "told") as first:
        first.stop_asked = asked.set
        driver = ask_to_stop(open_storage().engine, "told")
        assert driver is not None and driver.alive
        assert asked.wait(10)
    assert ask_to_stop(engine, "told") is None
    again = threading.Event()
    with StudyLock(engine, "told") as second:
        second.stop_asked = again.set
        assert not again.wait(0.1)


def test_a_search_that_is_asked_stores_and_ends(
    ray_two_cores: None,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.05)
    space = write_toy_space(tmp_path, trials=500, max_epochs=50, fixed={"milliseconds": 20})
    done = threading.Event()

    def ask() -> None:
        storage = open_storage()
        while not done.wait(0.05):
            try:
                trials = open_storage_trials(storage)
            except StudyError:  # it is being made
                continue
            if any(trial.intermediate_values for trial in trials):
                ask_to_stop(storage.engine, "toy")
                return

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        assert slr_tune(["run", str(space), "--no-verify"]) == 143
    finally:
        done.set()
        asking.join()
    assert "Stopping (slr-tune stop)" in capsys.readouterr().err
    view = load_study("toy")
    assert not view.running and len(view.trials) < 500
    assert {trial.state.name for trial in view.trials} <= {"WAITING", "PRUNED", "COMPLETE"}


def open_storage_trials(storage: Any) -> Any:
    from slr_tune.study.view import read_study

    try:
        return read_study(storage, "toy", None).trials
    except KeyError:
        return []


def test_a_deleted_trial_is_gone_from_every_view_and_its_number_is_not_given_again(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    view = tell_study([*TRIALS, WORSE])
    folder = trial_folder("told", 1)
    assert folder.is_dir()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert slr_tune(["delete", "told", "--trial", "1", "--yes"]) == 130  # asked once more
    assert "Nothing was deleted" in capsys.readouterr().err and folder.is_dir()
    out(capsys, "delete", "told", "--trial", "1", "--yes", "--yes")
    assert not folder.exists()
    shown = json.loads(out(capsys, "show", "told", "--json"))
    assert [row["number"] for row in shown["rows"]] == [0, 2, 3] and shown["foreign"] == []
    listed = json.loads(out(capsys, "list", "--json"))
    assert sum(listed[0]["trials"].values()) == 3
    assert slr_tune(["show", "told", "--trial", "1"]) == 2
    capsys.readouterr()
    assert slr_tune(["report", "--study", "told"]) == 0
    store = open_store(view.spec, open_storage())
    assert [trial.number for trial in store.own_trials] == [0, 2, 3]
    assert all(0.1 not in values for values in rungs_of(store)._values.values())
    assert store.start_trial(tpe(seed=0, number=4)).number == 4


def test_a_columns_row_is_its_trials_own_after_a_deletion(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken if a figure took the values of the trial before: rows are no numbers."""
    from slr_tune.report.study.study_data import collect

    tell_study([*TRIALS, WORSE])
    out(capsys, "delete", "told", "--trial", "1", "--yes", "--yes")
    data = collect(load_study("told"))
    dropout = next(variable for variable in data.variables if variable.name == "dropout")
    found = {trial.number: float(dropout.values[trial.row]) for trial in data.trials}
    assert found == {0: 0.2, 2: 0.25, 3: 0.4}


def test_a_study_is_deleted_with_its_folder_and_nobody_elses(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_study(TRIALS)
    other = study_folder("told") / "trials" / "0.of-study-told-12345678"
    other.mkdir()
    (other / "origin.json").write_text(
        json.dumps({"study_id": "12345678", "study": "told", "trial": 0, "configuration": ""})
    )
    with StudyLock(open_storage().engine, "told"):
        assert slr_tune(["delete", "told", "--yes", "--yes"]) == 2
    assert "is being run by" in capsys.readouterr().err
    out(capsys, "delete", "told", "--yes", "--yes")
    assert [path.name for path in (study_folder("told") / "trials").iterdir()] == [other.name]
    assert json.loads(out(capsys, "list", "--json")) == []
    assert slr_tune(["delete", "told", "--yes", "--yes"]) == 2


def test_notes_stand_in_show_report_and_export(
    database: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_study(TRIALS)
    out(capsys, "note", "told", "dev set of März")
    out(capsys, "note", "told", "spikes at epoch 3", "--trial", "1")
    message = out(capsys, "show", "told")
    assert "note: dev set of März" in message and "note on trial 1: spikes at epoch 3" in message
    assert json.loads(out(capsys, "show", "told", "--json"))["notes"]["1"] == ["spikes at epoch 3"]
    out(capsys, "report", "--study", "told")
    assert "Trial 1: spikes at epoch 3" in (studies / "told" / "report.md").read_text()
    assert "spikes at epoch 3" in out(capsys, "export", "told")
    assert slr_tune(["note", "told", " "]) == 2
    assert slr_tune(["note", "told", "x", "--trial", "9"]) == 2


def test_export_has_the_files_own_names_and_comes_back(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = tell_study([*TRIALS, WORSE, StoredTrial([55.0], "nan")])
    rows = list(csv.DictReader(io.StringIO(out(capsys, "export", "told", "--csv"))))
    assert [row["loss_weights.alpha"] for row in rows][:1] == ["0.7"]
    assert rows[0]["val/wer"] == "29.5" and rows[2]["state"] == "PRUNED"
    import pyarrow.parquet

    out(capsys, "export", "told", "--parquet", "--out", str(tmp_path / "t.parquet"))
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["val/wer"] for row in table][:2] == [29.5, 30.5]
    assert slr_tune(["export", "told", "--parquet"]) == 2
    for form, suffix in (("--csv", "csv"), ("--jsonl", "jsonl")):
        file = tmp_path / f"trials.{suffix}"
        out(capsys, "export", "told", form, "--out", str(file))
        plan = plan_import(view.spec, open_source(str(file)))
        assert plan.left == ()
        for trial, run in zip(view.trials, plan.taken, strict=True):
            record = record_of(trial)
            assert record is not None
            assert run.measured.state == trial.state and run.measured.ended_by == record.ended_by
            assert view.spec.space.encode(run.place.values) == pytest.approx(trial.params)
            if form == "--jsonl" and trial.intermediate_values:
                assert run.measured.values == trial.intermediate_values
