"""Reads files of recognised or signed glosses: plain text, CSV, CTM, STM.

| file | one line |
|---|---|
| `.csv` | `id,text`, with or without this heading; PHOENIX: `id|folder|signer|annotation` |
| `.ctm` | `id channel start duration token [confidence]`, `;;` before a comment |
| `.stm` | `id channel speaker begin end [<label>] tokens...`, `;;` before a comment |
| others | the glosses of one utterance; an empty line is an utterance without any |
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainables.errors import DataError

Format = Literal["text", "csv", "ctm", "stm"]
Glosses = tuple[str, ...]

# What sclite takes for no word at all.
_NULL_WORD = "@"
_CTM_LINE = "A CTM line is: id channel start duration token [confidence]"
_STM_LINE = "An STM line is: id channel speaker begin end [<label>] glosses..."
_ID_HEADING = "id"
_TEXT_HEADINGS = ("text", "annotation", "glosses", "gloss", "hypothesis", "reference")


@dataclass(frozen=True, order=True)
class Recording:
    """What is recognised in one go.

    Attributes:
        file: Its id.
        channel: Its channel, "1" in PHOENIX.
    """

    file: str
    channel: str

    def __str__(self) -> str:
        """Name in messages."""
        return f"{self.file} (channel {self.channel})"


@dataclass(frozen=True)
class TimedWord:
    """A line of a CTM file.

    Attributes:
        glosses: The gloss, alone.
        start: Seconds from the beginning of the recording.
        duration: Seconds.
    """

    glosses: Glosses
    start: float
    duration: float

    @property
    def middle(self) -> float:
        """Seconds; decides to which segment the word belongs."""
        return self.start + self.duration / 2.0


@dataclass(frozen=True)
class Segment:
    """A line of an STM file.

    Attributes:
        begin: Seconds from the beginning of the recording.
        end: Seconds.
        glosses: What was signed; None where the line says that it is not to be scored.
    """

    begin: float
    end: float
    glosses: Glosses | None


def format_of(path: Path) -> Format:
    """The format that a file's name says."""
    suffixes: dict[str, Format] = {".csv": "csv", ".ctm": "ctm", ".stm": "stm"}
    return suffixes.get(path.suffix.lower(), "text")


def refuse_unreadable(path: Path) -> None:
    """Says what is wrong with a file before anything is said about its format.

    Raises:
        DataError: The file is missing, empty, a folder, or no text.
    """
    next(_lines(path))


def read_text(path: Path) -> list[Glosses]:
    """Glosses of each line.

    Raises:
        DataError: The file cannot be read.
    """
    return [tuple(line.split()) for _, line in _lines(path)]


def read_csv(path: Path) -> dict[str, Glosses]:
    """Glosses of each id.

    Raises:
        DataError: The file cannot be read, a row has another number of fields than the first, or
            an id stands twice; with the line.
    """
    text, width = 1, 2
    found: dict[str, Glosses] = {}
    for number, row in _rows(path):
        heading = row[0].strip().lower() == _ID_HEADING or row[-1].strip() in _TEXT_HEADINGS
        if number == 1 and heading:
            text, width = _text_column(path, row), len(row)
            continue
        if len(row) != width:
            raise DataError(
                f"{path}:{number}: expected {width} fields, found {len(row)}",
                hint="A row is an id and its glosses with spaces between them: id,A B C",
            )
        utterance = row[0].strip()
        if utterance in found:
            raise DataError(f"{path}:{number}: the id {utterance!r} stands twice")
        found[utterance] = tuple(row[text].split())
    return found


def read_ctm(path: Path) -> dict[Recording, list[TimedWord]]:
    """Words of each recording, in the order of their starts.

    Raises:
        DataError: The file cannot be read or a line is no CTM line.
    """
    found: defaultdict[Recording, list[TimedWord]] = defaultdict(list)
    for place, fields in _records(path):
        file, channel, *times, token = _checked(place, fields, _CTM_LINE, most=6)[:5]
        if token.startswith("<ALT"):
            raise DataError(f"{place}: alternatives ({token}) cannot be scored here")
        words = found[Recording(file, channel)]
        start, duration = (_seconds(place, time) for time in times)
        if token != _NULL_WORD:
            words.append(TimedWord((token,), start, duration))
    return {name: sorted(words, key=lambda word: word.start) for name, words in found.items()}


def read_stm(path: Path) -> dict[Recording, list[Segment]]:
    """Segments of each recording, in the order of their beginnings.

    Raises:
        DataError: The file cannot be read or a line is no STM line.
    """
    found: defaultdict[Recording, list[Segment]] = defaultdict(list)
    for place, fields in _records(path):
        file, channel, _, *times = _checked(place, fields, _STM_LINE)[:5]
        if "{" in fields[5:]:
            raise DataError(f"{place}: alternatives ({{ A / B }}) cannot be scored here")
        begin, end = (_seconds(place, time) for time in times)
        found[Recording(file, channel)].append(Segment(begin, end, _transcript(fields[5:])))
    return {name: sorted(parts, key=lambda part: part.begin) for name, parts in found.items()}


def _checked(place: str, fields: list[str], line: str, *, most: int | None = None) -> list[str]:
    """The fields of a line that has at least 5 of them."""
    if len(fields) < 5 or (most is not None and len(fields) > most):
        expected = "5 fields or more" if most is None else f"5 or {most} fields"
        raise DataError(f"{place}: expected {expected}, found {len(fields)}", hint=line)
    return fields


def _transcript(fields: list[str]) -> Glosses | None:
    if fields and fields[0].startswith("<") and fields[0].endswith(">"):
        fields = fields[1:]
    if "IGNORE_TIME_SEGMENT_IN_SCORING" in fields:
        return None
    return tuple(field for field in fields if field != _NULL_WORD)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    lines = [line for _, line in _lines(path)]
    rows = (
        csv.reader(lines, delimiter="|", quoting=csv.QUOTE_NONE)
        if "|" in lines[0]
        else csv.reader(lines, strict=True)
    )
    try:
        for row in rows:
            if row:
                yield rows.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{path}:{rows.line_num}: no CSV: {error}",
            hint="A quotation mark that is opened has to be closed.",
        ) from None


def _text_column(path: Path, heading: list[str]) -> int:
    names = [name.strip().lower() for name in heading]
    for name in _TEXT_HEADINGS:
        if name in names:
            return names.index(name)
    raise DataError(
        f"{path}:1: no column of glosses in the heading {heading}",
        hint="Name it " + ", ".join(_TEXT_HEADINGS[:-1]) + f" or {_TEXT_HEADINGS[-1]}.",
    )


def _records(path: Path) -> list[tuple[str, list[str]]]:
    """Place and fields of the lines of CTM and STM with something in them."""
    records = [
        (f"{path}:{number}", line.split())
        for number, line in _lines(path)
        if line.strip() and not line.lstrip().startswith(";;")
    ]
    if not records:
        raise DataError(f"{path}: the file has no line but comments")
    return records


def _seconds(place: str, field: str) -> float:
    try:
        seconds = float(field)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise DataError(f"{place}: {field!r} is no number of seconds")
    return seconds


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder", hint="Give the file in it.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})",
            hint=f"Convert it: iconv -f latin1 -t utf-8 {path} > converted{path.suffix}",
        ) from None
    if not text:
        raise DataError(
            f"{path}: the file is empty",
            hint="Did the program that writes it end well? Where nothing was recognised in any "
            "utterance, plain text has an empty line for each, and CSV its id.",
        )
    yield from enumerate(text.removesuffix("\n").split("\n"), 1)
