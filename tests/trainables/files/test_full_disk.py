"""A real full disk: told as what it is by all that writes, and nothing half written stays."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from small_disk import SmallDisk, small_disk
from small_runs import saved, small_run

from trainables.data import Dataset, prepare
from trainables.errors import CheckpointError, DataError
from trainables.files.atomic import partial_file
from trainables.files.checkpoint import CheckpointFolder, load_checkpoint
from trainables.files.curve import CurveFile, EventFile
from trainables.files.full_disk import full_disk_reported
from trainables.protocol import RunInputs
from trainables.ray_adapter import _failure
from trainables.registry import run_class

ROW = {"epoch": 1, "val/wer": 50.0}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        yield disk


@pytest.mark.parametrize("room", [0, 4096, 100_000, 500_000])
def test_a_checkpoint_that_does_not_fit(disk: SmallDisk, room: int) -> None:
    """torch makes "unexpected pos" of it, by which a healthy trial was a failed one for good."""
    folder = CheckpointFolder(disk.folder / "checkpoints", every=1)
    folder.save({"weights": torch.ones(10)}, epoch=1, improved=True)
    disk.fill(leave=room)
    with pytest.raises(CheckpointError, match="cannot be written.*No space left") as refusal:
        folder.save({"weights": torch.ones(200_000)}, epoch=2, improved=True)
    assert _failure(refusal.value)["ended_by"] == "disk_full"
    assert disk.partials() == []
    assert load_checkpoint(folder.latest)["weights"].numel() == 10
    disk.free()
    folder.save({"weights": torch.ones(200_000)}, epoch=2, improved=True)
    assert load_checkpoint(folder.latest)["weights"].numel() == 200_000


@pytest.mark.parametrize("kind", [CurveFile, EventFile])
def test_a_curve_keeps_its_rows(disk: SmallDisk, kind: Any) -> None:
    """A torn line would hide the rows that follow it once there is room again."""
    curve = kind(disk.folder / "curve.csv" if kind is CurveFile else disk.folder)
    curve.append(ROW)
    curve.path.write_bytes(curve.path.read_bytes().ljust(4096 - 10, b"\n"))  # a block's last bytes
    before = curve.path.read_bytes()
    disk.fill()
    with pytest.raises(OSError) as refusal:
        curve.append({**ROW, "epoch": 2})
    assert refusal.value.errno == errno.ENOSPC
    assert curve.path.read_bytes() == before
    with pytest.raises(OSError, match="No space left"):
        curve.repair([{**ROW, "epoch": epoch} for epoch in range(1, 2000)])
    assert curve.path.read_bytes() == before
    assert disk.partials() == []


def test_a_data_set_that_does_not_fit(disk: SmallDisk) -> None:
    """What was packed so far would keep the disk full for everything else."""
    section = {"name": "libras", "train": 60, "dev": 10, "test": 10}
    disk.fill(leave=20_000)
    with pytest.raises(DataError, match="No space left on device"):
        prepare(section, disk.folder)
    assert disk.partials() == []
    disk.free()
    assert len(prepare(section, disk.folder).train) == 60


def test_teacher_outputs_that_do_not_fit(disk: SmallDisk, tmp_path: Path, libras: Dataset) -> None:
    """The folder that was begun stayed, and kept the disk full."""
    teacher = saved(small_run(libras), tmp_path / "teacher.pt")
    disk.fill(leave=20_000)
    cls: Any = run_class("distill")
    config = cls.config_class(
        layers=1, hidden=8, projection=8, subsampling=2, device="cpu", teacher_cache=True
    )
    inputs = RunInputs(data=libras, seed=0, teacher=teacher, cache=disk.folder)
    with pytest.raises(DataError, match="cannot be stored.*No space left") as refusal:
        cls(config, inputs)
    assert _failure(refusal.value)["ended_by"] == "disk_full"
    assert disk.partials() == []


def test_a_library_of_another_language(disk: SmallDisk) -> None:
    """safetensors raises an error of its own, of no class of Python's."""
    disk.fill(leave=8192)
    with pytest.raises(OSError) as refusal:
        with partial_file(disk.folder / "targets.safetensors") as partial:
            save_file({"a": np.ones(100_000, dtype=np.float32)}, partial)
    assert refusal.value.errno == errno.ENOSPC
    assert disk.partials() == []


def test_other_errors_stay_what_they_are(disk: SmallDisk) -> None:
    """A defect of the code must not be told as a full disk, nor the other way round."""
    with pytest.raises(RuntimeError, match="unexpected pos"), full_disk_reported(disk.folder / "x"):
        raise RuntimeError("unexpected pos 5 vs 7")
    disk.fill()
    with pytest.raises(OSError, match="No space left"), full_disk_reported(disk.folder / "x"):
        raise RuntimeError("unexpected pos 5 vs 7")
