"""`benchmarks/faults.py` in small: two faults in one real search, and what its judge would find."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script as a module: the benchmarks are no package."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    import faults

    yield faults
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_two_faults_in_one_search(faults: Any) -> None:
    """SIGTERM at a moment that the seed draws, then a bit flipped in what was stored."""
    import fault_kinds  # type: ignore[import-not-found]

    kind = partial(fault_kinds.stopped, between=fault_kinds.flip, trials=3)
    scene = faults.play("a flipped bit", kind, seed=1)
    assert (scene.faults, scene.trials) == (2, 3) and scene.epochs >= 3 + 9
    assert faults.tell({"a flipped bit": scene}) == 0, scene.problems


def test_what_is_lost_or_left_is_found(
    faults: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A judge that finds nothing would call every search a good one."""
    scene = faults.Scene(tmp_path / "scene", random.Random(0))
    scene._stored.append((0, {("0.5 1 0", 1)}))
    scene.journal.write_text("0.5 1 0 1\n0.5 1 0 2\n")
    (scene.studies / "toy").mkdir(parents=True)
    (scene.studies / "toy" / "curve.csv.partial-7").touch()
    scene._check_value(0.5, 2, 74.0)
    scene.leave()
    assert (scene.epochs, scene.lost, scene.wrong) == (2, 1, 1)
    assert "curve.csv.partial-7" in scene.problems[0]
    assert faults.tell({"one": scene}) == 1
    assert "| one | 0 | 0 | 2 | 1 | 1 | 0 | 1 |" in capsys.readouterr().out
