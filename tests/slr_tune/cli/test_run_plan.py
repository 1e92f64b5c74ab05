"""`slr-tune run --dry-run` says before the search what cannot come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
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
