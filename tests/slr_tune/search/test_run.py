"""Whole searches on Ray, with the toy run."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import RunFailed, StudyChanged
from slr_tune.search.engine import run_search
from slr_tune.search.progress import Progress
from slr_tune.search.run_options import RunOptions, SearchOutcome
from slr_tune.search.stopping_rungs import rungs_of
from slr_tune.study.folders import trial_folder
from slr_tune.study.open_study import open_store
from slr_tune.study.record import record_of
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study
from trainables.files.curve import CurveFile

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")


def search(folder: Path, **changes: Any) -> SearchOutcome:
    with Progress() as progress:
        return run_search(toy_spec(folder, **changes), RunOptions(), progress)


def check_trials(trials: list[FrozenTrial]) -> None:
    """What holds for every trial of every finished study."""
    for trial in trials:
        record = record_of(trial)
        assert trial.state.is_finished() and record is not None
        rows = CurveFile(trial_folder("toy", trial.number) / "curve.csv").rows()
        finite = [row for row in rows if not math.isnan(row["val/wer"])]
        assert len(trial.intermediate_values) == record.epochs == len(rows)
        if trial.state != TrialState.FAIL:
            assert trial.value == min(row["val/wer"] for row in finite)


def check_decisions(folder: Path, **changes: Any) -> None:
    """ASHA's stored decisions are what the stored values give when they arrive in that order."""
    store = open_store(toy_spec(folder, **changes), open_storage())
    entries = [e for t in store.trials for r in [record_of(t)] if r for e in r.rungs]
    assert len({entry.order for entry in entries}) == len(entries)
    rungs = rungs_of(store)
    rungs._values.clear()
    assert rungs.replay(entries) == sorted(entries, key=lambda entry: entry.order)
    for trial in store.trials:
        for entry in record_of(trial).rungs:  # type: ignore[union-attr]
            assert entry.value == trial.intermediate_values[entry.epoch]


def test_search_resume_and_extend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The study ends with the trials asked for; asked again nothing runs; asked for more, more."""
    journal = tmp_path / "journal"
    outcome = search(tmp_path, trials=8, fixed={"journal": journal})
    view = load_study("toy")
    assert outcome.started == len(view.trials) == 8
    states = Counter(trial.state for trial in view.trials)
    assert set(states) == {TrialState.COMPLETE, TrialState.PRUNED}
    check_trials(view.trials)
    check_decisions(tmp_path, trials=8, fixed={"journal": journal})
    epochs = sum(len(trial.intermediate_values) for trial in view.trials)
    assert len(journal.read_text().splitlines()) == epochs
    assert not list((tmp_path / "studies" / "toy").glob(".workers"))

    assert search(tmp_path, trials=8, fixed={"journal": journal}).started == 0
    assert search(tmp_path, trials=11, fixed={"journal": journal}).started == 3
    more = load_study("toy").trials
    assert [t.params for t in more[:8]] == [t.params for t in view.trials]
    assert len({trial.params["level"] for trial in more}) == 11


def test_both_workers_are_busy(tmp_path: Path) -> None:
    """Ray Tune gives all trials to one actor if the first trial ends before the second is up."""
    search(tmp_path, trials=6, max_epochs=2, baseline=False, fixed={"milliseconds": 30})
    trials = load_study("toy").trials
    intervals = [(t.datetime_start, t.datetime_complete) for t in trials]
    overlapping = sum(
        a[0] < b[1] and b[0] < a[1]  # type: ignore[operator]
        for i, a in enumerate(intervals)
        for b in intervals[i + 1 :]
    )
    assert overlapping >= len(trials) - 2


def test_failing_trials_do_not_end_the_search(tmp_path: Path) -> None:
    """Each failure is FAIL with its reason, and the next trial runs in the same actor."""
    faults = ("nan", "error", "oom", "patience")
    search(tmp_path, trials=12, max_epochs=3, workers=1, baseline=False, faults=faults)
    trials = load_study("toy").trials
    seen = set()
    for trial in trials:
        record = record_of(trial)
        assert record is not None and record.ended_by in (trial.params["fault"], "asha")
        failed = record.ended_by in ("nan", "error", "oom")
        assert (trial.state == TrialState.FAIL) == failed == (trial.value is None)
        assert ("made to fail" in (record.error or "")) == (record.ended_by == "error")
        seen.add(record.ended_by)
    assert len(trials) == 12 and seen >= {"nan", "error"}


def test_worker_that_dies_costs_no_trial(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The kernel kills a worker: the same trial goes on from its checkpoint.

    What Ray says of it, 30 lines each time, goes to the study's log.
    """
    fixed = {"journal": tmp_path / "journal", "kill_at": 3, "kill_times": 2}
    search(tmp_path, trials=5, max_epochs=4, fixed=fixed)
    trials = load_study("toy").trials
    assert len(trials) == 5
    check_trials(trials)
    check_decisions(tmp_path, trials=5, max_epochs=4, fixed=fixed)
    trained = Counter((tmp_path / "journal").read_text().splitlines())
    assert max(trained.values()) == 1
    out, err = capfd.readouterr()
    assert "raylet" not in out + err and "Traceback" not in out + err
    assert "Traceback" in (tmp_path / "studies" / "toy" / "ray.log").read_text()


def test_worker_that_always_dies_ends_the_run(tmp_path: Path) -> None:
    """No trial is charged with what kills each of them; the same command goes on."""
    fixed = {"journal": tmp_path / "journal", "kill_at": 1, "kill_times": 3}
    with pytest.raises(RunFailed, match="3 runs in a row"):
        search(tmp_path, trials=2, max_epochs=2, workers=1, fixed=fixed)
    assert {trial.state for trial in load_study("toy").trials} == {TrialState.WAITING}
    search(tmp_path, trials=2, max_epochs=2, workers=1, fixed=fixed)
    ended = [record.ended_by for t in load_study("toy").trials if (record := record_of(t))]
    assert ended[0] == "max_epochs" and ended[1] in ("max_epochs", "asha")


def test_full_disk_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    """The message says what to do; what was in the air waits for the next start."""
    with pytest.raises(RunFailed, match="No space left"):
        search(tmp_path, trials=4, fixed={"disk_full_at": 2})
    states = {trial.state for trial in load_study("toy").trials}
    assert TrialState.RUNNING not in states and TrialState.FAIL not in states


def test_changed_space_is_refused_with_the_difference(tmp_path: Path) -> None:
    """Trials of two spaces in one study would be compared as if they were of one."""
    search(tmp_path, trials=1, max_epochs=1)
    before = [trial.params for trial in load_study("toy").trials]
    with pytest.raises(StudyChanged, match=r"max_epochs: 1 -> 2"):
        search(tmp_path, trials=1, max_epochs=2)
    assert [trial.params for trial in load_study("toy").trials] == before


def test_run_prints_json_for_a_script(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """stdout holds the JSON alone; all else goes to stderr."""
    space = write_toy_space(tmp_path, trials=3, max_epochs=2, workers=1)
    assert slr_tune(["run", str(space), "--json"]) == 0
    content = json.loads(capfd.readouterr().out)
    assert content["trials"] == content["started"] == 3
    assert content["baseline"]["number"] == 0
