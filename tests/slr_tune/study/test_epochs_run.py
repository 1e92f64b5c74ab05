"""Epochs that were run and values that are stored are two things, in every view."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from toy_space import toy_spec

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import RunFailed
from slr_tune.report.study.cost import costs
from slr_tune.report.study.study_data import collect
from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import epochs_run
from slr_tune.study.storage import open_storage
from slr_tune.study.summary import summarise
from slr_tune.study.view import load_study, trial_row


def row(epoch: int, value: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 1.0, "val/wer": value}


@pytest.mark.usefixtures("database")
def test_all_views_count_the_epochs_that_were_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a validation after each third epoch, a trial of nine epochs showed seven."""
    spec = toy_spec(tmp_path, trials=2, workers=1)
    storage = open_storage(None)
    with StudyLock(storage.engine, spec.study) as lock:
        store = open_store(spec, storage)
        recorder = Recorder(store, lock, target=2, workers=1)
        live = recorder.next_trial()
        assert live is not None
        values = [math.nan if epoch % 3 else 50.0 - epoch for epoch in range(1, 10)]
        for epoch, value in enumerate(values, 1):
            ended_by = "max_epochs" if epoch == 9 else None
            recorder.report(0, Report(rows=[row(epoch, value)], ended_by=ended_by))
            # A reader sees an epoch at once, with a value or without.
            assert epochs_run(store.trials[0]) == epoch
        live = recorder.next_trial()
        assert live is not None
        recorder.report(1, Report(rows=[row(1, math.nan), row(2, math.nan)], ended_by="max_epochs"))
        first, second = load_study("toy").trials
        assert first.values == [41.0] and trial_row(first)["best_epoch"] == 9
        assert "no finite val/wer in 2 epochs" in trial_row(second)["error"]
        with pytest.raises(RunFailed, match="charged"):
            recorder.store.live[7] = live
            recorder.report(7, Report(rows=[], ended_by="error", error="broken", refused=True))
    view = load_study("toy")
    assert [trial_row(trial)["epochs"] for trial in view.trials] == [9, 2]
    assert summarise(view)["epochs"] == 11
    assert sum(cost.epochs for cost in costs(collect(view))) == 11
    capsys.readouterr()
    assert slr_tune(["show", "toy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == 11
