"""Reads one utterance's features from an `.npz` file, and says in words what is wrong with it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import Frames

# What numpy and zipfile raise for files that are cut off, encrypted, or no archive at all.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


class BadFeatures(Exception):
    """What is wrong with a file, without its name."""


def read_features(path: Path) -> Frames:
    """Reads and checks the array `features`, or the only array, of a file.

    Pickled objects are never loaded. Float arrays of any width are taken, and given as float32.

    Returns:
        Features (T, D) with T and D at least 1, every value finite.

    Raises:
        BadFeatures: The file is missing or holds something else.
    """
    array = _read_array(path)
    if array.dtype.kind != "f":
        raise BadFeatures(f"has values of type {array.dtype}, must be a float type")
    if array.ndim != 2:
        raise BadFeatures(f"has shape {array.shape}, must be (frames, features)")
    if 0 in array.shape:
        raise BadFeatures(f"has shape {array.shape}, must have at least one frame and one feature")
    _check_finite(array, "is not finite", shown=array)
    with np.errstate(over="ignore"):
        frames = np.asarray(array, dtype=np.float32)
    if frames is not array:
        _check_finite(frames, "does not fit into float32", shown=array)
    return frames


def _read_array(path: Path) -> NDArray[np.generic]:
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as file:
            array = _array_of(np.load(file, allow_pickle=False))
    except FileNotFoundError:
        raise BadFeatures("is missing") from None
    except _UNREADABLE as error:
        if "allow_pickle" in str(error):
            raise BadFeatures("contains Python objects, which are never loaded") from error
        raise BadFeatures(f"cannot be read: {error}") from error
    if not isinstance(array, np.ndarray):
        raise BadFeatures("holds no array")
    return array


def _array_of(archive: object) -> object:
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BadFeatures("is a single array, must be an .npz archive")
    with archive:
        names = list(archive.files)
        if "features" in names:
            return archive["features"]
        if len(names) == 1:
            return archive[names[0]]
    raise BadFeatures(
        f"has the arrays {', '.join(names) or '(none)'}; must have one called features, or only one"
    )


def _check_finite(values: NDArray[np.generic], rule: str, *, shown: NDArray[np.generic]) -> None:
    wrong = ~np.isfinite(values)
    count = int(np.count_nonzero(wrong))
    if not count:
        return
    frame, channel = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    value = shown[frame, channel]
    name = "NaN" if np.isnan(value) else "Inf" if np.isinf(value) else f"{value:g}"
    others = f", and {count - 1} more such values" if count > 1 else ""
    raise BadFeatures(f"has {name} at frame {frame}, feature {channel}, which {rule}{others}")
