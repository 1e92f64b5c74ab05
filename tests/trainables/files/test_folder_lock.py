"""One process per folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_runs import ToyConfig, ToyRun

from trainables.errors import ConfigError, FolderGone
from trainables.files.curve import CurveFile
from trainables.protocol import RunInputs
from trainables.runs.training import train

TRAIN_ONE_EPOCH_AND_WAIT = """
import sys
from pathlib import Path
from toy_runs import ToyConfig, ToyRun
from trainables.files.curve import CurveFile
from trainables.protocol import RunInputs
from trainables.runs.training import train

for row in train(ToyRun(ToyConfig(), RunInputs(None, 0, None, Path("."))), Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def toy(folder: Path) -> ToyRun:
    return ToyRun(ToyConfig(), RunInputs(None, 0, None, folder))


def test_a_second_training_into_one_folder_is_refused(tmp_path: Path) -> None:
    """It names the first, writes nothing, and goes on as soon as the first was killed."""
    folder = tmp_path / "run"
    first = subprocess.Popen(
        [sys.executable, "-c", TRAIN_ONE_EPOCH_AND_WAIT, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None and first.stdout.readline() == "held\n"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=f"another command is training .*process {first.pid} of"):
        next(train(toy(folder), folder))
    assert {path: path.read_bytes() for path in before} == before
    first.kill()
    first.communicate()
    assert [row["epoch"] for row in train(toy(folder), folder)] == list(range(2, 10))


def test_a_folder_that_is_deleted_under_a_training(tmp_path: Path) -> None:
    """Said after the epoch in work, the curve whole, and the same call goes on after it."""
    folder = tmp_path / "run"
    epochs = train(toy(folder), folder)
    for _ in range(3):
        next(epochs)
    shutil.rmtree(folder)
    with pytest.raises(FolderGone, match="was deleted"):
        next(epochs)
    assert [row["epoch"] for row in CurveFile(folder / "curve.csv").rows()] == [1, 2, 3, 4]
    assert [row["epoch"] for row in train(toy(folder), folder)] == list(range(5, 10))
    assert [row["epoch"] for row in CurveFile(folder / "curve.csv").rows()] == list(range(1, 10))


@pytest.mark.parametrize("part", ["", "checkpoints"])
def test_a_folder_that_is_deleted_while_an_epoch_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Between the write and the name of a checkpoint: it was told as a file not found, as bad
    input, and the curve was left with the later rows only.
    """
    folder = tmp_path / "run"
    epochs = train(toy(folder), folder)
    for _ in range(3):
        next(epochs)
    replace, left = os.replace, [True]

    def delete_first(source: Any, target: Any) -> None:
        if left and "checkpoint" in str(target):
            left.clear()
            shutil.rmtree(folder / part)
        replace(source, target)

    monkeypatch.setattr(os, "replace", delete_first)
    with pytest.raises(FolderGone, match="was deleted"):
        next(epochs)
    assert [row["epoch"] for row in CurveFile(folder / "curve.csv").rows()] == [1, 2, 3, 4]
    assert [row["epoch"] for row in train(toy(folder), folder)] == list(range(5, 10))
