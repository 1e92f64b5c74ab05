"""What a script reports, read while it writes: lines of output, JSON lines, CSV, event files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from trainables.script.command import Filling
from trainables.script.epochs import EPOCH, Record
from trainables.script.source import Source
from trainables.script.spec import ScriptSpec, listed

OUR_LINE = "[slr-tune]"
"""Begins the lines that are not the script's own."""

_LINE = re.compile(rb"[^\r\n]*[\r\n]+")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class _File(Source):
    """A file; of a pattern with `*` the newest that fits, as each start may write another."""

    def __init__(self, path: Path) -> None:
        """Names the file, which need not be there yet."""
        self._pattern = path
        self._path = path

    def _look_for_newer(self) -> None:
        if "*" not in str(self._pattern):
            return
        found = [Path(name) for name in glob(str(self._pattern))]
        newest = max(found, key=lambda path: path.stat().st_mtime, default=self._path)
        if newest != self._path:
            self.position = 0 if self._path != self._pattern else self.position
            self._path = newest


class _Lines(_File):
    """A file to which whole lines are added; a progress bar's carriage return ends one too."""

    def skip_what_is_there(self) -> None:
        self._look_for_newer()
        self.position = self._path.stat().st_size if self._path.exists() else 0

    def lines(self, *, ended: bool) -> Iterator[tuple[int, str]]:
        """Place and text of each line that is whole."""
        self._look_for_newer()
        try:
            with self._path.open("rb") as file:
                if file.seek(0, io.SEEK_END) < self.position:
                    self.position = 0  # it was written again
                file.seek(self.position)
                content = file.read()
        except OSError:
            return
        if ended and content and not content.endswith((b"\n", b"\r")):
            content += b"\n"
        for found in _LINE.finditer(content):
            start, self.position = self.position, self.position + len(found[0])
            yield start, _COLOURS.sub("", found[0].decode("utf-8", errors="replace")).rstrip()


class OutputLines(_Lines):
    """Named groups of regular expressions over the lines of the output."""

    def __init__(self, path: Path, expressions: Sequence[str], metric: str) -> None:
        """Reads the output.

        Args:
            path: The output's file.
            expressions: Regular expressions with named groups; all are tried on each line.
            metric: Column that an epoch is judged by. A group cannot be called `val/wer`: one
                called `val_wer` stands for it.
        """
        super().__init__(path)
        self._expressions = [re.compile(text) for text in expressions]
        self._names = group_columns(expressions, metric)

    def new_records(self, *, ended: bool) -> Iterator[Record]:
        """A record a line that any of the expressions finds something in."""
        for start, line in self.lines(ended=ended):
            if line.startswith(OUR_LINE):
                continue
            values: dict[str, float] = {}
            for expression in self._expressions:
                found = expression.search(line)
                for group, text in (found.groupdict() if found else {}).items():
                    if (number := number_in(text)) is not None:
                        values[self._names[group]] = number
            if values:
                yield _record(values, start)


class JsonLines(_Lines):
    """An object a line; groups in it are joined by a slash, what is not a number is left out."""

    def new_records(self, *, ended: bool) -> Iterator[Record]:
        """A record a line that holds a number."""
        for start, line in self.lines(ended=ended):
            try:
                content = json.loads(line)
            except ValueError:
                continue
            values = _numbers(content) if isinstance(content, Mapping) else {}
            if values:
                yield _record(values, start)


class CsvRows(_File):
    """A CSV file, read as a whole when it has changed: programs add to it or write it again."""

    def __init__(self, path: Path) -> None:
        """Names the file."""
        super().__init__(path)
        self._seen: tuple[int, int] | None = None

    def skip_what_is_there(self) -> None:
        """Counts the rows."""
        self._look_for_newer()
        self.position = len(self._rows(ended=True))

    def _rows(self, *, ended: bool) -> list[dict[str, str]]:
        try:
            with self._path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                text = file.read()
        except OSError:
            return []
        if not ended and not text.endswith("\n"):
            text = text[: text.rfind("\n") + 1]
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        lines = list(csv.reader(io.StringIO(text), delimiter=separator))
        if not lines:
            return []
        names = [name.strip() for name in lines[0]]
        return [dict(zip(names, cells, strict=False)) for cells in lines[1:] if any(cells)]

    def new_records(self, *, ended: bool) -> Iterator[Record]:
        """A record a row."""
        self._look_for_newer()
        try:
            now = self._path.stat()
        except OSError:
            return
        seen = (now.st_mtime_ns, now.st_size)
        if seen == self._seen and not ended:
            return
        self._seen = seen
        rows = self._rows(ended=ended)
        if len(rows) < self.position:
            self.position = 0  # from the start
        for cells in rows[self.position :]:
            start, self.position = self.position, self.position + 1
            numbers = {name: number_in(text) for name, text in cells.items()}
            values = {name: number for name, number in numbers.items() if number is not None}
            if values:
                yield _record(values, start)


def sources_of(
    script: ScriptSpec, filling: Filling, *, output: Path, working_folder: Path, metric: str
) -> list[Source]:
    """The sources that a script names, in the order in which they are asked.

    Args:
        script: The script.
        filling: Values of the run's placeholders.
        output: File of its output.
        working_folder: Where relative paths start.
        metric: Column that an epoch is judged by.
    """

    def place(text: str) -> Path:
        return working_folder / Path(filling.text(text)).expanduser()

    config = script.metrics
    found: list[Source] = [JsonLines(place(path)) for path in listed(config.jsonl)]
    found += [CsvRows(place(path)) for path in listed(config.csv)]
    if folders := listed(config.tensorboard):
        from trainables.script.event_files import EventFolder

        found += [EventFolder(place(folder), metric) for folder in folders]
    if expressions := listed(config.stdout):
        found.append(OutputLines(output, expressions, metric))
    return found


def declared_columns(script: ScriptSpec, metric: str) -> frozenset[str]:
    """Columns that every whole epoch has: those that regular expressions name."""
    names = group_columns(listed(script.metrics.stdout), metric).values()
    return frozenset(EPOCH if name.lower() == EPOCH else name for name in names)


def group_columns(expressions: Sequence[str], metric: str) -> dict[str, str]:
    """Column by named group."""
    as_group = re.sub(r"\W", "_", metric)
    groups = [group for text in expressions for group in re.compile(text).groupindex]
    return {group: metric if group == as_group else group for group in groups}


def number_in(text: str | None) -> float | None:
    """The number that a text is, a percent sign or a comma for a point forgiven; None for none."""
    stripped = (text or "").strip().rstrip("%").strip()
    if "," in stripped and "." not in stripped:
        stripped = stripped.replace(",", ".")
    if not stripped or stripped.lower() in ("true", "false") or "_" in stripped:
        return None
    try:
        return float(stripped)
    except ValueError:
        return None


def _record(values: dict[str, float], start: int) -> Record:
    label: float | None = None
    for name in [name for name in values if name.lower() == EPOCH]:
        label = values.pop(name)
    if label is not None and not math.isfinite(label):
        label = None
    return Record(values, label, start)


def _numbers(content: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
        elif isinstance(value, str) and (number := number_in(value)) is not None:
            found[name] = number
    return found
