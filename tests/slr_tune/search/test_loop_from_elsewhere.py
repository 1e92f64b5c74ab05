"""A loop written elsewhere is told once what to change, and then simply works."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from own_process import Command, alive

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.record import record_of
from slr_tune.study.view import load_study
from trainables.files.curve import CurveFile

pytestmark = pytest.mark.usefixtures("ray_two_cores", "database")

LOOP = Path(__file__).parents[2] / "support" / "elsewhere_loop.py"
SPACE = """
study: elsewhere
trainable: NAME:Loop
objective: {metric: val/loss, direction: minimize}
budget: {trials: 5, max_epochs: 9, grace_epochs: 3, reduction_factor: 3}
resources: {workers: 2}
space:
  lr: {float: [1.0e-3, 0.5], log: true}
factors: {lr: [0.3]}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody's project, in which the command is given."""
    folder = tmp_path / "project"
    for name in ("data", "helpers", "closed"):
        (folder / name).mkdir(parents=True)
    x = np.linspace(0, 1, 20)
    np.savetxt(folder / "data" / "points.csv", np.stack([x, 3 * x], 1), delimiter=",")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def write(folder: Path, name: str, *, mended: bool, **changes: str) -> Path:
    """The loop under a module name of its own, and its space."""
    text = LOOP.read_text()
    if mended:
        changes |= {'            "epoch": self.epoch,\n            "train': '            "train'}
        changes |= {"{1, 2}": "[1, 2]"}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / f"{name}.py").write_text(text)
    space = folder / "space.yaml"
    space.write_text(SPACE.replace("NAME", name))
    return space


def still_there(folder: Path) -> list[int]:
    """Helper processes that were not ended."""
    return [int(path.name) for path in (folder / "helpers").iterdir() if alive(int(path.name))]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_it_is_reported_once_what_to_change_and_then_works(
    here: Path, studies: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is charged to a trial meanwhile, and the same command goes on."""
    space = write(here, "loop_a", mended=False)
    assert slr_tune(["run", str(space)]) == 1
    message = capfd.readouterr().err
    assert message.count("the run needs 2 changes:") == 1 and "Traceback" not in message
    assert "row 1 says epoch 0" in message and "state['seen'] is a set" in message
    assert not any(trial.state.is_finished() for trial in load_study("elsewhere").trials)
    sys.modules.pop("loop_a")
    write(here, "loop_a", mended=True)
    assert slr_tune(["run", str(space)]) == 0, capfd.readouterr().err
    trials = load_study("elsewhere").trials
    endings: Counter[str | None] = Counter()
    for trial in trials:
        record = record_of(trial)
        assert record is not None
        assert record.epochs in (3, 6, 9) and record.parameters == 2, record.error
        rows = CurveFile(studies / "elsewhere" / "trials" / str(trial.number) / "curve.csv").rows()
        assert [row["epoch"] for row in rows] == list(range(1, record.epochs + 1))
        values = {
            row["epoch"]: row["val/loss"] for row in rows if row["val/loss"] == row["val/loss"]
        }
        assert set(values) == {3, 6, 9} & set(range(record.epochs + 1))
        assert trial.values[0] == min(values.values()) == values[record.best_epoch]
        endings[record.ended_by] += 1
    assert len(trials) == 5 and set(endings) <= {"max_epochs", "asha"}
    assert names(here / "closed") == names(here / "helpers") and not still_there(here)


def test_a_run_that_fails_is_closed(here: Path) -> None:
    change = {"fail_at: int = 0": "fail_at: int = 2"}
    space = write(here, "loop_b", mended=True, **change)
    assert slr_tune(["run", str(space), "--workers", "1"]) == 1
    assert names(here / "closed") == names(here / "helpers") and not still_there(here)


@pytest.mark.parametrize("name", ["run", "ablate"])
def test_nothing_is_left_after_ctrl_c(here: Path, studies: Path, name: str) -> None:
    """A helper that holds a GPU would keep it from the next command."""
    slow = {"        self.optimizer.zero_grad()\n": "        __import__('time').sleep(0.3)\n"}
    space = write(here, f"loop_{name}", mended=True, **slow)
    space.write_text(space.read_text() + "baseline: {lr: 0.1}\n")
    more = () if name == "run" else ("--factor", "lr", "--seeds", "3")
    command = Command(name, space, *more)
    # An epoch of the first run is done, so that all workers have one.
    assert command.wait_until(lambda: bool([*studies.rglob("checkpoint_latest.pt")]))
    code, output = command.end(signal.SIGINT)
    assert code == 130 and "Traceback" not in output, output
    assert names(here / "closed") == names(here / "helpers") and not still_there(here)


def test_an_ablation_closes_its_runs(here: Path) -> None:
    space = write(here, "loop_d", mended=True)
    space.write_text(space.read_text() + "baseline: {lr: 0.1}\n")
    assert slr_tune(["ablate", str(space), "--factor", "lr", "--seeds", "3"]) == 0
    assert names(here / "closed") == names(here / "helpers") and not still_there(here)
    assert len(names(here / "closed")) == 6
