"""Seeds until decided, teachers, margins and one budget for a study, as a person gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slr_tune.ablation.result_files import read_result
from slr_tune.ablation.until_decided import PLAN_FILE

Call = Callable[..., tuple[int, str, str]]

SPACE = """
study: tiny
trainable: distill
data: {name: libras, train: 18, dev: 8, test: 4}
teacher: {train: teacher, settings: {layers: 1, hidden: 5, projection: 5, max_epochs: 1}}
budget: {trials: 2, max_epochs: 2, grace_epochs: 1}
resources: {workers: 1}
fixed: {layers: 1, hidden: 6, projection: 6, batch_size: 6, device: cpu}
space:
  learning_rate: {float: [1e-3, 1e-1], log: true}
baseline: {learning_rate: 0.03}
factors: {learning_rate: [0.00001]}
"""

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")


def test_plans_are_kept_and_ablations_counted(tmp_path: Path, studies: Path, call: Call) -> None:
    """One study: until decided within a budget, then three teachers under one error rate."""
    space = tmp_path / "tiny.yaml"
    space.write_text(SPACE)
    folder = studies / "tiny" / "ablations"
    given = ("ablate", space, "--factor", "learning_rate")
    code, _, err = call(*given, "--margin", "0.1")
    assert code == 2 and "no number of seeds" in err and not (folder / ".stages").exists()

    looked = (*given, "--until-decided", "--budget", "8runs")
    code, out, err = call(*looked)
    assert code == 0, err
    first = read_result(folder / "learning_rate-until-decided")
    plan = json.loads((folder / first.name / PLAN_FILE).read_text())
    assert plan["looks"] == [3, 4] and plan["budget"] == "8runs"
    assert len(first.runs) <= 8 and "A fixed design of 4 seeds would have cost 8" in out
    assert first.main.rows[1].looks in (3, 4) and "--until-decided" in first.command
    assert any("seeds" in first.main.shares for _ in first.main.rows)
    again, out, err = call(*looked, "--json")
    assert again == 0 and json.loads(out)["receipt"]["epochs_now"] == 0, err
    code, _, err = call(*given, "--until-decided", "--budget", "9runs", "--margin", "50")
    assert code == 2 and "holds the plan made before the first look" in err

    code, out, err = call(*given, "--teachers", "3", "--seeds", "3", "--family", "study")
    assert code == 0, err
    second = read_result(folder / "learning_rate-3-teachers")
    assert len(second.runs) == 2 * 9 and second.main.teachers == 3
    assert "3 teachers, trained with other seeds" in out and "Teachers" in second.setting
    assert "2 ablations of this study exist, with 2 comparisons in all" in out
    assert second.main.family == 2 and "--family study" in second.command
