"""Freeing the disk: only what nobody needs goes, and it is shown first."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from filelock import FileLock
from generated_study import generate_study

from slr_tune.cli.main import run as slr_tune
from slr_tune.study import mounts
from slr_tune.study.unfinished import LOCK, mark_unfinished
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
    used = prepare({**SMALL, "subset": 0.5}, studies / ".cache")
    unused = prepare({**SMALL, "seed": 5}, studies / ".cache").folder  # and closed again
    for name, teacher in (("kept", "aa"), ("lost", "bb")):
        folder = studies / ".cache" / "teacher-outputs" / name
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps({"key": [teacher, "cpu-float32"]}))
    (studies / "mine").mkdir()
    manifest = {"data_hash": used.hash, "teacher": {"sha256": "aa"}}
    (studies / "mine" / "study.yaml").write_text(yaml.safe_dump(manifest))
    assert set(listed(capsys, "--yes")) == {unused.name, "lost"}
    assert used.train.ids and not unused.exists()


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


def test_what_a_process_has_mapped_stays(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A first search trains its teacher for hours before there is a `study.yaml`."""
    part = prepare({**SMALL, "subset": 0.5}, studies / ".cache")
    other = prepare({**SMALL, "seed": 5}, studies / ".cache").hash
    outputs = studies / ".cache" / "teacher-outputs" / "new"
    outputs.mkdir(parents=True)
    (outputs / "index.json").write_text(json.dumps({"key": ["aa", "cpu-float32"]}))
    np.save(outputs / "0.npy", np.ones(5000))
    assert len(listed(capsys, "--dry-run")) == 4
    mapped = [part.train.features, np.load(outputs / "0.npy", mmap_mode="r")]
    assert set(listed(capsys, "--dry-run")) == {other} and len(mapped) == 2


def test_partials_on_a_shared_disk_may_be_of_another_machine(
    studies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.mkdir(exist_ok=True)
    fresh, old = (studies / f".{name}.pt.{dead_pid()}.partial" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    table = studies / "mountinfo"
    table.write_text(f"36 35 98:0 / {studies.resolve()} rw,noatime - nfs4 lab:/studies rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    assert set(listed(capsys, "--dry-run")) == {old.name}


def test_stages_of_a_running_or_unfinished_ablation_stay(
    database: Path, studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_study(2, curves=False)
    ablations = load_study("generated").folder / "ablations"
    (ablations / ".stages" / "abc").mkdir(parents=True)
    options = ["generated", "--what", "stages"]
    with FileLock(ablations / LOCK):
        assert slr_tune(["clean", *options, "--yes"]) == 2
        assert "an ablation of study 'generated' is running" in capsys.readouterr().err
    assert set(listed(capsys, *options, "--dry-run")) == {".stages"}
    mark_unfinished(ablations / "dropout", "slr-tune ablate generated --factor dropout")
    assert slr_tune(["clean", *options, "--yes"]) == 0
    message = capsys.readouterr().err
    assert "dropout was interrupted" in message and "ablate generated --factor dropout" in message
    given_up = ["generated", "--what", "unfinished", "--yes"]
    assert set(listed(capsys, *given_up)) == {".stages"}
    assert not (ablations / ".stages").exists()
    # What is trained from now on belongs to no interrupted ablation.
    (ablations / ".stages").mkdir()
    assert set(listed(capsys, *options, "--dry-run")) == {".stages"}


def test_nothing_goes_without_an_answer(
    studies: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    studies.mkdir(exist_ok=True)
    assert slr_tune(["clean"]) == 0 and "Nothing to remove" in capsys.readouterr().out
    path = studies / f".x.{dead_pid()}.partial"
    path.write_bytes(b"x")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert slr_tune(["clean"]) != 0 and path.exists()
