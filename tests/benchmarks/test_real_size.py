"""The set of PHOENIX-2014's size, and the comparison of low rungs, as small as they work."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.fidelity import ARMS, report, spec_of  # noqa: E402
from benchmarks.real_size import Step, _private, generate, run, table  # noqa: E402
from slr_tune.study.forecast import forecast_cost  # noqa: E402
from trainables.data import prepare  # noqa: E402


def test_set_is_read_as_phoenix_is(tmp_path: Path) -> None:
    """Its utterances, features and glosses come back through the reader of the real one."""
    written = generate(tmp_path / "data", scale=0.002)
    section = {"name": "phoenix", "root": str(tmp_path / "data"), "features": "frames"}
    data = prepare(section, tmp_path / "cache")
    assert [s.sentences for s in data.statistics] == [11, 3, 3]
    assert data.feature_size == 1540
    frames = sum(s.frames for s in data.statistics)
    assert written == pytest.approx(frames * 1540 * 4, rel=0.01)
    # Each gloss that is due comes once, and CTC can align all of train.
    assert len(data.vocabulary) == 1 + data.statistics[0].distinct_glosses
    assert (data.train.lengths >= data.train.frames_needed).all()


def test_command_is_measured(tmp_path: Path) -> None:
    """Clock, processor and private memory of a real command; a wrong one shows what it said."""
    step = run("help", "--help", folder=tmp_path)
    assert "Usage" in step.output and step.seconds > 0
    assert _private(os.getpid()) > 2**20
    with pytest.raises(RuntimeError, match="there is no command"):
        run("none", "no-such-command", folder=tmp_path)
    last = Step("trials", 9.0, 1.0, 2**20, private={1: [2**20 * n for n in (1, 4, 4, 5, 7)]})
    assert "worker 1 4 6 4 7" in " ".join(table([step, last]).split())


def test_arms_cost_the_same() -> None:
    """The second has as many trials as its cheaper rungs pay for, and not one more."""
    sets = ["budget.trials=14", "budget.max_epochs=12"]
    full, part = (spec_of(arm, 0, sets) for arm in ARMS)
    costs = [forecast_cost(full), forecast_cost(part)]
    assert costs[0] is not None and costs[1] is not None
    assert 0.9 * costs[0] < costs[1] <= costs[0]
    assert (part.budget.trials or 0) > 14
    line = {"trials": 14, "cost": 9.0, "cpu_seconds": 1.0, "again": 30.0, "rungs": []}
    lines = [
        {**line, "seed": seed, "arm": arm, "found": 20.0 + seed + place}
        for seed in (0, 1)
        for place, arm in enumerate(ARMS)
    ]
    assert "found: +1.00 points, standard error 0.00, 2 seeds" in report(lines)
