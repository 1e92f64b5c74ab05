"""The published simulation, reduced: the interval covers, and the family does not err.

The tolerances are three Monte Carlo standard errors around the band that is promised: narrow
enough that an interval which always covers fails too. The seed is fixed.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

STUDIES = 400


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """`benchmarks/coverage.py` as a module: the benchmarks are scripts, not a package."""
    path = Path(__file__).parents[3] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def error(share: float) -> float:
    return 3 * float(np.sqrt(share * (1 - share) / STUDIES))


@pytest.mark.parametrize(
    ("name", "seeds"), [("seeds rule", 3), ("all alike", 3), ("9 unequal signers", 5)]
)
def test_interval_covers_the_truth(benchmark: ModuleType, name: str, seeds: int) -> None:
    """An interval for 95 % that covers 80 % is the error this package exists to avoid."""
    setting = next(setting for setting in benchmark.SETTINGS if setting.name == name)
    found = benchmark.coverage(setting, seeds, studies=STUDIES, seed=1)
    assert 0.93 - error(0.93) < found["this project"] <= 0.97 + error(0.97)


def test_naive_bootstrap_of_three_seeds_does_not(benchmark: ModuleType) -> None:
    """The simulation can tell a bad interval from a good one."""
    setting = next(setting for setting in benchmark.SETTINGS if setting.name == "seeds rule")
    found = benchmark.coverage(setting, 3, studies=STUDIES, seed=1)
    assert found["naive nested"] < 0.93 - error(0.93)
    assert found["utterances only"] < found["naive nested"]


def test_truth_is_that_of_many_runs(benchmark: ModuleType) -> None:
    """Coverage of a wrong truth means nothing: the quadrature against plain averaging."""
    setting = replace(benchmark.SETTINGS[4], utterances=20_000)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(25):
        (baseline, arm), words = benchmark.simulate(setting, 5, 1, rng)
        found.append(100 * (arm - baseline).sum() / (5 * words.sum()))
    tolerance = 4 * np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(setting.truth(), abs=tolerance)


def test_family_errs_rarely_with_holm(benchmark: ModuleType) -> None:
    """Five equal arms: uncorrected one in five studies shows something, with Holm one in 20."""
    alone, corrected = benchmark.family_error(benchmark.NULL[1], 3, arms=5, studies=STUDIES, seed=1)
    assert corrected < 0.05 + error(0.05)
    assert alone > 0.1
