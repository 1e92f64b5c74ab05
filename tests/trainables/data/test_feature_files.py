"""Reading one `.npz`: each way in which it can be wrong has its own words."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.feature_files import BadFeatures, read_features

GOOD = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_any_float_type_becomes_float32(tmp_path: Path, dtype: str, save: Any) -> None:
    """Users extract features in half, single or double precision."""
    save(tmp_path / "a.npz", features=GOOD.astype(dtype))
    frames = read_features(tmp_path / "a.npz")
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, GOOD)


def test_float64_is_rounded_to_the_nearest(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=np.array([[0.1, 1 / 3]]))
    expected = np.array([[np.float32(0.1), np.float32(1 / 3)]])
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), expected)


def test_fortran_order_is_the_same_data(tmp_path: Path) -> None:
    """A transposed view saved by a user must not come back transposed."""
    np.savez(tmp_path / "a.npz", features=np.asfortranarray(GOOD))
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), GOOD)


def test_the_only_array_may_have_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", GOOD)
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), GOOD)


def test_features_is_taken_among_others(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", other=GOOD * 2, features=GOOD)
    np.testing.assert_array_equal(read_features(tmp_path / "a.npz"), GOOD)


def with_value(value: float) -> np.ndarray:
    changed = GOOD.astype(np.float64)
    changed[2, 1] = changed[3, 0] = value
    return changed


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (with_value(np.nan), "has NaN at frame 2, feature 1, which is not finite, and 1 more"),
        (with_value(np.inf), "has Inf at frame 2, feature 1"),
        (with_value(-np.inf), "has Inf at frame 2, feature 1"),
        (with_value(1e39), "has 1e+39 at frame 2, feature 1, which does not fit into float32"),
        (GOOD.astype(np.int64), "values of type int64, must be a float type"),
        (GOOD.astype(np.complex64), "values of type complex64"),
        (GOOD[0], r"has shape (3,), must be (frames, features)"),
        (GOOD[None], r"has shape (1, 4, 3)"),
        (GOOD[:0], "at least one frame"),
        (GOOD[:, :0], "at least one frame and one feature"),
        (np.array(["a"]), "values of type <U1"),
    ],
)
def test_wrong_content_is_described(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "a.npz", features=array)
    with pytest.raises(BadFeatures) as error:
        read_features(tmp_path / "a.npz")
    assert message in str(error.value)


def test_two_arrays_without_features(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", left=GOOD, right=GOOD)
    with pytest.raises(BadFeatures, match="has the arrays left, right; must have one called"):
        read_features(tmp_path / "a.npz")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadFeatures, match="is missing"):
        read_features(tmp_path / "a.npz")


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(BadFeatures, match="cannot be read"):
        read_features(tmp_path / "a.npz")


def test_npy_under_the_name_of_an_npz(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, GOOD)
    with pytest.raises(BadFeatures, match="single array"):
        read_features(tmp_path / "a.npz")


def test_empty_archive(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "a.npz", "w").close()
    with pytest.raises(BadFeatures, match=r"has the arrays \(none\)"):
        read_features(tmp_path / "a.npz")


def test_archive_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("notes.txt", "no array")
    with pytest.raises(BadFeatures):
        read_features(tmp_path / "a.npz")


class Touch:
    """Makes a file when it is unpickled: what a malicious feature file could do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mknod, (str(self.path),)


@pytest.mark.parametrize("kind", ["object array", "bare pickle"])
def test_python_objects_are_never_loaded(tmp_path: Path, kind: str) -> None:
    """Loading a stranger's features must not run a stranger's code."""
    trap = tmp_path / "trap"
    if kind == "object array":
        array = np.empty((1, 1), dtype=object)
        array[0, 0] = Touch(trap)
        np.savez(tmp_path / "a.npz", features=array)
    else:
        (tmp_path / "a.npz").write_bytes(pickle.dumps(Touch(trap)))
    with pytest.raises(BadFeatures, match="never loaded"):
        read_features(tmp_path / "a.npz")
    assert not trap.exists()


def npz_bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, features=GOOD)
    return buffer.getvalue()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_a_message_and_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut off anywhere, or with any byte changed, a file is refused or read; nothing else."""
    content = bytearray(npz_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.npz"
    path.write_bytes(content)
    try:
        frames = read_features(path)
    except BadFeatures as error:
        assert str(error)
    else:
        assert frames.ndim == 2 and np.isfinite(frames).all()
