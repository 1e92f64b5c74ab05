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

    code, out, err = call(*given, "--orders", "2", "--seeds", "3")
    assert code == 0, err
    third = read_result(folder / "learning_rate-2-orders")
    assert len(third.runs) == 2 * 6 and third.main.orders == 2 and "order of the data" in out
    assert third.seeds == (1000, 1000, 1001, 1001, 1002, 1002)
    assert {run.data_seed is None for run in third.runs} == {True, False}
    assert third.receipt.epochs_now < third.receipt.epochs_asked  # each seed's own order was there
    assert "data_seed" in (folder / third.name / "runs.csv").read_text()
    page = (folder / third.name / "report.html").read_text()
    assert "3 seeds with 2 orders" in page and "each run" in page
    assert "--orders 2 --until-decided" not in page  # it would be refused
