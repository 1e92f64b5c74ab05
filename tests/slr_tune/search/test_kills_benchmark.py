"""What `benchmarks/kills.py` calls a search that has lost nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from slr_tune.study import view
from slr_tune.study.record import ATTRIBUTE, TrialRecord
from trainables.files.curve import CurveFile


@pytest.fixture(scope="module")
def kills() -> ModuleType:
    """The script as a module: the benchmarks are no package."""
    path = Path(__file__).parents[3] / "benchmarks" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trial_of(folder: Path, number: int, *, epochs: int = 1, **changes: object) -> FrozenTrial:
    """A trial of so many epochs at a WER of 50, with its curve file."""
    record = TrialRecord(config={}, seed=0, ended_by="max_epochs", epochs=epochs)
    rows = [{"epoch": float(epoch), "val/wer": 50.0} for epoch in range(1, epochs + 1)]
    CurveFile(folder / "trials" / str(number) / "curve.csv").repair(rows)
    trial = create_trial(
        value=50.0,
        user_attrs={ATTRIBUTE: record.to_json()},
        intermediate_values={epoch: 50.0 for epoch in range(1, epochs + 1)},
    )
    trial.number = number
    for name, value in changes.items():
        setattr(trial, name, value)
    return trial


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({}, 0),
        ({"state": TrialState.PRUNED}, 0),
        ({"state": TrialState.FAIL}, 1),
        ({"state": TrialState.RUNNING}, 1),
        ({"state": TrialState.FAIL, "epochs": 0}, 1),
        ({"intermediate_values": {1: 40.0}}, 1),
    ],
)
def test_every_trial_has_to_be_there_whole(
    last: dict[str, object],
    expected: int,
    kills: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Broken if a search that lost a trial to a kill were called as good as one that lost none.
    trials = [trial_of(tmp_path, number) for number in range(kills.TRIALS - 1)]
    trials.append(trial_of(tmp_path, kills.TRIALS - 1, **last))
    found = SimpleNamespace(trials=trials, folder=tmp_path)
    monkeypatch.setattr(view, "load_study", lambda name, storage: found)
    journal = tmp_path / "journal"
    journal.write_text("".join(f"{number} 1\n" for number in range(kills.TRIALS)))
    assert kills.judge(journal, {}, kills=7) == expected


def test_a_stored_epoch_must_not_be_trained_again(
    kills: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if an epoch that was in the database before a kill could be trained again unnoticed.
    trials = [trial_of(tmp_path, number) for number in range(kills.TRIALS)]
    found = SimpleNamespace(trials=trials, folder=tmp_path)
    monkeypatch.setattr(view, "load_study", lambda name, storage: found)
    journal = tmp_path / "journal"
    journal.write_text("0.1 0.2 1\n0.1 0.2 1\n")
    assert kills.judge(journal, {"0.1 0.2 1": 2}, kills=7) == 0
    assert kills.judge(journal, {"0.1 0.2 1": 1}, kills=7) == 1
