"""What `verify` and `--dry-run` say of a search that is to end in time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small_runs import small_space, small_spec

from slr_tune.checks.estimate import trials_in_time
from slr_tune.cli.main import run


def test_trials_are_those_that_the_hours_hold(tmp_path: Path) -> None:
    """By hand: rungs 1 and 3 of 6; the baseline runs through, the quota promotes the third."""
    spec = small_spec(tmp_path)
    budget = replace(spec.budget, trials=None, hours=1.0, audit=0.0)
    spec = replace(spec, budget=budget)
    # 6 epochs of the baseline, 7 of seven others, 2 for each of two that go on: 17 hold eight.
    each = 3600 / 17
    assert trials_in_time(spec, each * 0.999, ahead=0.0, workers=1) == 8
    assert trials_in_time(spec, each * 0.999, ahead=0.0, workers=2) > 12
    assert trials_in_time(spec, each, ahead=3600.0, workers=2) == 0
    few = replace(spec, budget=replace(budget, trials=2))
    assert trials_in_time(few, each, ahead=0.0, workers=1) == 2
    part = replace(spec, budget=replace(budget, fidelity=0.25))
    assert trials_in_time(part, each, ahead=0.0, workers=1) > 8


def test_dry_run_says_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a number of trials; for a person and for a script."""
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(tmp_path / "studies"))
    hours = ["--set", "budget.trials=null", "--set", "budget.hours=0.5"]
    command = ["run", str(small_space(tmp_path)), "--dry-run", *hours]
    assert run(command) == 0
    message = capsys.readouterr().out
    assert "as many trials as 30 min allow, of at most 6 epochs" in message
    assert "time: 30 min is enough for about" in message
    assert run([*command, "--set", "budget.fidelity=subset", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["trials"], plan["hours"], plan["epochs_at_most"]) == (None, 0.5, None)
    assert plan["estimate"]["trials"] > 2 and plan["estimate"]["seconds"] <= 1800
    assert 0.25 < plan["estimate"]["epochs"]["share"] < 1
