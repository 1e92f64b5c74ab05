"""What is not the configuration's fault is not charged to it: whole searches, real faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.record import record_of
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")


def faulty_space(
    folder: Path, *, resources: str = "", fixed: dict[str, Any], **changes: Any
) -> str:
    marks = folder / "marks"
    marks.mkdir(exist_ok=True)
    path = write_toy_space(folder, fixed={"marks": marks, **fixed}, **changes)
    text = path.read_text().replace("toy_runs:ToyRun", "faulty_runs:FaultyRun")
    path.write_text(text.replace("resources: {", "resources: {" + resources))
    return str(path)


def states() -> set[TrialState]:
    return {trial.state for trial in load_study("toy").trials}


def test_no_memory_burns_no_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The allocator refuses three runs in a row: exit 1, all wait, and the command goes on."""
    space = faulty_space(tmp_path, trials=4, max_epochs=2, workers=1, fixed={"no_memory": 3})
    assert slr_tune(["run", space]) == 1
    output = capsys.readouterr().err
    assert "3 runs in a row made no progress" in output and "Traceback" not in output
    assert states() == {TrialState.WAITING}
    assert slr_tune(["run", space]) == 0
    trials = load_study("toy").trials
    assert len(trials) == 4 and states() <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert trials[0].params == {"level": 0.5, "width": 1}  # the baseline was not lost


def test_failed_trials_can_be_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same trials, their numbers and parameters, once what broke them is mended."""
    space = faulty_space(tmp_path, trials=3, max_epochs=2, workers=1, fixed={"broken": 2})
    assert slr_tune(["run", space]) == 0
    before = load_study("toy").trials
    failed = [trial.number for trial in before if trial.state == TrialState.FAIL]
    assert failed == [0, 1]
    assert slr_tune(["run", space]) == 0
    assert "--retry-failed" in capsys.readouterr().err
    assert slr_tune(["run", space, "--retry-failed"]) == 0
    assert "back in the queue: 0, 1" in capsys.readouterr().err
    after = load_study("toy").trials
    assert [trial.params for trial in after] == [trial.params for trial in before]
    assert TrialState.FAIL not in states()
    record = record_of(after[0])
    assert record is not None and (record.ended_by, record.error) == ("max_epochs", None)


def test_a_study_without_an_epoch_takes_a_changed_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed before it began is mended in the file, and nothing is there to be compared."""
    fixed = {"broken": 3}
    space = faulty_space(tmp_path, trials=3, max_epochs=2, workers=1, fixed=fixed)
    assert slr_tune(["run", space]) == 1
    space = faulty_space(tmp_path, trials=1, max_epochs=3, workers=1, fixed=fixed)
    assert slr_tune(["run", space]) == 0
    assert "starts over with the changed space" in capsys.readouterr().err
    assert [len(trial.intermediate_values) for trial in load_study("toy").trials] == [3]
    space = faulty_space(tmp_path, trials=1, max_epochs=2, workers=1, fixed=fixed)
    assert slr_tune(["run", space]) == 2  # now there is


def test_a_trial_that_hangs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is FAIL `timeout`, its worker is replaced, and the search ends with its trials."""
    space = faulty_space(
        tmp_path,
        trials=3,
        max_epochs=2,
        workers=1,
        resources="trial_timeout: 2, ",
        fixed={"hang": 1},
    )
    assert slr_tune(["run", space]) == 0
    records = [record for t in load_study("toy").trials if (record := record_of(t)) is not None]
    assert [record.ended_by for record in records].count("timeout") == 1
    hung = next(record for record in records if record.ended_by == "timeout")
    assert hung.epochs == 1 and "no epoch within" in (hung.error or "")
    assert len(records) == 3 and "Traceback" not in capfd.readouterr().err
