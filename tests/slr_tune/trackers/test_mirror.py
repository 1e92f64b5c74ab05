"""What trackers get of a study: everything once, over stops too, and never the search's time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.storages import RDBStorage
from toy_space import toy_spec

from slr_tune.errors import SlrTuneError, SpecError
from slr_tune.search.sampler import tpe
from slr_tune.space import StudySpec
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import opened_storage
from slr_tune.study.store import StudyStore
from slr_tune.trackers import mirror as mirror_module
from slr_tune.trackers import open_mirror
from slr_tune.trackers.tracker import TrackedTrial


class Notebook:
    """A tracker that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.broken = False
        self.held = threading.Event()
        self.held.set()

    def begin(self, trial: TrackedTrial, known: str | None) -> str:
        self.held.wait(20)
        if self.broken:
            raise ConnectionError("the server is gone")
        self.told.append(("begin", trial.name, known))
        return known or f"run of {trial.name}"

    def log(self, run: str, epoch: int, row: Mapping[str, float]) -> None:
        self.told.append(("log", run, epoch, dict(row)))

    def end(self, run: str, trial: TrackedTrial) -> None:
        self.told.append(("end", run, trial.ended_by, trial.value, trial.failed))

    def close(self) -> None:
        self.told.append(("close",))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    found = Notebook()
    monkeypatch.setattr(mirror_module, "open_trackers", lambda names, study: {"mlflow": found})
    return found


@pytest.fixture
def spec(tmp_path: Path) -> StudySpec:
    return toy_spec(tmp_path)


@pytest.fixture
def storage(database: Path) -> Iterator[RDBStorage]:
    with opened_storage() as opened:
        yield opened


def row(epoch: int, value: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 0.5, "val/wer": value, "val/loss": float("nan")}


def started(store: StudyStore) -> LiveTrial:
    return store.start_trial(tpe(seed=0, number=len(store.trials)))


def test_each_epoch_is_sent_once_and_a_resumed_trial_resumes(
    spec: StudySpec, storage: RDBStorage, notebook: Notebook
) -> None:
    # Without the file, a search that was stopped would begin its runs again in the tracker.
    store = open_store(spec, storage)
    with open_mirror(store, pytest.fail) as mirror:
        live = started(store)
        store.add_row(live, row(1, 80.0))
        mirror.tick(force=True)
        mirror.tick(force=True)
        store.add_row(live, row(2, 70.0))
        store.park(live)
    name = "run of trial-0"
    values = {"seconds": 0.5, "val/wer": 80.0}  # what is not a number is left out
    first = [("begin", "trial-0", None), ("log", name, 1, values)]
    assert notebook.told[:2] == first
    assert [output[2] for output in notebook.told if output[0] == "log"] == [1, 2]
    assert notebook.told[-1] == ("close",)
    notebook.told.clear()
    store = open_store(spec, storage)
    with open_mirror(store, pytest.fail):
        live = started(store)
        store.add_row(live, row(3, 60.0))
        store.finish(live, "max_epochs")
    ended = ("end", name, "max_epochs", 60.0, False)
    logged = ("log", name, 3, {"seconds": 0.5, "val/wer": 60.0})
    assert notebook.told == [("begin", "trial-0", name), logged, ended, ("close",)]
    notebook.told.clear()
    with open_mirror(open_store(spec, storage), pytest.fail):
        pass
    assert notebook.told == [("close",)]


def test_a_tracker_named_later_gets_what_is_there(
    spec: StudySpec, storage: RDBStorage, notebook: Notebook
) -> None:
    store = open_store(spec, storage)
    for reason in ("max_epochs", "asha", "error"):
        live = started(store)
        store.add_row(live, row(1, 50.0))
        store.finish(live, reason)
    with open_mirror(store, pytest.fail):
        pass
    ends = [output[2:] for output in notebook.told if output[0] == "end"]
    assert ends == [("max_epochs", 50.0, False), ("asha", 50.0, False), ("error", None, True)]


def test_a_tracker_that_fails_is_left_out(
    spec: StudySpec, storage: RDBStorage, notebook: Notebook
) -> None:
    # A server that goes away in the night must not end the search, and is told once.
    output: list[str] = []
    notebook.broken = True
    store = open_store(spec, storage)
    with open_mirror(store, output.append) as mirror:
        live = started(store)
        for epoch in (1, 2, 3):
            store.add_row(live, row(epoch, 50.0))
            mirror.tick(force=True)
    assert (
        len(output) == 1 and "Tracker mlflow failed" in output[0] and "server is gone" in output[0]
    )
    notebook.broken = False  # the next start sends what is missing
    with open_mirror(store, pytest.fail):
        pass
    assert [one[2] for one in notebook.told if one[0] == "log"] == [1, 2, 3]


def test_a_slow_tracker_does_not_hold_the_search(
    spec: StudySpec, storage: RDBStorage, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror_module, "_WAIT_SECONDS", 0.2)
    notebook.held.clear()
    output: list[str] = []
    store = open_store(spec, storage)
    with open_mirror(store, output.append) as mirror:
        live = started(store)
        store.add_row(live, row(1, 50.0))
        mirror.tick(force=True)  # would wait here
    notebook.held.set()
    assert len(output) == 1 and "did not accept everything in time" in output[0]


def test_without_trackers_nothing_is_written(spec: StudySpec, storage: RDBStorage) -> None:
    store = open_store(spec, storage)
    with open_mirror(store, pytest.fail) as mirror:
        mirror.tick(force=True)
    assert not (store.folder / "trackers.json").exists()


def test_what_is_asked_for_is_checked(tmp_path: Path, database: Path) -> None:
    from slr_tune.space import load_spec
    from slr_tune.trackers.tracker import TrackedStudy, open_trackers

    path = toy_spec(tmp_path).path
    with pytest.raises(SpecError, match="trackers"):
        load_spec(path, overrides=["resources.trackers=[mlfow]"])
    spec = load_spec(path, overrides=["resources.trackers=[tensorboard, tensorboard]"])
    assert spec.resources.trackers == ("tensorboard",)
    stored = json.loads(json.dumps(spec.latest()))
    again = StudySpec.from_identity(spec.identity(), latest=stored)
    assert again.resources == spec.resources
    # One whose library is missing is told before the search, with the way to get it.
    with pytest.raises(SlrTuneError, match=r"(?s)nothing cannot be used.*slr-tune\[nothing\]"):
        open_trackers(["nothing"], TrackedStudy("toy", tmp_path, tmp_path))
