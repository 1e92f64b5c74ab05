"""`slr-tune run --dry-run` says before the search what cannot come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune


@pytest.mark.parametrize(
    ("changes", "ends_nowhere"),
    [
        ({"trials": 8, "baseline": False}, True),
        ({"trials": 9, "baseline": False}, False),
        ({"trials": 2}, False),
        ({"trials": 8, "baseline": False, "search": "{strategy: tpe-asha}"}, False),
        ({"trials": 8, "baseline": False, "audit": 0}, True),
    ],
)
def test_a_quota_that_promotes_no_trial_to_the_end(
    changes: dict[str, object],
    ends_nowhere: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Rungs at 1 and 3 of 9: one trial in nine. With fewer, audited ones alone get there."""
    path = write_toy_space(tmp_path, **{"search": "{strategy: prior-asha}", **changes})
    assert slr_tune(["run", str(path), "--dry-run"]) == 0
    message = capsys.readouterr().out
    warning = "no trial is promoted to its last epoch: that takes 9 trials"
    assert (warning in message) == ends_nowhere


@pytest.mark.parametrize(
    ("size", "strategy", "repeats"),
    [(4, "prior-asha", True), (4, "grid", False), (12, "prior-asha", False)],
)
def test_a_space_with_fewer_configurations_than_trials(
    size: int,
    strategy: str,
    repeats: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every second trial of this search would be one that was trained already."""
    path = write_toy_space(tmp_path, trials=12, baseline=False, search=f"{{strategy: {strategy}}}")
    content = yaml.safe_load(path.read_text())
    content["space"] = {"level": {"choice": [n / size for n in range(size)]}}
    path.write_text(yaml.safe_dump(content))
    assert slr_tune(["run", str(path), "--dry-run"]) == 0
    note = "the space has 4 configurations, so some of 12 trials are repeats"
    assert (note in capsys.readouterr().out) == repeats
