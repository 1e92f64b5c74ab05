"""What a user can get wrong, at the command line: one message, an exit code, nothing damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from phoenix_layout import write_phoenix
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.lock import StudyLock
from slr_tune.study.record import ATTRIBUTE
from slr_tune.study.storage import open_storage, storage_url

pytestmark = pytest.mark.usefixtures("database")


@dataclass(frozen=True)
class Case:
    """A command and what it must say.

    Attributes:
        arguments: With {folder} for the test's folder.
        words: That the message holds, lower case.
        prepare: Makes the bad thing.
        code: Exit code.
        environment: Variables.
    """

    arguments: tuple[str, ...]
    words: tuple[str, ...]
    prepare: Callable[[Path], object] = lambda folder: None
    code: int = 2
    environment: dict[str, str] = field(default_factory=dict)


def space(old: str = "", new: str = "") -> Callable[[Path], object]:
    """Writes the toy space with one text replaced."""

    def write(folder: Path) -> None:
        path = write_toy_space(folder)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1) if old else new or text)

    return write


def text(name: str, content: str | bytes) -> Callable[[Path], object]:
    def write(folder: Path) -> None:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


class Malicious:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def malicious(folder: Path) -> None:
    torch.save({"model": Malicious(folder / "ran")}, folder / "evil.pt")


def foreign_study(folder: Path) -> None:
    study = optuna.create_study(study_name="toy", storage=storage_url())
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)


def newer_study(folder: Path) -> None:
    study = optuna.create_study(study_name="toy", storage=storage_url())
    study.set_user_attr(ATTRIBUTE, {"schema": 99, "identity": {}})


def held_study(folder: Path) -> None:
    StudyLock(open_storage().engine, "toy").acquire()


def nan_features(folder: Path) -> None:
    root = folder / "phoenix"
    write_phoenix(root)
    path = sorted((root / "features").rglob("*.npz"))[0]
    with np.load(path) as stored:
        arrays = {name: stored[name].copy() for name in stored.files}
    for array in arrays.values():
        array[0, 0] = np.nan
    np.savez(path, **arrays)


def empty_split(folder: Path) -> None:
    root = folder / "phoenix"
    write_phoenix(root)
    path = root / "annotations" / "manual" / "dev.corpus.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")


def missing_features(folder: Path) -> None:
    root = folder / "phoenix"
    write_phoenix(root)
    sorted((root / "features").rglob("*.npz"))[0].unlink()


RUN = ("run", "{folder}/toy.yaml")
PREPARE = ("prepare", "{folder}/phoenix")

CASES = {
    "file is missing": Case(RUN, ("toy.yaml", "no such file")),
    "file is a folder": Case(("run", "{folder}"), ("directory",)),
    "file is empty": Case(RUN, ("toy.yaml",), text("toy.yaml", "")),
    "file is binary": Case(RUN, ("toy.yaml",), text("toy.yaml", b"\x00\xff\x9f")),
    "yaml is broken": Case(RUN, ("toy.yaml:",), space("space:", "space: [")),
    "tab": Case(RUN, ("toy.yaml:", "tab"), space("  level", "\tlevel")),
    "duplicate key": Case(RUN, ("toy.yaml:", "study"), space("study: toy", "study: a\nstudy: b")),
    "unknown key": Case(RUN, ("budgt", "budget"), space("budget:", "budgt:")),
    "misspelt parameter": Case(RUN, ("levle", "level"), space("  level:", "  levle:")),
    "low above high": Case(RUN, ("low", "below"), space("[0.0, 1.0]", "[1.0, 0.0]")),
    "wrong type": Case(RUN, ("trials",), space("trials: 8", "trials: many")),
    "empty choice": Case(RUN, ("width",), space("[1, 2, 3]", "[]")),
    "no space": Case(RUN, ("space",), text("toy.yaml", "study: a\ntrainable: student\n")),
    "zero trials": Case((*RUN, "--trials", "0"), ("trials", "at least 1"), space()),
    "negative epochs": Case((*RUN, "--max-epochs", "-1"), ("max_epochs",), space()),
    "bound outside the setting": Case(RUN, ("level",), space("[0.0, 1.0]", "[0.0, 2.0]")),
    "baseline outside the space": Case(RUN, ("baseline",), space("level: 0.5", "level: 5")),
    "unknown trainable": Case(RUN, ("studnt", "student"), space("toy_runs:ToyRun", "studnt")),
    "module is missing": Case(RUN, ("nowhere",), space("toy_runs:ToyRun", "nowhere:Run")),
    "study name with a slash": Case((*RUN, "--study", "a/b"), ("a/b",), space()),
    "override without a value": Case((*RUN, "--set", "seed"), ("seed",), space()),
    "override of nothing": Case((*RUN, "--set", "budget.tirals=3"), ("tirals", "trials"), space()),
    "unknown option": Case((*RUN, "--trails", "3"), ("--trails",), space()),
    "option without a number": Case((*RUN, "--trials", "x"), ("--trials", "integer"), space()),
    "storage is no url": Case((*RUN, "--storage", "here"), ("not a database url",), space()),
    "storage does not answer": Case(
        (*RUN, "--storage", "postgresql://u:secret@127.0.0.1:1/db"), ("127.0.0.1",), space(), 1
    ),
    "storage is another file": Case(
        (*RUN, "--storage", "sqlite:///{folder}/toy.yaml"), ("not a database",), space()
    ),
    "studies folder cannot be made": Case(
        RUN, ("not a directory",), space(), 2, {"SLR_TUNE_STUDIES": "{folder}/toy.yaml/below"}
    ),
    "study of another program": Case(
        RUN, ("toy", "did not create"), lambda folder: (space()(folder), foreign_study(folder))
    ),
    "study of another schema": Case(
        RUN, ("schema", "99"), lambda folder: (space()(folder), newer_study(folder))
    ),
    "study is held": Case(
        RUN, ("process", "--study"), lambda folder: (space()(folder), held_study(folder))
    ),
    "no study of that name": Case(("show", "nothing"), ("nothing",)),
    "no study at all": Case(("best",), ("no study yet",)),
    "no database at all": Case(
        ("list",), ("no database",), environment={"SLR_TUNE_STUDIES": "{folder}/none"}
    ),
    "unknown command": Case(("rnu",), ("rnu", "run")),
    "features with a NaN": Case(PREPARE, ("nan",), nan_features),
    "empty split": Case(PREPARE, ("dev",), empty_split),
    "missing features": Case(PREPARE, (".npz",), missing_features),
    "no data there": Case(("prepare", "{folder}/nothing"), ("nothing",)),
    "checkpoint is missing": Case(
        ("train", "distill", "--teacher", "{folder}/no.pt"), ("no.pt", "does not exist")
    ),
    "checkpoint is damaged": Case(
        ("train", "distill", "--teacher", "{folder}/bad.pt"),
        ("bad.pt", "damaged"),
        text("bad.pt", b"PK\x03\x04 torn"),
    ),
    "checkpoint would run code": Case(
        ("train", "distill", "--teacher", "{folder}/evil.pt"), ("evil.pt", "refused"), malicious
    ),
    "dashboard for everybody": Case(("dashboard", "--host", "0.0.0.0"), ("authentication",)),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(
    name: str,
    tmp_path: Path,
    studies: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One clear message on stderr, nothing on stdout, no traceback, and no trial in any study."""
    case = CASES[name]
    case.prepare(tmp_path)
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value.format(folder=tmp_path))
    before = _trials(studies)
    code = slr_tune([argument.format(folder=tmp_path) for argument in case.arguments])
    out, err = capfd.readouterr()
    message = err.lower()
    assert code == case.code, err
    assert out == ""
    assert "traceback" not in message and "secret" not in message
    assert [word for word in case.words if word.lower() not in message] == [], err
    assert not (tmp_path / "ran").exists()
    assert _trials(studies) == before


def _trials(studies: Path) -> dict[str, int]:
    """Finished trials by study in the default database."""
    storage = open_storage(f"sqlite:///{studies / 'slr-tune.db'}")
    found = {}
    for study in optuna.get_all_study_summaries(storage, include_best_trial=False):
        trials = optuna.load_study(study_name=study.study_name, storage=storage).trials
        found[study.study_name] = sum(trial.state.is_finished() for trial in trials)
    return {name: count for name, count in found.items() if count}
