"""A small version of `benchmarks/warm_start.py`: the history must be worth something."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def warm_start(monkeypatch: pytest.MonkeyPatch, studies: Path) -> ModuleType:
    """The script as a module: the benchmarks are no package."""
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(studies))  # which the script sets for itself
    path = Path(__file__).parents[3] / "benchmarks" / "warm_start.py"
    spec = importlib.util.spec_from_file_location("warm_start_benchmark", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_warm_start_is_as_good_as_the_old_best_sooner(warm_start: ModuleType) -> None:
    rows = warm_start.measure(2, old=12, limit=20)
    assert sum(warm for _, _, warm in rows) < sum(cold for _, cold, _ in rows)
