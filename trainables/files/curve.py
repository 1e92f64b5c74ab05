"""The curve of a run on disk: a CSV file, and the same values for TensorBoard.

Both are written an epoch at a time. A process may be killed inside a write, so reading stops at
the first line that is not whole; a process that resumes a run first rewrites both files
from the rows that its checkpoint holds. Nothing here imports torch.
"""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from trainables.files.atomic import replace_file
from trainables.files.full_disk import full_disk_reported

COLUMNS = (
    "epoch",
    "seconds",
    "train/loss",
    "train/loss_components/distillation_loss",
    "train/loss_components/hard_ctc_loss",
    "train/loss_components/feature_matching_loss",
    "train/temperature",
    "train/learning_rate",
    "train/gradient_norm",
    "train/wer",
    "val/loss",
    "val/wer",
    "val/wer_best",
    "val/blank_rate",
    "val/entropy_ratio",
)
"""Columns of the built-in runs, in the order of the file."""

DATA_SHARE = "train/data_share"
"""Column of searches that train on a part of the data at first: the share that an epoch saw."""

Row = Mapping[str, float]


class CurveFile:
    """A curve.csv: one line an epoch; an empty cell is a value that does not apply (NaN).

    Numbers are written so that reading gives the same bits. A user's run may have other columns:
    its rows' own keys, `epoch` first.
    """

    def __init__(self, path: Path) -> None:
        """Names the file; nothing is opened yet."""
        self.path = path

    def rows(self) -> list[dict[str, float]]:
        """Reads the rows that are whole; `epoch` is an int, a missing value NaN."""
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8", errors="replace")
        # What follows the last line end is torn, or empty.
        columns, *lines = list(csv.reader(text.split("\n")[:-1])) or [[]]
        rows: list[dict[str, float]] = []
        with suppress(ValueError):  # a line that is not whole
            for cells in lines:
                pairs = zip(columns, cells, strict=True)
                rows.append({column: _number(column, cell) for column, cell in pairs})
        return rows

    def append(self, row: Row) -> None:
        """Adds one epoch and hands it to the operating system before returning.

        Raises:
            OSError: It cannot be written, the disk is full for instance; the file is as before.
        """
        columns = self._columns()
        if columns is None or not set(row) <= set(columns):
            self.repair([*self.rows(), row])
            return
        _append(self.path, _line(columns, row).encode())

    def repair(self, rows: Sequence[Row]) -> None:
        """Replaces the file by these rows, at once or not at all."""
        replace_file(self.path, curve_bytes(rows))

    def _columns(self) -> list[str] | None:
        """The header, None if the file is missing or ends in a torn line."""
        content = self.path.read_bytes() if self.path.exists() else b""
        if not content.endswith(b"\n"):
            return None
        return next(csv.reader([content.split(b"\n", 1)[0].decode(errors="replace")]))


class EventFile:
    """The same curve as TensorBoard scalars, in one event file of the folder."""

    def __init__(self, folder: Path) -> None:
        """Names the file; nothing is opened yet."""
        self.path = folder / "events.out.tfevents.0.slr-tune"

    def append(self, row: Row) -> None:
        """Adds one epoch; `epoch` is the step."""
        if not self.path.exists():
            self.repair([row])
            return
        _append(self.path, _event_record(row))

    def repair(self, rows: Sequence[Row]) -> None:
        """Replaces the file by these rows, at once or not at all."""
        first = _record(file_version="brain.Event:2")  # as every event file starts
        replace_file(self.path, first + b"".join(map(_event_record, rows)))


def curve_bytes(rows: Sequence[Row]) -> bytes:
    """The content of a curve file with these rows."""
    columns = _column_order(rows)
    lines = "".join(_line(columns, row) for row in rows)
    return (_csv_line(columns) + lines).encode()


def _append(path: Path, content: bytes) -> None:
    """Adds to a file all of the content or nothing."""
    with full_disk_reported(path), path.open("ab", buffering=0) as file:
        before = os.fstat(file.fileno()).st_size
        try:
            written = 0
            while written < len(content):
                written += file.write(content[written:])
        except BaseException:
            os.ftruncate(file.fileno(), before)
            raise


def _column_order(rows: Sequence[Row]) -> list[str]:
    """The built-in columns where they hold all keys, else the keys as they first appear."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if set(keys) <= set(COLUMNS):
        return list(COLUMNS)
    return ["epoch", *(key for key in keys if key != "epoch")]


def _cell(value: float) -> str:
    """A number as text that reads back to the same bits; empty for NaN."""
    if isinstance(value, int):
        return str(int(value))
    return "" if math.isnan(value) else repr(float(value))


def _line(columns: Sequence[str], row: Row) -> str:
    return _csv_line([_cell(row.get(column, math.nan)) for column in columns])


def _csv_line(cells: Sequence[str]) -> str:
    """One line of the file; a user's column may hold a comma."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _number(column: str, cell: str) -> float:
    """A cell's value, as `_cell` wrote it; an empty epoch raises ValueError as letters do."""
    value = float(cell) if cell else math.nan
    return int(value) if column == "epoch" else value


def _event_record(row: Row) -> bytes:
    """One TensorBoard event with all finite values of a row."""
    # Imported here: 0.4 s that a command reading only CSV files need not pay.
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = [
        Summary.Value(tag=tag, simple_value=float(value))
        for tag, value in row.items()
        if tag != "epoch" and math.isfinite(value)
    ]
    return _record(step=int(row["epoch"]), summary=Summary(value=values))


def _record(**content: object) -> bytes:
    """An event with its length and check sums, as TensorBoard reads it."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    RecordWriter(buffer).write(Event(wall_time=time.time(), **content).SerializeToString())
    return buffer.getvalue()
