"""Whole searches on Ray whose trials pause at their rungs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from optuna.trial import TrialState
from own_process import Command
from planned_epochs import planned_epochs
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.search.engine import run_search
from slr_tune.search.progress import Progress
from slr_tune.search.run_options import RunOptions, SearchOutcome
from slr_tune.study.quota import Quota
from slr_tune.study.record import is_paused, record_of
from slr_tune.study.view import StudyView, load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")


def search(folder: Path, *, trials: int, strategy: str = "prior-asha") -> SearchOutcome:
    spec = toy_spec(
        folder,
        trials=trials,
        search=f"{{strategy: {strategy}}}",
        fixed={"journal": folder / "journal"},
        audit=0.0,
    )
    with Progress() as progress:
        return run_search(spec, RunOptions(), progress)


def check_decisions(view: StudyView) -> None:
    stored = [(t.number, e) for t in view.trials for r in [record_of(t)] if r for e in r.rungs]
    for number, entry in stored:
        assert entry.value == view.trials[number].intermediate_values[entry.epoch]
    assert Quota((1, 3), 3).replay(stored) == sorted(stored, key=lambda pair: pair[1].order)


def check_checkpoints(view: StudyView) -> None:
    """Those are gone that twice the trials could not promote, and no others."""
    stored = [(t.number, e) for t in view.trials for r in [record_of(t)] if r for e in r.rungs]
    quota = Quota((1, 3), 3)
    quota.replay(stored)
    hopeless = {one.trial for one in quota.hopeless(2 * len(view.trials) - 1)}
    for trial in view.trials:
        files = list((view.own_folder(trial.number) / "checkpoints").glob("*.pt"))
        record = record_of(trial)
        assert bool(files) == (trial.number not in hopeless)
        assert record is not None and bool(record.checkpoint) == bool(files)
    assert hopeless


def test_search_and_more_trials(tmp_path: Path) -> None:
    """No epoch is trained twice, as many as were planned, and then those of ten more trials."""
    for trials in (14, 24):
        assert search(tmp_path, trials=trials).started >= 10
        view = load_study("toy")
        assert len(view.trials) == trials
        assert {t.state for t in view.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
        trained = len((tmp_path / "journal").read_text().splitlines())
        planned = planned_epochs((1, 3), trials=trials, exempt=1, reduction_factor=3, max_epochs=9)
        assert trained == planned == sum(len(t.intermediate_values) for t in view.trials)
        check_decisions(view)
        if trials == 14:  # later some are gone that even more trials could promote
            check_checkpoints(view)
    sources = {record.source for t in view.trials if (record := record_of(t))}
    assert "baseline" in sources and any("perturbed trial" in str(one) for one in sources)
    assert search(tmp_path, trials=24).started == 0


def test_killed_with_paused_trials_about_and_then_more_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9, then more trials are asked for: no stored epoch again, decisions as stored."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 40}
    space = write_toy_space(
        tmp_path, trials=10, fixed=fixed, search="{strategy: prior-asha}", audit=0.0
    )
    command = Command("run", space)
    assert command.wait_for_lines(journal, 16)
    command.end(signal.SIGKILL)
    killed = load_study("toy")
    assert any(map(is_paused, killed.trials))
    stored = sum(len(trial.intermediate_values) for trial in killed.trials)
    trained = len(journal.read_text().splitlines())
    assert slr_tune(["run", str(space), "--trials", "13"]) == 0
    assert "Paused at a rung" in capsys.readouterr().err
    view = load_study("toy")
    assert {t.state for t in view.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    check_decisions(view)
    planned = planned_epochs((1, 3), trials=13, exempt=1, reduction_factor=3, max_epochs=9)
    assert len(journal.read_text().splitlines()) - trained <= planned - stored
