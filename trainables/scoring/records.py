"""Reads ids and glosses from tables and records: CSV, TSV, JSON, JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any

from trainables.errors import DataError
from trainables.files.plain_text import normalised
from trainables.scoring.source import Glosses, SourceFile, add_once

ID_NAMES = ("id", "utt_id", "utterance_id", "utt", "utterance", "key", "name")
TEXT_NAMES = ("text", "annotation", "glosses", "gloss", "hypothesis", "reference", "orth")
_DELIMITERS = ("|", "\t", ";", ",")
_RECORD = 'Write {"id": "glosses", ...} or records such as {"id": "u1", "text": "A B C"}.'


def delimiter_of(source: SourceFile) -> str | None:
    """What parts the fields of a table; None where the file is none.

    It parts a heading that is known, or else every line.
    """
    lines = [line for line in source.lines if line.strip()]
    for mark in _DELIMITERS:
        if has_heading(source, mark):
            return mark
    return next((mark for mark in _DELIMITERS if all(mark in line for line in lines)), None)


def has_heading(source: SourceFile, mark: str) -> bool:
    """Whether the first line names a column of ids and one of glosses."""
    names = [name.strip().strip('"').lower() for name in source.lines[0].split(mark)]
    return len(names) > 1 and any(n in ID_NAMES for n in names) and bool({*names} & {*TEXT_NAMES})


def read_table(source: SourceFile) -> dict[str, Glosses]:
    """Glosses of each id of a CSV or TSV file.

    Raises:
        DataError: A row has another number of fields than the first, or an id occurs twice; with
            the line.
    """
    key, text, width = 0, 1, 2
    found: dict[str, Glosses] = {}
    for number, row in _rows(source):
        names = [name.strip().lower() for name in row]
        if number == 1 and (names[0] in ID_NAMES[:1] or {*names} & {*TEXT_NAMES}):
            width, text = len(row), _text_column(f"{source}:1", row)
            key = next((names.index(name) for name in ID_NAMES if name in names), 0)
            continue
        if len(row) != width:
            raise DataError(
                f"{source}:{number}: expected {width} fields, found {len(row)}",
                hint="A row is an id and its glosses with spaces between them: id,A B C",
            )
        add_once(found, f"{source}:{number}", row[key].strip(), tuple(row[text].split()))
    return found


def read_json(source: SourceFile) -> dict[str, Glosses] | list[Glosses]:
    """Glosses of each id of a JSON or JSON-lines file; a list where it names none.

    Raises:
        DataError: It is not JSON, holds something else than ids and glosses, or has an id twice.
    """
    if not isinstance(content := parse_json(source), list):
        content = [content]
    if content and all(_is_text(item) for item in content):
        return [_glosses(str(source), item) for item in content]
    found: dict[str, Glosses] = {}
    for number, item in enumerate(content, 1):
        place = f"{source}: record {number}" if len(content) > 1 else str(source)
        if not isinstance(item, _Pairs):
            raise DataError(f"{place}: is not a record of an id and its glosses", hint=_RECORD)
        for utterance, value in _named(place, item):
            add_once(found, place, normalised(str(utterance)).strip(), value)
    return found


def parse_json(source: SourceFile) -> Any:
    """The content of JSON, or a list of the contents of JSON lines; objects as `_Pairs`.

    Raises:
        DataError: It is neither; with the line.
    """
    try:
        return json.loads(source.text, object_pairs_hook=_Pairs)
    except ValueError as whole:
        error = whole
    found = []
    for number, line in enumerate(source.lines, 1):
        try:
            if line.strip():
                found.append(json.loads(line, object_pairs_hook=_Pairs))
        except ValueError:
            message = getattr(error, "msg", str(error))
            line_number = number if found else getattr(error, "lineno", number)
            raise DataError(f"{source}:{line_number}: no JSON: {message}") from None
    return found


class _Pairs(tuple[tuple[str, Any], ...]):
    """An object of JSON with all its keys, with those that occur twice."""


def _named(place: str, item: _Pairs) -> Iterator[tuple[Any, Glosses]]:
    """Ids and glosses of one object: a record, or ids with their glosses."""
    names = [name.lower() for name, _ in item]
    keys = [name for name in ID_NAMES if name in names]
    if keys and {*names} & {*TEXT_NAMES}:
        values = [value for _, value in item]
        text = values[_text_column(place, names)]
        yield values[names.index(keys[0])], _glosses(place, text)
        return
    for utterance, value in item:
        where = f"{place}: {utterance}"
        if isinstance(value, _Pairs):
            inner = [name.lower() for name, _ in value]
            yield utterance, _glosses(where, value[_text_column(where, inner)][1])
        else:
            yield utterance, _glosses(where, value)


def _is_text(value: Any) -> bool:
    """Whether a value is a sentence: text, or a list of glosses."""
    if isinstance(value, list):
        return all(isinstance(word, str) for word in value)
    return isinstance(value, str)


def _glosses(place: str, value: Any) -> Glosses:
    if not _is_text(value):
        raise DataError(f"{place}: {_shown(value)} is not text with glosses", hint=_RECORD)
    if isinstance(value, str):
        return tuple(normalised(value).split())
    spaced = [word for word in value if len(word.split()) != 1]
    if spaced:
        raise DataError(
            f"{place}: {spaced[0]!r} in a list of glosses is not one gloss", hint=_RECORD
        )
    return tuple(normalised(word).strip() for word in value)


def _shown(value: Any) -> str:
    if isinstance(value, _Pairs):
        return "an object"
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _rows(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    mark = delimiter_of(source) or ","
    rows = (
        csv.reader(source.lines, delimiter=mark, quoting=csv.QUOTE_NONE)
        if mark in "|\t"
        else csv.reader(source.lines, delimiter=mark, strict=True)
    )
    try:
        for row in rows:
            if any(field.strip() for field in row):
                yield rows.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{source}:{rows.line_num}: no CSV: {error}",
            hint="A quotation mark that is opened has to be closed.",
        ) from None


def _text_column(place: str, heading: Sequence[str]) -> int:
    """Place of the one column of glosses.

    Raises:
        DataError: There is none, or there are several.
    """
    names = [name.strip().lower() for name in heading]
    columns = [index for index, name in enumerate(names) if name in TEXT_NAMES]
    if len(columns) == 1:
        return columns[0]
    if columns:
        message = " and ".join(names[column] for column in columns)
        raise DataError(
            f"{place}: {message} may both contain the glosses", hint="Leave one of them out."
        )
    raise DataError(
        f"{place}: no column of glosses in the heading {list(heading)}",
        hint="Name it " + ", ".join(TEXT_NAMES[:-1]) + f" or {TEXT_NAMES[-1]}.",
    )


def is_json(source: SourceFile) -> bool:
    """Whether the content is JSON or JSON lines of objects or lists."""
    if source.text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        parse_json(source)
    except DataError:
        return False
    return True
