"""The trackers' own libraries, offline: what they then say of a study."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from toy_space import write_toy_space

from slr_tune.errors import SlrTuneError
from slr_tune.search.sampler import tpe
from slr_tune.space import load_spec
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import opened_storage
from slr_tune.study.store import StudyStore
from slr_tune.trackers import open_mirror

pytestmark = pytest.mark.filterwarnings("ignore")  # of the trackers' own libraries


@pytest.fixture
def storage(database: Path) -> Iterator[RDBStorage]:
    with opened_storage() as opened:
        yield opened


def tracked(folder: Path, storage: RDBStorage, tracker: str) -> StudyStore:
    """A study with one finished and one failed trial, in a tracker."""
    path = write_toy_space(folder)
    spec = load_spec(path, overrides=[f"resources.trackers=[{tracker}]"])
    store = open_store(spec, storage)
    with open_mirror(store, pytest.fail) as mirror:
        for reason in ("max_epochs", "nan"):
            live = store.start_trial(tpe(seed=0, number=len(store.trials)))
            for epoch, value in ((1, 80.0), (2, 60.0)):
                store.add_row(live, {"epoch": epoch, "seconds": 0.5, "val/wer": value})
                mirror.tick(force=True)
            store.finish(live, reason)
    return store


def test_tensorboard_has_settings_and_value(tmp_path: Path, storage: RDBStorage) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    store = tracked(tmp_path, storage, "tensorboard")
    read = EventAccumulator(str(store.folder / "trials" / "0"))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("val/wer")] == [(1, 80.0), (2, 60.0)]
    assert read.Scalars("best/val/wer")[0].value == 60.0
    assert "_hparams_/session_start_info" in read.summary_metadata
    content = read.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"level" in content and b"ended_by" in content


def test_mlflow_has_runs_with_params_and_metrics(tmp_path: Path, storage: RDBStorage) -> None:
    mlflow = pytest.importorskip("mlflow")
    store = tracked(tmp_path, storage, "mlflow")
    uri = f"sqlite:///{store.folder.parent / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("toy")
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    first = runs["trial-0"]
    assert first.info.status == "FINISHED" and runs["trial-1"].info.status == "FAILED"
    assert first.data.params["level"] == "0.5" and first.data.params["seed"] == "0"
    curve = client.get_metric_history(first.info.run_id, "val/wer")
    assert [(m.step, m.value) for m in curve] == [(1, 80.0), (2, 60.0)]
    assert first.data.metrics["best/val/wer"] == 60.0
    assert first.data.tags["slr_tune.ended_by"] == "max_epochs"


def test_wandb_writes_runs_offline(
    tmp_path: Path, storage: RDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    store = tracked(tmp_path, storage, "wandb")
    files = sorted(store.folder.parent.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 2
    assert b"val/wer" in files[0].read_bytes() and b"ended_by" in files[0].read_bytes()
    wandb.teardown()


def test_wandb_without_an_account_is_reported_before_the_search(
    tmp_path: Path, storage: RDBStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would ask for a key in the middle of the night.
    pytest.importorskip("wandb")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    spec = load_spec(write_toy_space(tmp_path), overrides=["resources.trackers=[wandb]"])
    with pytest.raises(SlrTuneError, match="has no account"):
        with open_mirror(open_store(spec, storage), pytest.fail):
            pass
