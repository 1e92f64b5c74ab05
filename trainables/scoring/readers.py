"""Reads files of recognised or signed glosses, a line at a time: text, trn, Kaldi, CTM, STM.

| format | one line |
|---|---|
| text | the glosses of one utterance; an empty line is an utterance without any |
| trn | `glosses... (id)`, as sclite takes them; `;;` before a comment |
| kaldi | `id glosses...`, as Kaldi and ESPnet write them |
| ctm | `id channel start duration token [confidence]`, `;;` before a comment |
| stm | `id channel speaker begin end [<label>] tokens...`, `;;` before a comment |

Tables and JSON are read by `records`, and `formats` finds out which format a file has.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass

from trainables.errors import DataError
from trainables.scoring.source import Glosses, SourceFile, add_once

TRN_ID = re.compile(r"(?:^|\s)\(([^\s()]+)\)\s*$")
"""The id at the end of a line of trn."""

# What sclite takes for no word at all.
_NULL_WORD = "@"
_CTM_LINE = "A CTM line is: id channel start duration token [confidence]"
_STM_LINE = "An STM line is: id channel speaker begin end [<label>] glosses..."


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


def read_text(source: SourceFile) -> list[Glosses]:
    """Glosses of each line."""
    return [tuple(line.split()) for line in source.lines]


def read_kaldi(source: SourceFile) -> dict[str, Glosses]:
    """Glosses of each id, which is the first word of its line.

    Raises:
        DataError: an id occurs twice; with the line.
    """
    found: dict[str, Glosses] = {}
    for number, line in enumerate(source.lines, 1):
        if line.strip():
            utterance, *glosses = line.split()
            add_once(found, f"{source}:{number}", utterance, tuple(glosses))
    return found


def read_trn(source: SourceFile) -> dict[str, Glosses]:
    """Glosses of each id, which is in brackets at the end of its line.

    Raises:
        DataError: A line has no id, or an id occurs twice; with the line.
    """
    found: dict[str, Glosses] = {}
    for place, line in source.records():
        match = TRN_ID.search(line)
        if match is None:
            raise DataError(f"{place}: no (id) at the end", hint="A trn line is: glosses... (id)")
        glosses = line[: match.start()].split()
        _refuse_alternatives(place, glosses)
        add_once(found, place, match[1], tuple(word for word in glosses if word != _NULL_WORD))
    return found


def read_ctm(source: SourceFile) -> dict[Recording, list[TimedWord]]:
    """Words of each recording, in the order of their starts.

    Raises:
        DataError: A line is not a CTM line.
    """
    found: defaultdict[Recording, list[TimedWord]] = defaultdict(list)
    for place, fields in _records(source):
        file, channel, *times, token = _checked(place, fields, _CTM_LINE, most=6)[:5]
        if token.startswith("<ALT"):
            raise DataError(f"{place}: alternatives ({token}) cannot be scored here")
        words = found[Recording(file, channel)]
        start, duration = (_seconds(place, time) for time in times)
        if token != _NULL_WORD:
            words.append(TimedWord((token,), start, duration))
    return {name: sorted(words, key=lambda word: word.start) for name, words in found.items()}


def read_stm(source: SourceFile) -> dict[Recording, list[Segment]]:
    """Segments of each recording, in the order of their beginnings.

    Raises:
        DataError: A line is not an STM line.
    """
    found: defaultdict[Recording, list[Segment]] = defaultdict(list)
    for place, fields in _records(source):
        file, channel, _, *times = _checked(place, fields, _STM_LINE)[:5]
        _refuse_alternatives(place, fields[5:])
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


def _records(source: SourceFile) -> list[tuple[str, list[str]]]:
    """Place and fields of the lines of CTM and STM with something in them."""
    records = [(place, line.split()) for place, line in source.records()]
    if not records:
        raise DataError(f"{source}: the file contains only comments")
    return records


def _refuse_alternatives(place: str, tokens: list[str]) -> None:
    if "{" in tokens:
        raise DataError(f"{place}: alternatives ({{ A / B }}) cannot be scored here")


def _seconds(place: str, field: str) -> float:
    try:
        seconds = float(field)
    except ValueError:
        seconds = math.nan
    if math.isnan(seconds):
        raise DataError(f"{place}: {field!r} is not a number of seconds")
    return seconds
