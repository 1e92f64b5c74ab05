"""Files of rows: what is read is what was written, and a fault is an error, never a signal."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from trainables.files.row_file import RowFile


def test_rows_in_any_order_make_the_array(tmp_path: Path) -> None:
    # Broken if a row came to another's place, or was not rounded to the file's own type.
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(9, 3)).astype(np.float32)
    with RowFile(tmp_path / "rows.npy", dtype=np.float16, shape=whole.shape) as file:
        for first, last in ((5, 9), (0, 2), (2, 2), (2, 5)):
            file.write(first, whole[first:last])
    found = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert found.dtype == np.float16 and np.array_equal(found, whole.astype(np.float16))


def test_a_column_of_a_batch_is_written_row_by_row(tmp_path: Path) -> None:
    # What comes from a batch does not lie in one piece in memory.
    batch = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    with RowFile(tmp_path / "rows.npy", dtype=np.float32, shape=(4, 2)) as file:
        file.write(0, batch[:, 1])
    assert np.array_equal(np.load(tmp_path / "rows.npy"), batch[:, 1])


def test_a_file_that_lacks_its_end_cannot_be_opened(tmp_path: Path) -> None:
    # Read as zeros it would be taken for answers.
    with RowFile(tmp_path / "rows.npy", dtype=np.float32, shape=(400, 2)) as file:
        file.write(0, np.ones((300, 2), dtype=np.float32))
    with pytest.raises(ValueError, match="greater than file size"):
        np.load(tmp_path / "rows.npy", mmap_mode="r")


def test_a_file_that_is_reported_to_be_complete_may_lack_rows(tmp_path: Path) -> None:
    # The last utterance of the data may be one that cannot be learned, and has no answers.
    with RowFile(tmp_path / "rows.npy", dtype=np.float32, shape=(4, 2)) as file:
        file.write(1, np.ones((1, 2)))
        file.complete()
    found = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert found[:, 0].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_nothing_is_mapped_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A map is what a full disk ends with SIGBUS.
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the file was mapped")

    monkeypatch.setattr(mmap, "mmap", refused)
    with RowFile(tmp_path / "rows.npy", dtype=np.float32, shape=(1, 2)) as file:
        file.write(0, np.ones((1, 2)))


def test_a_full_disk_raises() -> None:
    # Broken if it were noticed by nobody.
    with (
        pytest.raises(OSError, match="No space left"),
        RowFile(Path("/dev/full"), dtype=np.float32, shape=(1, 2)) as file,
    ):
        file.write(0, np.ones((1, 2)))
