"""Trainings of an ablation that hang: by hand on a clock, and a real one on Ray."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from toy_runs import ToyConfig
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.training.deadlines import Deadlines
from slr_tune.training.runs import Arm, ArmRun, Measure
from slr_tune.training.stages import Stage


@pytest.mark.parametrize(("timeout", "allowed"), [(None, 2000.0), (30.0, 30.0)])
def test_the_limit_by_hand(tmp_path: Path, timeout: float | None, allowed: float) -> None:
    """20 times the median epoch of 100 s, or what was asked for; ten minutes for the first."""
    measure = Measure("val/wer", minimize=True, scored=False)
    run = ArmRun(Arm("toy", ToyConfig().model_dump(), "toy_runs:ToyRun"), 0, measure)
    stage = Stage("a", None, 1, 9, (run,), folder=tmp_path)
    now = [0.0]
    deadlines = Deadlines(timeout, clock=lambda: now[0])
    deadlines.begin(stage)
    now[0] = 599.0
    assert deadlines.overdue(stage) is None
    deadlines.begin(stage)
    for epoch in (1, 2):
        now[0] += 100.0
        stage.report([{"epoch": e, "val/wer": 50.0} for e in range(1, epoch + 1)])
        assert deadlines.overdue(stage) is None
    now[0] += allowed
    assert deadlines.overdue(stage) is None
    now[0] += 1.0
    assert deadlines.overdue(stage) == allowed


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_training_that_hangs_is_given_to_another_worker(tmp_path: Path, studies: Path) -> None:
    """An ablation would wait for it for ever."""
    (tmp_path / "marks").mkdir()
    fixed = {"marks": tmp_path / "marks", "hang": 1}
    space = write_toy_space(tmp_path, max_epochs=3, workers=1, fixed=fixed)
    text = space.read_text().replace("toy_runs:ToyRun", "faulty_runs:FaultyRun")
    space.write_text(text.replace("resources: {", "resources: {trial_timeout: 1, "))
    assert slr_tune(["ablate", str(space), "--factor", "width", "--seeds", "3"]) == 0
    assert (tmp_path / "marks" / "hang-0").exists()
    (table,) = studies.glob("toy/ablations/width/runs.csv")
    runs = list(csv.DictReader(table.read_text().splitlines()))
    assert [run["epochs"] for run in runs] == ["3"] * 9
