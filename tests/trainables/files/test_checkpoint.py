"""Checkpoints: atomic, and safe to load."""

import collections
import contextlib
import enum
import logging
import os
import pickle
import random
import resource
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.errors import CheckpointError, CheckpointUnreadable
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
    ("content", "message"),
    [({"model": 1}, "not a slr-tune checkpoint"), ({"format_version": 99}, "format 99"), (7, "no")],
)
def test_files_of_others_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("value", [np.zeros(2), Path("x"), {1, 2}, object()])
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


Point = collections.namedtuple("Point", "x y")


class Marked(list[int]):
    """A list with a field of its own."""


class Level(enum.IntEnum):
    LOW = 1


class Image(torch.Tensor):
    """A tensor's subclass, as torchvision has them."""


PLAIN: dict[str, tuple[Any, type]] = {
    "defaultdict": (collections.defaultdict(list, {"a": [1.0]}), dict),
    "defaultdict in a list": ([collections.defaultdict(int, {"a": 1})], list),
    "Counter": (collections.Counter("aab"), dict),
    "UserDict": (collections.UserDict(a=1), dict),
    "ChainMap": (collections.ChainMap({"a": 1}), dict),
    "mappingproxy": (types.MappingProxyType({"a": 1}), dict),
    "OrderedDict": (collections.OrderedDict(a=1), collections.OrderedDict),
    "namedtuple": (Point(1, 2), tuple),
    "list subclass": (Marked([1]), list),
    "torch.Size": (torch.Size([2]), tuple),
    "float64": (np.float64(0.1), float),
    "float32": (np.float32(0.1), float),
    "int64": (np.int64(3), int),
    "bool_": (np.bool_(True), bool),
    "str_": (np.str_("a"), str),
    "int64 key": ({np.int64(1): 2}, dict),
    "IntEnum": (Level.LOW, int),
    "random state": (random.getstate(), tuple),
    "lone surrogate": ("\udc80", str),
}


@pytest.mark.parametrize(("value", "kind"), PLAIN.values(), ids=PLAIN)
def test_what_equals_a_plain_value_is_stored_as_it(tmp_path: Path, value: Any, kind: type) -> None:
    """torch.save takes all of them, and weights_only refuses most: the night's work is lost."""
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"x": value})
    found = load_checkpoint(path)["x"]
    assert found == value and type(found) is kind


def test_tensor_subclass_and_module_state(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    module = torch.nn.BatchNorm1d(2)
    save_checkpoint(path, {"image": torch.arange(3.0).as_subclass(Image), "m": module.state_dict()})
    found = load_checkpoint(path)
    assert type(found["image"]) is torch.Tensor and found["image"].tolist() == [0, 1, 2]
    assert found["m"]._metadata == module.state_dict()._metadata  # type: ignore[attr-defined]


def _marked() -> Marked:
    marked = Marked([1])
    marked.note = "own"  # type: ignore[attr-defined]
    return marked


def _endless() -> list[Any]:
    endless: list[Any] = []
    endless.append(endless)
    return endless


@pytest.mark.parametrize(
    "value",
    [{1}, collections.deque([1]), np.zeros(2), np.datetime64("2026-01-01"), Path("x"), _marked()]
    + [_endless(), torch.nn.UninitializedParameter(), torch.nn.Linear(1, 1), lambda: None],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_plain_equal_is_named(tmp_path: Path, value: Any) -> None:
    with pytest.raises(TypeError, match=r"state\['model'\]\['x'\]"):
        save_checkpoint(tmp_path / "checkpoint.pt", {"model": {"x": value}})
    assert list(tmp_path.iterdir()) == []


def test_the_first_save_is_loaded_back(tmp_path: Path) -> None:
    """A whole number of 1,001 digits is a plain value, and weights_only does not know its code."""
    folder = CheckpointFolder(tmp_path)
    with pytest.raises(CheckpointError, match="cannot be loaded again: 'digits'"):
        folder.save({"epoch": 1, "digits": 10**1000}, epoch=1, improved=True)
    assert list(tmp_path.iterdir()) == []


def test_no_flipped_bit_goes_unseen(tmp_path: Path) -> None:
    """torch checks nothing: of 3,000 flipped bits 1,815 were loaded with other content."""
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, STATE)
    content, rng = path.read_bytes(), random.Random(0)
    last = 8 * len(content)
    for bit in [*rng.sample(range(last), 600), *range(last - 8 * 45, last)]:
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_a_checkpoint_without_checksum_is_read(tmp_path: Path) -> None:
    """Those of earlier versions have none."""
    path = tmp_path / "checkpoint.pt"
    torch.save({"format_version": 1, "epoch": 4}, path)
    assert load_checkpoint(path) == {"epoch": 4}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, none of them spent."""
    spent: list[float] = []
    monkeypatch.setattr(checkpoint, "_pause", spent.append)
    return spent


def test_no_room_for_open_files_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EMFILE, until somebody closes a file: then the very same state is there."""
    folder = CheckpointFolder(tmp_path)
    folder.save({"epoch": 1}, epoch=1, improved=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []

    def let_go(seconds: float) -> None:
        while held:
            os.close(held.pop())

    monkeypatch.setattr(checkpoint, "_pause", let_go)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        state = folder.load_latest()
    finally:
        let_go(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert state == {"epoch": 1}


def test_an_input_output_error_is_no_damage(tmp_path: Path, pauses: list[float]) -> None:
    """EIO, as a bad disk or a lost server gives it: what is read is the kernel's own refusal."""
    folder = CheckpointFolder(tmp_path)
    folder.save({"epoch": 1}, epoch=1, improved=True)
    folder.latest.unlink()
    folder.latest.symlink_to("/proc/self/mem")
    with pytest.raises(CheckpointUnreadable, match="cannot be read now: Input/output error"):
        folder.load_latest()
    assert len(pauses) == 4
    assert {path.name for path in tmp_path.iterdir()} == {folder.latest.name, folder.best.name}


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


def test_half_a_file_of_a_killed_writer_is_removed(tmp_path: Path) -> None:
    """Who takes a run up again clears away what the worker before was killed in."""
    folder = CheckpointFolder(tmp_path)
    folder.save({"epoch": 1}, epoch=1, improved=True)
    if (child := os.fork()) == 0:  # killed in the middle of a write, as by kill -9
        with checkpoint.partial_file(folder.latest) as partial:
            partial.write_bytes(b"half")
            os._exit(9)
    os.waitpid(child, 0)
    assert len(list(tmp_path.glob(".*.partial"))) == 1
    state = folder.load_latest()
    assert state is not None and state["epoch"] == 1
    assert not list(tmp_path.glob(".*.partial"))
