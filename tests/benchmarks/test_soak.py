"""`benchmarks/soak.py` and `benchmarks/scale.py` in small."""

from __future__ import annotations

import gc
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The scripts as modules: the benchmarks are no package."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    import scale
    import soak

    yield soak, scale
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.mark.usefixtures("ray_two_cores", "postgresql")
def test_a_search_on_two_nodes_loses_nothing(
    scripts: Any, postgresql_server: Any, tmp_path: Path
) -> None:
    """Its worker and its driver are killed; the second node trains too."""
    import ray

    soak = scripts[0]
    from two_nodes import OtherNode  # type: ignore[import-not-found]

    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="slr-n-"))  # sockets bear no long paths
    node = OtherNode(str(ray.get_runtime_context().gcs_address), folder)
    try:
        scene = soak.Soak(node, postgresql_server, random.Random(1))
        scene.search(tmp_path / "scene", ["kill -9 of the driver", "kill -9 of a worker"])
    finally:
        node.kill()
        shutil.rmtree(folder, ignore_errors=True)
    assert soak.tell(scene) == 0, scene.scenes[0].problems
    assert scene.scenes[0].faults == 2 and scene.scenes[0].trials == soak.TRIALS


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_each_trial_is_measured(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And of those that ended Ray Tune keeps nothing, so that the last costs what the first did."""
    from ray.tune.experiment import Trial

    scale = scripts[1]
    mark, held = scale.now, []

    def now() -> Any:
        held.append(0)
        if len(held) == 9:
            gc.collect()
            held[-1] = sum(type(one) is Trial for one in gc.get_objects())
        return mark()

    monkeypatch.setattr(scale, "now", now)
    marks = scale.run(tmp_path, trials=9, strategy="random")
    assert len(marks) == 10
    assert all(a.cpu <= b.cpu and a.seconds <= b.seconds for a, b in pairwise(marks))
    assert held[8] <= 4, "trials that ended are kept: mend ray_private.forget_ended"


@pytest.mark.parametrize(("cpu", "memory", "code"), [(0, 0, 0), (1, 0, 1), (0, 1_000_000, 1)])
def test_growth_is_found(
    scripts: Any, cpu: float, memory: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial costs 1 % more than the one before, or the driver keeps a megabyte of each."""
    scale = scripts[1]
    marks, spent = [], 0.0
    for count in range(401):
        marks.append(scale.Mark(float(count), spent, 200_000_000 + memory * count))
        spent += 1 + 0.01 * cpu * count
    assert scale.tell(marks) == code
    assert "last 100 against the first 100" in capsys.readouterr().out
