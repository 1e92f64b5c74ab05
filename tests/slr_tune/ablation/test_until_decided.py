"""Seeds until decided, on trainings that really run: the plan is kept, a killed call goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from slr_tune.ablation.arms import one_at_a_time
from slr_tune.ablation.budget import Budget
from slr_tune.ablation.factors import find_factor
from slr_tune.ablation.until_decided import PLAN_FILE, SequentialPlan, decide, keep_plan
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm

MakeStore = Callable[..., RunStore]


@pytest.fixture
def arms(spec: StudySpec) -> list[Arm]:
    """The baseline, one that never moves, and one that is nearly the baseline."""
    config = spec.baseline_config()
    assert config is not None
    factor = find_factor("learning_rate", config, spec)
    still = replace(factor, levels=(1e-7, 0.031))
    return one_at_a_time(config, [still], trainable=spec.trainable)


def plan_of(arms: list[Arm], most: int = 5, margin: float | None = None) -> SequentialPlan:
    return SequentialPlan.of(arms, range(1000, 1000 + most), margin, None)


def test_arms_are_dropped_and_the_cost_is_reported(make_store: MakeStore, arms: list[Arm]) -> None:
    """An arm that is decided or hopeless gets no further seed; the baseline goes on with others."""
    store = make_store()
    found = decide(store, arms, plan_of(arms))
    names = [arm.name for arm in arms]
    counts = {name: sum(run.arm.name == name for run in found.runs) for name in names}
    assert counts == dict(found.seeds) and max(counts.values()) == counts[names[0]]
    assert found.family == len(arms) - 1 and set(found.judged) == set(names[1:])
    for one in found.judged.values():
        assert one.stopped and one.level > 0.95 and one.more is None
    assert f"{sum(counts.values())} runs were made" in found.notes[1]
    assert "A fixed design of 5 seeds would have cost 15" in found.notes[1]
    trained = store.trained
    again = make_store()
    same = decide(again, arms, plan_of(arms))
    assert again.trained == 0 < trained and same.judged == found.judged


def test_the_budget_ends_it(make_store: MakeStore, arms: list[Arm]) -> None:
    """No further seed is begun where it would not fit; what is open says why."""
    arms = arms[:2]
    found = decide(make_store(), arms, plan_of(arms), limit=1e-6)
    assert set(found.seeds.values()) == {3} and "budget" in found.notes[-1]
    ended = [one.stopped for one in found.judged.values()]
    assert any("when the budget ended after 3 seeds" in message for message in ended)


def test_the_plan_is_kept(tmp_path: Path, arms: list[Arm]) -> None:
    """A plan made up after looking controls no error: another one is refused, and nothing lost."""
    plan = keep_plan(tmp_path, plan_of(arms))
    assert keep_plan(tmp_path, plan_of(arms)) == plan
    written = (tmp_path / PLAN_FILE).read_bytes()
    budget = SequentialPlan.of(arms, plan.seeds, None, Budget(runs=15))
    for other in (plan_of(arms, 8), plan_of(arms, margin=2.0), plan_of(arms[:2]), budget):
        with pytest.raises(SlrTuneError, match="holds the plan made before the first look"):
            keep_plan(tmp_path, other)
    assert (tmp_path / PLAN_FILE).read_bytes() == written
    (tmp_path / PLAN_FILE).write_text("{")
    with pytest.raises(SlrTuneError, match="cannot be read"):
        keep_plan(tmp_path, plan)


SCRIPT = """
import json, sys
from pathlib import Path
from slr_tune.ablation.until_decided import SequentialPlan, decide
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm
from trainables.data import prepare

told = json.loads(Path(sys.argv[1]).read_text())
data = prepare(told["data"], Path(told["cache"]))
store = RunStore(
    Path(told["stages"]), LocalPool(data=data.folder, cache=Path(told["cache"])), data=data,
    talk=Talk(lambda text: None, lambda: False), teacher=Path(told["teacher"]),
    teacher_hash="of the teacher",
)
arms = [Arm(**arm) for arm in told["arms"]]
decide(store, arms, SequentialPlan.of(arms, told["seeds"], None, None))
"""


def test_a_killed_call_resumes_with_the_same_decisions(
    make_store: MakeStore, arms: list[Arm], tmp_path: Path, libras: object
) -> None:
    """kill -9 in the middle: finished stages stay, and the end is that of an undisturbed call."""
    arms = arms[:2]
    whole = decide(make_store(folder="whole"), arms, plan_of(arms, 4))
    store = make_store()
    output = {
        "data": {"name": "libras", "train": 18, "dev": 8, "test": 4},
        "cache": str(tmp_path / "cache"),
        "stages": str(store.folder),
        "teacher": str(store.teacher),
        "arms": [asdict(arm) for arm in arms],
        "seeds": list(plan_of(arms, 4).seeds),
    }
    (tmp_path / "told.json").write_text(json.dumps(output))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    root = str(Path(__file__).parents[3])
    child = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "told.json")],
        env={**os.environ, "PYTHONPATH": root},
    )
    try:
        end = time.monotonic() + 120
        while len(list(store.folder.glob("*/done.json"))) < 2 and child.poll() is None:
            assert time.monotonic() < end, "no stage was done"
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL, "the kill came too late"
    kept = {path: path.stat().st_mtime_ns for path in store.folder.glob("*/done.json")}
    again = decide(store, arms, plan_of(arms, 4))
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    assert again.seeds == whole.seeds and again.judged == whole.judged
    assert 0 < store.trained < 6 * len(again.runs)
