"""Checkpoints: atomic, and safe to load."""

import logging
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.errors import CheckpointError
from trainables.files import checkpoint
from trainables.files.checkpoint import CheckpointFolder, load_checkpoint, save_checkpoint
from trainables.files.origin import Origin

STATE = {"model": {"weight": torch.arange(6.0)}, "epoch": 3, "rows": [{"val/wer": 40.5}]}


class Malicious:
    """Creates a file when it is unpickled without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_state_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint.pt"
    save_checkpoint(path, STATE)
    read = load_checkpoint(path)
    assert torch.equal(read.pop("model")["weight"], STATE["model"]["weight"])  # type: ignore[index]
    assert read == {"epoch": 3, "rows": [{"val/wer": 40.5}]}


@pytest.mark.parametrize("zipped", [True, False])
def test_malicious_pickle_is_refused_and_its_code_does_not_run(
    tmp_path: Path, zipped: bool
) -> None:
    # Checkpoints are passed around; loading one must never run what is in it.
    mark, path = tmp_path / "code-ran", tmp_path / "checkpoint.pt"
    content = {"format_version": 1, "model": Malicious(mark)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match="refused|damaged"):
        load_checkpoint(path)
    assert not mark.exists()
    torch.load(path, weights_only=False) if zipped else pickle.loads(path.read_bytes())
    assert mark.exists(), "the file was harmless, so the test shows nothing"


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncated_file_is_called_damaged(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="checkpoint.pt"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [({"model": 1}, "no checkpoint of slr-tune"), ({"format_version": 99}, "format 99"), (7, "no")],
)
def test_files_of_others_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [np.float64(1.0), Path("x"), {1, 2}, object()])
def test_state_that_could_not_be_loaded_safely_is_not_saved(tmp_path: Path, value: Any) -> None:
    # Found out at the first epoch, not when the night's work is to be resumed.
    with pytest.raises(TypeError, match=r"state\['a'\]\[0\] is a"):
        save_checkpoint(tmp_path / "checkpoint.pt", {"a": [value]})
    assert list(tmp_path.iterdir()) == []


def test_crash_while_writing_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Written in place, a crash would leave neither the old state nor the new.
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)

    def torn(content: Any, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", torn)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(path, {"epoch": 4})
    assert load_checkpoint(path)["epoch"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_folder_keeps_best_latest_and_every_second(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, every=2)
    for epoch, improved in ((1, True), (2, True), (3, False), (4, False)):
        folder.save({"epoch": epoch}, epoch=epoch, improved=improved)
    epochs = {path.name: load_checkpoint(path)["epoch"] for path in tmp_path.iterdir()}
    assert epochs == {
        "checkpoint_best.pt": 2,
        "checkpoint_latest.pt": 4,
        "checkpoint_epoch_002.pt": 2,
        "checkpoint_epoch_004.pt": 4,
    }


def test_damaged_latest_falls_back_to_best(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # One bad file must not cost the run: an earlier epoch leads to the same end.
    folder = CheckpointFolder(tmp_path)
    folder.save({"epoch": 1}, epoch=1, improved=True)
    folder.save({"epoch": 2}, epoch=2, improved=False)
    folder.latest.write_bytes(b"not a checkpoint")
    with caplog.at_level(logging.WARNING):
        state = folder.load_latest()
    assert state is not None and state["epoch"] == 1
    assert "checkpoint_latest.pt.damaged" in caplog.text
    folder.best.unlink()
    assert folder.load_latest() is None


def test_a_checkpoint_of_another_trial_is_moved_aside(tmp_path: Path) -> None:
    """Copied by hand, or left by a study of the same name: its name says afterwards what it was."""
    other = Origin("b" * 32, "fox", 3, "configuration")
    mine = Origin("a" * 32, "fox", 3, "configuration")
    CheckpointFolder(tmp_path, origin=other).save({"epoch": 5}, epoch=5, improved=True)
    assert CheckpointFolder(tmp_path, origin=mine).load_latest() is None
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "checkpoint_best.pt.of-study-fox-bbbbbbbb",
        "checkpoint_latest.pt.of-study-fox-bbbbbbbb",
    ]
    CheckpointFolder(tmp_path, origin=mine).save({"epoch": 1}, epoch=1, improved=True)
    assert CheckpointFolder(tmp_path, origin=mine).load_latest() == {"epoch": 1}


@pytest.mark.parametrize("adopted", [True, False])
def test_a_checkpoint_that_says_nothing(tmp_path: Path, adopted: bool) -> None:
    """It is taken up where the folder was taken over from a version that wrote no origins."""
    CheckpointFolder(tmp_path).save({"epoch": 5}, epoch=5, improved=False)
    mine = Origin("a" * 32, "fox", 3, "configuration", adopted=adopted)
    found = CheckpointFolder(tmp_path, origin=mine).load_latest()
    assert found == ({"epoch": 5} if adopted else None)
