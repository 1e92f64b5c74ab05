"""How far the trainings of a plan are, as a terminal draws it."""

from __future__ import annotations

from pathlib import Path

from toy_runs import ToyConfig

from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm, Measure


def test_epochs_that_are_shown_reach_what_is_expected(tmp_path: Path) -> None:
    """Two arms with two seeds of three epochs: never back, never beyond, full at the end."""
    shown: list[tuple[int, int]] = []
    talk = Talk(print, lambda: False, lambda done, expected: shown.append((done, expected)))
    arms = [
        Arm(name, ToyConfig(level=level, max_epochs=3).model_dump(), "toy_runs:ToyRun")
        for name, level in (("low", 0.2), ("high", 0.4))
    ]
    pool = LocalPool(data=None, cache=tmp_path)
    measure = Measure("val/wer", minimize=True, scored=False)
    store = RunStore(tmp_path / "runs", pool, data=None, talk=talk, measure=measure)
    store.train(arms, [0, 1])
    assert shown[-1] == (12, 12)
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    assert {expected for _, expected in shown} == {12}
