"""`slr-tune ablate` as a person gives it: on Ray, to the report, through kills and misspellings."""

from __future__ import annotations

import csv
import json
import re
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from own_process import Command

from slr_tune.ablation.result_files import RESULT_FILE, read_result

Call = Callable[..., tuple[int, str, str]]

SPACE = """
study: tiny
trainable: {trainable}
data: {{name: libras, train: 18, dev: 8, test: 4}}
{teacher}
budget: {{trials: 2, max_epochs: 6, grace_epochs: 1}}
resources: {{workers: 1}}
fixed: {{layers: 1, hidden: 6, projection: 6, batch_size: 6, device: cpu}}
space:
  dropout: {{float: [0.0, 0.5]}}
  learning_rate: {{float: [1e-3, 1e-1], log: true}}
baseline: {{dropout: 0.2, learning_rate: 0.03}}
"""
TEACHER = (
    "teacher: {train: teacher, settings: {layers: 1, hidden: 5, projection: 5, max_epochs: 1}}"
)

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")


def write_space(folder: Path, trainable: str) -> Path:
    path = folder / "tiny.yaml"
    teacher = TEACHER if trainable == "distill" else ""
    path.write_text(SPACE.format(trainable=trainable, teacher=teacher))
    return path


def test_from_the_command_to_figures_that_can_be_checked_by_hand(
    tmp_path: Path, studies: Path, call: Call
) -> None:
    """WER, difference and its parts, worked out from runs.csv: what the report says must be those.

    Then the same without sharing: equal but for the receipt and the command.
    """
    space = write_space(tmp_path, "distill")
    given = ("ablate", space, "--factor", "temperature", "--seeds", 3)
    code, out, err = call(*given)
    assert code == 0, err
    folder = studies / "tiny" / "ablations" / "temperature"
    runs = list(csv.DictReader((folder / "runs.csv").read_text().splitlines()))
    result = read_result(folder)

    def total(arm: str, *kinds: str) -> int:
        return sum(int(run[f"dev_{kind}"]) for run in runs if run["arm"] == arm for kind in kinds)

    base, arm = result.main.rows[0], result.main.row("constant 1")
    errors = ("substitutions", "deletions", "insertions")
    words = total(base.name, "words")
    assert words == total(arm.name, "words") == 3 * result.main.words
    assert base.mean == pytest.approx(100 * total(base.name, *errors) / words)
    assert arm.difference == pytest.approx(
        100 * (total(arm.name, *errors) - total(base.name, *errors)) / words
    )
    assert arm.deletions == pytest.approx(100 * total(arm.name, "deletions") / words)
    assert f"{base.mean:.2f}" in out and result.verdict in out
    assert result.verdict in (folder / "report.md").read_text()
    assert {path.name for path in folder.iterdir()} >= {"report.html", "report.tex", "result.json"}
    code, _, err = call(*given, "--no-share")
    assert code == 0, err
    apart = read_result(folder)
    assert apart.receipt.epochs_run == apart.receipt.epochs_asked > result.receipt.epochs_run
    ours, theirs = asdict(result), asdict(apart)
    for name in ("receipt", "command"):
        assert ours.pop(name) != theirs.pop(name)
    assert ours == theirs


def test_a_student_and_the_measured_path(tmp_path: Path, studies: Path, call: Call) -> None:
    """The path ends at the best trial, and its steps add up to the whole way; --json is JSON."""
    space = write_space(tmp_path, "student")
    space.write_text(space.read_text() + "search: {strategy: tpe-asha}\n")
    assert call("run", space, "--trials", 4, "--seed", 3)[0] == 0
    if json.loads(call("show", "tiny", "--json")[1])["best"]["number"] == 0:
        pytest.fail("the baseline won: the test needs another seed")
    code, out, err = call("ablate", "--path", "--seeds", 3, "--json")
    assert code == 0, err
    printed = json.loads(out)
    result = read_result(Path(printed["folder"]))
    forward, back = result.tables
    assert (forward.role, back.role) == ("path", "put back")
    assert sorted(step.parameter for step in result.steps) == ["dropout", "learning_rate"]
    whole = forward.rows[-1].mean - forward.rows[0].mean
    assert sum(step.gain for step in result.steps) == pytest.approx(whole)
    assert result.steps[0].others, "the step that was not taken is missing"
    assert back.rows[0].mean == pytest.approx(forward.rows[-1].mean)


def test_each_arm_may_tune_a_setting_and_controls_are_added(
    tmp_path: Path, studies: Path, call: Call
) -> None:
    """Both answers stand side by side, and the retuned arms say what they chose."""
    space = write_space(tmp_path, "distill")
    given = ("ablate", space, "--factor", "kd_blank", "--retune", "lr", "--budget", 2, "--controls")
    code, out, err = call(*given, "--seeds", 3)
    assert code == 0, err
    result = read_result(studies / "tiny" / "ablations" / "kd_blank+controls-retune-learning_rate")
    tuned = result.table("retuned")
    assert tuned is not None and [row.name for row in tuned.rows] == [
        row.name for row in result.main.rows
    ]
    assert {row.note for row in tuned.rows} <= {"learning_rate 0.03", "learning_rate 0.06"}
    assert "shuffled teacher" in out and "learning_rate of its own" in out
    chosen = [run for run in result.runs if run.part == "tuning"]
    assert {run.seed for run in chosen}.isdisjoint(result.seeds)


def test_a_dry_run_trains_nothing_and_needs_no_study(
    tmp_path: Path, studies: Path, call: Call
) -> None:
    """What it says comes from the plan: 6 + 6 epochs a seed that share their warm-up."""
    space = write_space(tmp_path, "distill")
    given = ("ablate", space, "--factor", "temperature", "--dry-run")
    code, out, _ = call(*given)
    assert code == 0 and "epochs requested in 30 runs" in out and "constant 4" in out
    plan = json.loads(call(*given, "--json")[1])
    assert plan["epochs_asked"] == 6 * 6 * 5 > plan["epochs_run"]
    assert not (studies / "tiny" / "ablations").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--factor", "temprature"), "nearest first: temperature"),
        (("--factor", "dropout", "--baseline", "nowhere.yaml"), "no such file"),
        (("--factor", "dropout", "--seeds", "0"), "--seeds"),
        (("--factor", "dropout", "--seeds", "2"), "2 is too few"),
        (("--factor", "dropout", "--budget", "6x"), "not a budget"),
        (("--factor", "dropout", "--budget", "6h"), "no meaning without --until-decided"),
        (("--factor", "dropout", "--until-decided", "--budget", "3"), "runs or time"),
        (("--factor", "dropout", "--until-decided", "--budget", "5runs"), "the first look needs"),
        (("--factor", "dropout", "--until-decided", "--test"), "cannot be combined with --test"),
        (("--path", "--until-decided"), "cannot be combined with --path"),
        (("--path", "--teachers", "3"), "cannot be combined with --path"),
        (("--path", "--orders", "2"), "cannot be combined with --path"),
        (("--factor", "dropout", "--margin", "-1"), "a margin must be above 0"),
        ((), "nothing to ablate"),
    ],
)
def test_bad_input_is_one_message(
    tmp_path: Path, call: Call, arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2, nothing on stdout, no traceback."""
    code, out, err = call("ablate", write_space(tmp_path, "distill"), *arguments)
    assert (code, out) == (2, "") and message in err and "Traceback" not in err


def test_without_any_study_the_way_out_is_reported(call: Call) -> None:
    """The first thing that somebody may type."""
    code, _, err = call("ablate", "--factor", "dropout")
    assert code == 2 and "no study" in err


def test_stopped_then_killed_then_started_again_repeats_no_stage(
    tmp_path: Path, studies: Path
) -> None:
    """Ctrl-C ends in a sentence and 130, kill -9 in nothing; what was done before is not repeated.

    A stage that was trained again would be written again, and counted as trained now.
    """
    space = write_space(tmp_path, "student")
    arguments = (space, "--factor", "dropout", "--seeds", "3")
    stages = studies / "tiny" / "ablations" / ".stages"

    def stages_done(count: int) -> Callable[[], bool]:
        return lambda: len(list(stages.glob("*/done.json"))) >= count

    first = Command("ablate", *arguments)
    assert first.wait_until(stages_done(1)), first.end()
    code, output = first.end(signal.SIGINT)
    assert code == 130 and "To resume:\n  slr-tune ablate " in output, output
    assert "Traceback" not in output and not (stages.parent / "dropout" / RESULT_FILE).exists()
    # What has finished is shown, and what is missing.
    found = re.search(
        r"Interim result of study tiny: (\d) of 9 runs finished, (\d) missing", output
    )
    assert found and 1 <= int(found[1]) < 9 and int(found[1]) + int(found[2]) == 9, output
    assert "mean dev WER, %" in output and re.search(r"\d of 3 ", output), output
    second = Command("ablate", *arguments)
    assert second.wait_until(stages_done(len(list(stages.glob("*/done.json"))) + 2))
    second.end(signal.SIGKILL)
    done: dict[Path, tuple[int, int]] = {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in stages.glob("*/done.json")
    }
    assert 3 <= len(done) < 9, "the kill came too late: make the ablation longer"
    code, output = Command("ablate", *arguments).end()
    assert code == 0, output
    for path, identity in done.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == identity
    receipt: Any = read_result(stages.parent / "dropout").receipt
    kept = sum(
        stage.last - stage.first + 1
        for stage in receipt.stages
        if stages / stage.id / "done.json" in done
    )
    assert kept > 0 and receipt.epochs_now <= receipt.epochs_run - kept
