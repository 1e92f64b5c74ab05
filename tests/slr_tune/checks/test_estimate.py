"""One estimate of time and disk, part by part, held to what a search then does."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from small_runs import small_spec

from slr_tune.checks.estimate import disk_parts, estimate
from slr_tune.checks.expected_epochs import _played, expected_epochs
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.checks.verify import estimate_report, verify
from slr_tune.cli.main import run
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.rungs import Rungs, budget_rungs
from trainables.building import build_run
from trainables.data import Dataset

Taught = Callable[..., StudySpec]


@pytest.fixture
def taught(tmp_path: Path, teacher: Path) -> Taught:
    """Makes the space of a distillation from `teacher`."""

    def make(**changes: str) -> StudySpec:
        settings = {"trainable": "distill", "teacher": f"{{checkpoint: {teacher}}}"}
        return small_spec(tmp_path, **{**settings, **changes})

    return make


def budgeted(spec: StudySpec, **budget: Any) -> StudySpec:
    """The space with another budget, its trials stopped at the rungs."""
    changed = [f"budget.{name}={v}" for name, v in budget.items()]
    return load_spec(spec.path, overrides=["search.strategy=tpe-asha", *changed])


def test_expected_epochs_are_those_of_the_rungs(taught: Taught) -> None:
    # Broken if the expectation were of another rule than the search's: one trial after the other
    # with falling worth is played by hand here.
    spec = budgeted(taught(), trials=9, max_epochs=9, grace_epochs=1, reduction_factor=3, audit=0)
    found = expected_epochs(spec, 1)
    assert found.most == 81
    assert 9 + 8 < found.likely < found.tied < 81
    rungs, total = Rungs(budget_rungs(spec.budget), 3), 0
    draw = random.Random(0)
    worth = [draw.random() for _ in range(9)]
    for trial, value in enumerate(worth):
        for end, before in ((1, 0), (3, 1), (9, 3)):
            total += end - before
            if end < 9 and rungs.decide(end, value, exempt=trial == 0).stopped:
                break
    assert _played(spec, 1, 0, tied=()) == total


def test_ties_are_not_stopped(taught: Taught) -> None:
    # Broken if the blank phase, where all trials stand at 100 %, were planned as if ASHA could
    # tell them apart: 43 epochs were expected and 84 trained.
    spec = budgeted(taught(), trials=12, max_epochs=7, grace_epochs=3, reduction_factor=3)
    assert budget_rungs(spec.budget) == (3,)
    found = expected_epochs(spec, 2)
    assert found.tied == found.most == 84
    assert found.likely < 60


def test_epochs_of_the_quota_are_known(taught: Taught) -> None:
    # Broken if the forecast were not that of the quota: 24 + 23 x 3 + 7 x 6 + 2 x 15, which the
    # audit of one trial in twenty may add to.
    space = Path(__file__).parents[3] / "search_spaces" / "distill.yaml"
    found = expected_epochs(load_spec(space), 2)
    assert (found.likely, found.tied, found.most, found.known) == (165, 165, 165 + 21, True)
    tied = load_spec(taught().path, overrides=["search.strategy=random", "budget.trials=7"])
    assert expected_epochs(tied, 1).most == 7 * tied.budget.max_epochs


def test_all_parts_of_a_distillation_are_reported(tmp_path: Path) -> None:
    # Broken if the estimate left out what is trained before the first trial, or the teacher's pass.
    spec = small_spec(tmp_path, trainable="distill", teacher="{train: teacher}")
    with closing(CheckInputs(spec, storage=None, device=None)) as inputs:
        found = estimate(inputs)
    names = ["teacher", "reference student", "teacher's outputs", "trials", "caches"]
    assert [part.name for part in found.parts] == names
    assert all(part.seconds for part in found.parts[:4])
    assert all(part.size for part in found.parts)
    assert found.size == sum(part.size for part in found.parts)
    assert found.seconds == pytest.approx(sum(part.seconds or 0 for part in found.parts))


def test_bytes_of_the_teachers_outputs_are_those_on_disk(
    taught: Taught, teacher: Path, data: Dataset, tmp_path: Path
) -> None:
    # Broken if the disk filled up with what was not counted: a search over gamma, 0 among its
    # values, computed the teacher's outputs twice and kept them twice.
    with closing(CheckInputs(taught(), storage=None, device="cpu")) as inputs:
        (part,) = [part for part in disk_parts(inputs) if part.name == "teacher's outputs"]
        config = inputs.config
    for gamma in (0.0, 0.25):
        weights = {"alpha": 0.5, "beta": 0.5 - gamma, "gamma": gamma}
        settings = {**config, "loss_weights": weights}
        run = build_run(
            "distill", settings, data=data, seed=0, cache=tmp_path / "cache", teacher=teacher
        )
        run.run_epoch()
        (folder,) = [p for p in (tmp_path / "cache/teacher-outputs").iterdir() if p.is_dir()]
    held = sum(file.stat().st_size for file in folder.glob("*.npy"))
    assert part.size == pytest.approx(held, abs=128 * 3)  # numpy's heads


@pytest.mark.usefixtures("database")
def test_verify_and_the_dry_run_tell_the_same_estimate(
    taught: Taught, capsys: pytest.CaptureFixture[str]
) -> None:
    # Broken if a night were planned by one figure and checked by another.
    spec = taught()
    (cost,) = [check for check in verify(spec, storage=None) if check.name == "cost"]
    text, figures = estimate_report(spec, storage=None, cluster=False)
    assert figures is not None
    assert _without_times(text) == _without_times(cost.found)
    assert run(["run", str(spec.path), "--dry-run"]) == 0
    output = capsys.readouterr().out.partition("estimate: ")[2].strip().replace("\n  ", "\n")
    assert _without_times(output) == _without_times(text)
    assert run(["run", str(spec.path), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["estimate"]["size"] == figures["size"]
    assert plan["estimate"]["epochs"] == figures["epochs"]


def _without_times(text: str) -> list[str]:
    return [re.sub(r"[\d.]+ (s|min|h)\b", "TIME", line) for line in text.splitlines()]
