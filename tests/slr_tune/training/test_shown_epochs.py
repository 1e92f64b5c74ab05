"""How far the trainings of a plan are, as a terminal draws it."""

from __future__ import annotations

from pathlib import Path

from toy_runs import ToyRun

from slr_tune.training.execute import Execution
from slr_tune.training.plan import make_plan
from slr_tune.training.pool import LocalPool
from slr_tune.training.runs import Arm, ArmRun


def shown(folder: Path) -> list[tuple[int, int]]:
    """Epochs done and expected, each time that they are drawn: two arms with two seeds."""
    name = f"{ToyRun.__module__}:{ToyRun.__name__}"
    arms = [Arm(f"level {level}", {"level": level, "max_epochs": 3}, name) for level in (0.2, 0.4)]
    runs = [ArmRun(arm, seed) for arm in arms for seed in (0, 1)]
    found: list[tuple[int, int]] = []

    def show(done: int, expected: int) -> None:
        found.append((done, expected))

    plan = make_plan(runs, context=lambda run: str(run.seed))
    execution = Execution(plan, folder, teacher=None, tell=print, show=show)
    pool = LocalPool(data=None, cache=folder / "cache")
    execution.run(pool, stopped=lambda: False, watch=lambda job: None)
    return found


def test_epochs_that_are_shown_reach_what_is_expected(tmp_path: Path) -> None:
    """From a start to the end, and at once where all was trained before."""
    drawn = shown(tmp_path)
    assert drawn[-1] == (12, 12)
    assert [done for done, _ in drawn] == sorted(done for done, _ in drawn)
    assert {expected for _, expected in drawn} == {12}
    assert shown(tmp_path)[-1] == (12, 12)
