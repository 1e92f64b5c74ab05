"""Freeing the disk: only what nobody needs goes, and it is shown first."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from generated_study import generate_study

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.view import load_study
from trainables.data import prepare

SMALL = {"name": "libras", "train": 12, "dev": 6, "test": 4}


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert slr_tune(["clean", *options, "--json"]) == 0
    return {Path(item["path"]).name: item for item in json.loads(capsys.readouterr().out)}


def test_only_partials_of_dead_writers_go(
    studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = studies / "one" / "trials" / "0"
    folder.mkdir(parents=True)
    dead, alive = (folder / f".checkpoint.pt.{pid}.partial" for pid in (dead_pid(), os.getpid()))
    made = [studies / ".cache" / "teacher-outputs" / f"{name}.partial" for name in ("a", "b")]
    for path in (dead, alive):
        path.write_bytes(b"x" * 5000)
    for path in made:
        path.mkdir(parents=True)
        (path / "0.npy").write_bytes(b"x" * 5000)
    with FileLock(made[1].with_suffix(".lock")):
        found = listed(capsys, "--dry-run")
        assert set(found) == {dead.name, "a.partial"} and dead.exists()
        assert all(int(str(item["bytes"])) >= 5000 for item in found.values())
        assert set(listed(capsys, "--yes")) == {dead.name, "a.partial"}
        assert alive.exists() and made[1].exists() and not dead.exists() and not made[0].exists()
    assert listed(capsys, "--dry-run").keys() == {"b.partial"}


def test_data_and_outputs_that_a_study_names_stay(
    studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used, unused = prepare({**SMALL, "subset": 0.5}, studies / ".cache"), None
    unused = prepare({**SMALL, "seed": 5}, studies / ".cache")
    for name, teacher in (("kept", "aa"), ("lost", "bb")):
        folder = studies / ".cache" / "teacher-outputs" / name
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps({"key": [teacher, "cpu-float32"]}))
    (studies / "mine").mkdir()
    manifest = {"data_hash": used.hash, "teacher": {"sha256": "aa"}}
    (studies / "mine" / "study.yaml").write_text(yaml.safe_dump(manifest))
    assert set(listed(capsys, "--yes")) == {unused.hash, "lost"}
    assert used.train.ids and not unused.folder.exists()


def test_checkpoints_of_pruned_trials_go_but_the_best_keep_theirs(
    database: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_study(12, curves=False)
    view = load_study("generated")
    pruned = [trial for trial in view.trials if trial.state.name in ("PRUNED", "FAIL")]
    assert len(pruned) >= 2
    for trial in view.trials:
        folder = view.own_folder(trial.number) / "checkpoints"
        folder.mkdir(parents=True)
        (folder / "checkpoint_best.pt").write_bytes(b"x" * 100)
    assert slr_tune(["clean", "--what", "checkpoints"]) == 2
    found = listed(capsys, "generated", "--what", "checkpoints", "--keep", "12", "--dry-run")
    assert len(found) <= 1  # all but those without a value are among the twelve best
    capsys.readouterr()
    assert slr_tune(["clean", "generated", "--what", "checkpoints", "--yes"]) == 0
    best = view.best()
    assert best is not None
    left = {
        trial.number
        for trial in view.trials
        if (view.own_folder(trial.number) / "checkpoints").exists()
    }
    assert best.number in left
    assert left.isdisjoint({trial.number for trial in pruned} - {best.number})
    assert len(left) == len(view.trials) - len({trial.number for trial in pruned} - {best.number})


def test_nothing_goes_without_an_answer(
    studies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.mkdir(exist_ok=True)
    assert slr_tune(["clean"]) == 0 and "Nothing to remove" in capsys.readouterr().out
    path = studies / f".x.{dead_pid()}.partial"
    path.write_bytes(b"x")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert slr_tune(["clean"]) != 0 and path.exists()
