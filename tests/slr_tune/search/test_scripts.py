"""Scripts that were not written for this project: searched, killed, confirmed, ablated, reported.

No line of them is changed. `tests/support/scripts/` has three: argparse with figures in its lines,
a YAML file with TensorBoard, click with a CSV file.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest
from foreign_scripts import SCRIPTS, script_space
from optuna.trial import TrialState
from own_process import Command

from slr_tune.ablation.result_files import read_result
from slr_tune.cli.main import run as slr_tune
from slr_tune.study.record import record_of
from slr_tune.study.view import load_study

FACTORS = {"teacher": "dropout", "distill": "training.lr", "click": "optimizer"}


@pytest.mark.usefixtures("ray_two_cores", "database")
@pytest.mark.parametrize("name", FACTORS)
def test_searched_confirmed_ablated_reported(
    tmp_path: Path, studies: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of a study works on a script as on a run of this project."""
    space = script_space(tmp_path, name)
    text = space.read_text().replace("trials: 4, max_epochs: 9", "trials: 2, max_epochs: 3")
    space.write_text(text.replace("workers: 2", "workers: 1"))
    code = slr_tune(["run", str(space), "--no-verify"])
    assert code == 0, capsys.readouterr().err
    view = load_study(name)
    states = [trial.state for trial in view.trials]
    assert len(states) == 2 and set(states) <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len(view.curve(0)) == 3
    facts = record_of(view.trial(0)).facts  # type: ignore[union-attr]
    assert facts["command"][1].endswith(".py") and facts["ended_with"] == "exit code 0"
    assert (studies / name / "trials" / "0" / "output.log").stat().st_size
    assert slr_tune(["confirm", "--seeds", "3"]) == 0, capsys.readouterr().err
    assert "new seeds" in capsys.readouterr().out
    factor = FACTORS[name]
    assert slr_tune(["ablate", "--factor", factor, "--seeds", "3"]) == 0, capsys.readouterr().err
    result = read_result(studies / name / "ablations" / factor)
    measure = "WER" if name == "click" else view.spec.objective.metric
    assert result.main.measure == measure and result.main.utterances == (
        30 if name == "click" else None
    )
    if name == "click":
        capsys.readouterr()
        assert slr_tune(["evaluate", name, "--worst", "1"]) == 0
        assert "its own predictions for 30 utterances of dev" in capsys.readouterr().out
    assert slr_tune(["report"]) == 0
    page = (studies / name / "report.md").read_text()
    assert ".py" in page and "On new seeds" in page and "script:" not in page


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_search_that_is_killed_resumes(tmp_path: Path, studies: Path) -> None:
    """SIGKILL of the command in mid-training: the script goes with it, and is gone on with."""
    space = script_space(tmp_path, "teacher", trials=2)
    space.write_text(space.read_text().replace("pause: 0.0", "pause: 0.25"))
    command = Command("run", space, "--no-verify", "--workers", "1")
    log = studies / "teacher" / "trials" / "0" / "output.log"
    stored = studies / "teacher" / "trials" / "0" / "curve.csv"
    assert command.wait_for_lines(stored, 4), command.end()[1]
    command.end(signal.SIGKILL)
    before = len(stored.read_text().splitlines()) - 1
    assert slr_tune(["run", str(space), "--no-verify", "--workers", "1"]) == 0
    view = load_study("teacher")
    assert [trial.state for trial in view.trials][0] == TrialState.COMPLETE
    curve = view.curve(0)
    assert [row["epoch"] for row in curve] == [*range(1, 10)]
    text = log.read_text()
    assert "[slr-tune] resumes after epoch" in text and "Resumed from epoch" in text
    output = [line for line in text.splitlines() if "Val WER" in line and "Best" not in line]
    assert 9 <= len(output) <= 11 and before >= 3  # at most what was in the air is trained twice
    by_epoch = {int(line.split()[1].split("/")[0]): line for line in output}
    assert [f"{row['val_wer']:.2f}%" in by_epoch[row["epoch"]] for row in curve] == [True] * 9


@pytest.mark.parametrize("name", ["train_teacher", "distill", "train_click"])
@pytest.mark.usefixtures("database")
def test_init_writes_a_space_that_verify_accepts(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From `--help` and two epochs alone: ranges, metric, resume, configuration file."""
    monkeypatch.chdir(tmp_path)
    assert slr_tune(["init", "--from", f"{sys.executable} {SCRIPTS}/{name}.py"]) == 0
    message = capsys.readouterr().err
    assert "Note:" not in message
    assert slr_tune(["verify", f"{name}.yaml"]) == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    for check in ("options", "seed", "first epoch", "resume", "cost"):
        assert f"[PASS] {check}: " in out, out


HANGING = """
import os, sys, time
print("epoch 1 loss 1.0")
with open(sys.argv[2] + "/pid", "w") as file:
    file.write(str(os.getpid()))
while True:
    time.sleep(60)
"""


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_a_script_that_hangs_is_ended_with_its_trial(tmp_path: Path, studies: Path) -> None:
    """`trial_timeout` replaces the worker; the script must not keep the GPU meanwhile."""
    (tmp_path / "s.py").write_text(HANGING)
    space = tmp_path / "s.yaml"
    space.write_text(
        f"study: s\ntrainable:\n  command: {sys.executable} {tmp_path}/s.py {{x}} {{folder}}\n"
        "  metrics: {stdout: 'epoch (?P<epoch>.) loss (?P<loss>.*)'}\n"
        "objective: {metric: loss}\nbudget: {trials: 1, max_epochs: 4, grace_epochs: 4}\n"
        "resources: {workers: 1, trial_timeout: 1.0}\nspace: {x: {float: [0.0, 1.0]}}\n"
    )
    slr_tune(["run", str(space), "--no-verify"])
    (trial,) = load_study("s").trials
    record = record_of(trial)
    assert trial.state == TrialState.FAIL and record is not None and record.ended_by == "timeout"
    pid = int((studies / "s" / "trials" / "0" / "output" / "pid").read_text())
    for _ in range(1000):
        if not Path(f"/proc/{pid}").exists():
            break
        threading.Event().wait(0.01)
    assert not Path(f"/proc/{pid}").exists()
