"""Writing an array that may be larger than memory, some rows at a time, for others to map."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class RowFile:
    """A numpy file (`.npy`) of a known shape; its rows may come in any order.

    They are written, not put into a map of the file: a page of a map for which a full disk has no
    room ends the process with SIGBUS, without a message.
    """

    def __init__(self, path: Path, *, dtype: DTypeLike, shape: tuple[int, int]) -> None:
        """Begins the file.

        Raises:
            OSError: It cannot be written; so do the other methods.
        """
        self._dtype = np.dtype(dtype)
        self._row_bytes = shape[1] * self._dtype.itemsize
        self._file = path.open("wb")
        described = np.lib.format.dtype_to_descr(self._dtype)
        np.lib.format.write_array_header_1_0(
            self._file, {"descr": described, "fortran_order": False, "shape": shape}
        )
        self._begin = self._file.tell()
        self._end = self._begin + shape[0] * self._row_bytes

    def write(self, first: int, rows: NDArray[Any]) -> None:
        """Writes rows (N, columns), the first of them at a place counted from 0."""
        self._file.seek(self._begin + first * self._row_bytes)
        self._file.write(rows.astype(self._dtype).tobytes())

    def complete(self) -> None:
        """Says that all rows are written which there are; the others are zeros.

        Without it a file whose last rows are missing is too short to be mapped.
        """
        self._file.flush()
        self._file.truncate(self._end)

    def __enter__(self) -> RowFile:
        """Itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes the file; what is whole is on the disk then."""
        with self._file:
            if exception[0] is None:
                self._file.flush()
                os.fsync(self._file.fileno())
