"""Folders and checkpoints that are not the study's own: none is taken up, none is lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from optuna.trial import TrialState
from test_run import check_trials
from toy_space import toy_spec

from slr_tune.search.engine import run_search
from slr_tune.search.progress import Progress
from slr_tune.search.run_options import RunOptions
from slr_tune.search.sampler import tpe
from slr_tune.study.open_study import open_store
from slr_tune.study.record import ATTRIBUTE, TrialRecord
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore
from slr_tune.study.view import StudyView, load_study
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.curve import CurveFile
from trainables.files.origin import read_origin


def search(tmp_path: Path, *, storage: Path | None = None, seed: int = 0, trials: int = 3) -> None:
    """A search of some trials of three epochs, with a database of its own where one is named."""
    fixed = {"journal": tmp_path / "journal"}
    spec = replace(toy_spec(tmp_path, trials=trials, max_epochs=3, fixed=fixed), seed=seed)
    url = None if storage is None else f"sqlite:///{storage}"
    with Progress() as progress:
        run_search(spec, RunOptions(storage=url), progress)


def check_truth(view: StudyView) -> None:
    """Each stored value is what the toy run's formula gives for the trial's own configuration."""
    check_trials(view.trials)
    for trial in view.trials:
        level = trial.user_attrs[ATTRIBUTE]["config"]["level"]
        for epoch, value in trial.intermediate_values.items():
            assert value == pytest.approx(100 * (level + (1 - level) / epoch))
        rows = CurveFile(view.folder / "trials" / str(trial.number) / "curve.csv").rows()
        assert [row["val/wer"] for row in rows] == list(trial.intermediate_values.values())


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_database_that_was_deleted(
    tmp_path: Path, studies: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The folders of the old trials are kept under another name, and nothing of them is used."""
    search(tmp_path)
    for path in studies.glob("slr-tune.db*"):
        path.unlink()
    old = CurveFile(studies / "toy/trials/1/curve.csv").rows()
    capfd.readouterr()
    search(tmp_path, seed=5)
    assert capfd.readouterr().err.count("trials of another study of this name") == 1
    view = load_study("toy")
    check_truth(view)
    trained = len((tmp_path / "journal").read_text().splitlines())
    first = sum(len(CurveFile(p).rows()) for p in studies.glob("toy/trials/*.of-*/curve.csv"))
    assert trained == first + sum(len(trial.intermediate_values) for trial in view.trials)
    (aside,) = studies.glob("toy/trials/1.of-study-toy-*")
    assert CurveFile(aside / "curve.csv").rows() == old


@pytest.mark.usefixtures("ray_two_cores")
def test_two_databases_take_turns_in_one_folder(tmp_path: Path, studies: Path) -> None:
    """Each study finds its own files again, whoever was there in between."""
    first, second = tmp_path / "a.db", tmp_path / "b.db"
    search(tmp_path, storage=first)
    search(tmp_path, storage=second, seed=5)
    search(tmp_path, storage=first, trials=4)
    view = load_study("toy", f"sqlite:///{first}")
    check_truth(view)
    assert len(view.trials) == 4
    search(tmp_path, storage=second, seed=5, trials=4)
    check_truth(load_study("toy", f"sqlite:///{second}"))


def opened(tmp_path: Path, data_hash: str | None = None) -> tuple[StudyStore, list[str]]:
    """The study as the next driver opens it, and what it tells."""
    lines: list[str] = []
    store = open_store(
        toy_spec(tmp_path, max_epochs=3),
        open_storage(create=True),
        data_hash=data_hash,
        tell=lines.append,
    )
    return store, lines


def begin(store: StudyStore) -> None:
    """Trial 0 with two epochs, and back into the queue."""
    live = store.start_trial(tpe(seed=0, number=0))
    for epoch, value in enumerate((80.0, 60.0), start=1):
        store.add_row(live, {"epoch": epoch, "seconds": 0.5, "val/wer": value})
    store.park(live)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("changed", ["data", "teacher"])
def test_other_data_or_another_teacher(tmp_path: Path, studies: Path, changed: str) -> None:
    """A trial in the queue begins anew, without the values of its first start."""
    store, _ = opened(tmp_path, "data 1")
    store.teach("teacher 1")
    begin(store)
    store, lines = opened(tmp_path, "data 2" if changed == "data" else "data 1")
    store.teach("teacher 2" if changed == "teacher" else "teacher 1")
    (trial,) = store.trials
    assert trial.state == TrialState.WAITING and not trial.intermediate_values
    assert trial.user_attrs[ATTRIBUTE]["epochs"] == 0
    (line,) = lines
    (aside,) = studies.glob("toy/trials/0.of-*")
    assert changed in aside.name and aside.name in line
    assert len(CurveFile(aside / "curve.csv").rows()) == 2
    assert not (studies / "toy/trials/0/curve.csv").exists()


@pytest.mark.usefixtures("database")
def test_the_same_data_and_teacher_keep_all(tmp_path: Path, studies: Path) -> None:
    """What belongs is not touched."""
    store, _ = opened(tmp_path, "data 1")
    store.teach("teacher 1")
    begin(store)
    store, lines = opened(tmp_path, "data 1")
    store.teach("teacher 1")
    assert not lines and len(store.trials[0].intermediate_values) == 2
    assert [path.name for path in (studies / "toy/trials").iterdir()] == ["0"]


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_study_of_before_ids_is_taken_over_once(tmp_path: Path, studies: Path) -> None:
    """It gets an id, its folders are its own, and no epoch is trained again."""
    search(tmp_path)
    # As the version before wrote it: no id, no origins. Trial 2 was cut off after epoch 2.
    storage = open_storage()
    key = storage.get_study_id_from_name("toy")
    stored = storage.get_study_user_attrs(key)[ATTRIBUTE]
    storage.set_study_user_attr(key, ATTRIBUTE, {k: v for k, v in stored.items() if k != "id"})
    for path in studies.glob("toy/trials/*/origin.json"):
        path.unlink()
    for path in studies.glob("toy/trials/*/checkpoints/*.pt"):
        state = load_checkpoint(path)
        del state["origin"]
        save_checkpoint(path, state)
    with storage.engine.begin() as connection:
        connection.execute(sa.text("update trials set state = 'WAITING' where number = 2"))
    storage.engine.dispose()
    before = Counter((tmp_path / "journal").read_text().splitlines())
    search(tmp_path)
    assert Counter((tmp_path / "journal").read_text().splitlines()) == before
    view = load_study("toy")
    check_truth(view)
    origins = [read_origin(studies / "toy/trials" / str(number)) for number in range(3)]
    assert all(origin is not None and origin.adopted for origin in origins)
    assert not list(studies.glob("toy/trials/*.of-*"))


@pytest.mark.usefixtures("database")
def test_a_folder_of_before_that_does_not_agree_is_not_taken_over(
    tmp_path: Path, studies: Path
) -> None:
    """An old database beside the folders of another old study: its curve tells."""
    store, _ = opened(tmp_path)
    begin(store)
    folder = studies / "toy/trials/0"
    (folder / "origin.json").unlink()
    CurveFile(folder / "curve.csv").repair([{"epoch": 1, "seconds": 1.0, "val/wer": 12.5}])
    stored = store.study.user_attrs[ATTRIBUTE]
    store.study.set_user_attr(ATTRIBUTE, {k: v for k, v in stored.items() if k != "id"})
    store, lines = opened(tmp_path)
    store.teach(None)
    assert (studies / "toy/trials/0.of-unknown-origin/curve.csv").exists()
    assert len(lines) == 1 and "did not belong to trial 0" in lines[0]


def test_origin_holds_what_shapes_a_run(tmp_path: Path, database: Path, studies: Path) -> None:
    """Written beside the curve, in plain JSON."""
    store, _ = opened(tmp_path, "abc")
    begin(store)
    stored = json.loads((studies / "toy/trials/0/origin.json").read_text())
    assert stored["study_id"] == store.id and len(store.id) == 32
    assert (stored["study"], stored["trial"], stored["data"]) == ("toy", 0, "abc")
    assert TrialRecord.from_json(store.trials[0].user_attrs[ATTRIBUTE]).seed == 0
