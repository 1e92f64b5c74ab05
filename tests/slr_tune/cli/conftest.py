"""A trained checkpoint on a few real sentences, for the commands that work on one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DATA = {"name": "libras", "train": 60, "dev": 8, "test": 4}
SETTINGS: dict[str, Any] = {
    "layers": 1,
    "hidden": 32,
    "projection": 32,
    "subsampling": 4,
    "batch_size": 4,
    "learning_rate": 0.02,
    "max_epochs": 14,  # fewer, and it would answer nothing but blanks
    "dropout": 0.0,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A studies folder with a teacher and a student in it, trained a little."""
    from trainables.data import prepare
    from trainables.protocol import RunInputs
    from trainables.registry import run_class
    from trainables.runs.training import train

    root = tmp_path_factory.mktemp("trained")
    data = prepare(DATA, root / ".cache")
    beam = {"decoding": {"width": 4, "lm_weight": 0.4, "gloss_bonus": 1.0}}
    for name, more in (("student", {}), ("teacher", {"max_epochs": 3}), ("beam", beam)):
        cls: Any = run_class("teacher" if name == "teacher" else "student")
        config = cls.config_class(**{**SETTINGS, **more})
        inputs = RunInputs(data=data, seed=0, teacher=None, cache=root / ".cache")
        for _ in train(cls(config, inputs), root / "train" / name):
            pass
    return root


@pytest.fixture
def trained(studies: Path, _trained: Path) -> Path:
    """A studies folder of one's own, with runs in `train/`.

    They are student, teacher, and beam: a student that recognises dev by a beam search.
    """
    shutil.copytree(_trained, studies)
    return studies


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; returns its exit code, stdout and stderr."""
    from slr_tune.cli.main import run

    def called(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return called
