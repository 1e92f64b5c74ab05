"""YAML with the place of every key and value, and without YAML's traps.

Read as the core schema of YAML 1.2 says: `1e-4` is a number, `no` is a text. A key given twice is
an error at any depth. Anchors, aliases, merge keys, tags and further documents are refused: a
file of settings needs none of them, and each can make it mean something else than it shows.
"""

from __future__ import annotations

import math
import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from slr_tune.errors import Problem, SpecError, did_you_mean
from slr_tune.space.values import Scalar
from slr_tune.space.yaml_tree import MappingEntry, Node, SourcePlace, key_text, kind_of

MAX_CHARACTERS = 200_000
MAX_DEPTH = 30

MAX_INT = 2**53
"""Beyond it a whole number is no longer exact in JSON and in a database's floats."""

_LONGEST_NUMBER = 100

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_SYNTAX_HINTS = (
    ("'\\t'", "YAML takes spaces only: replace the tab."),
    ("mapping values are not allowed", "Check the indentation; a text with `: ` needs quotes."),
    ("could not find expected ':'", "Check the line above: a key needs `: ` after it."),
    ("expected <block end>", "Check the indentation of this line against the lines above."),
    ("expected ',' or", "Check brackets and commas from the opening bracket on."),
    ("while scanning a quoted", "A quotation mark is not closed."),
    ("found unexpected end of stream", "A quotation mark or bracket is not closed."),
)

Found = list[tuple[SourcePlace, Problem]]
"""Problems with their places, so that they can be sorted."""


def read_yaml(path: Path) -> Node:
    """Reads a file.

    Raises:
        SpecError: It cannot be read, is not YAML, or uses what is refused; all problems listed.
    """
    node, problems = parse_yaml(read_text(path), str(path))
    if node is None or problems:
        raise SpecError([problem for _, problem in problems])
    return node


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        SpecError: There is no such file, or it is not UTF-8 text.
    """
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        problem = Problem(str(path), "no such file", nearest_file(path))
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        where = f"{path}:{before.count(bytes([10])) + 1}:{column}"
        problem = Problem(where, "this is not UTF-8 text", "Save the file as UTF-8.")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problem = Problem(str(path), f"cannot be read: {reason}")
    raise SpecError([problem])


def nearest_file(path: Path) -> str:
    """Names a file of the same folder whose name is close."""
    try:
        names = [file.name for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml")]
    except OSError:
        return f"There is no folder {path.parent}."
    near = did_you_mean(path.name, names)
    return near or (f"The folder has {', '.join(sorted(names)[:10])}." if names else "")


def parse_yaml(text: str, source: str) -> tuple[Node | None, Found]:
    """Parses a text.

    Args:
        text: YAML.
        source: How places name it.

    Returns:
        The tree, None where the syntax is broken; and every problem with its place.
    """
    builder = _Builder(source)
    return builder.build(text), builder.problems


def parse_value(text: str, place: SourcePlace) -> tuple[Node | None, list[Problem]]:
    """Parses the value of an override by the same rules; every part gets the override's place."""
    if not text.strip():
        return Node(place, None), []
    node, found = parse_yaml(text, place.source)
    problems = [Problem(str(place), problem.message, problem.hint) for _, problem in found]
    return (None if node is None else _at(node, place)), problems


def _at(node: Node, place: SourcePlace) -> Node:
    if isinstance(node.value, dict):
        entries = node.value.items()
        return Node(place, {k: MappingEntry(place, _at(entry.node, place)) for k, entry in entries})
    if isinstance(node.value, list):
        return Node(place, [_at(item, place) for item in node.value])
    return Node(place, node.value)


def plain_scalar(text: str) -> Scalar:
    """The value of a text without quotes: null, truth value, number, or the text.

    Raises:
        ValueError: A number that is not finite or has thousands of digits.

    Source: YAML 1.2.2, section 10.3.2, core schema.
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) > _LONGEST_NUMBER:
        return text
    for pattern, base in _INTS:
        if pattern.fullmatch(text):
            whole = int(text, base)
            if abs(whole) > MAX_INT:
                raise ValueError(f"{text} is too large for a whole number")
            return whole
    if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and math.isinf(float(text))):
        raise ValueError(f"{text} is not a finite number")
    return float(text) if _FLOAT.fullmatch(text) else text


class _TooDeep(Exception):
    """The text is nested too deep; the problem has been noted."""


class _Builder:
    """Builds the tree from PyYAML's events, which carry marks and resolve nothing."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: Found = []

    def build(self, text: str) -> Node | None:
        """The tree of a text, None where it has none."""
        if len(text) > MAX_CHARACTERS:
            self._note(self._start(), f"the file has more than {MAX_CHARACTERS} characters")
            return None
        loader = None
        try:
            loader = yaml.SafeLoader(text)
            return self._document(loader)
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            column = error.position - before.rfind("\n")
            place = SourcePlace(0, before.count("\n") + 1, column, self.source)
            self._note(place, f"the character U+{ord(text[error.position]):04X} is not allowed")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            start = error.context_mark
            begun = f" (begun at {start.line + 1}:{start.column + 1})" if start else ""
            context = f"{error.context}{begun}" if error.context else ""
            message = ", ".join(part for part in (context, error.problem) if part)
            hint = next((hint for part, hint in _SYNTAX_HINTS if part in message), "")
            self._note(self._place(mark) if mark else self._start(), f"not YAML: {message}", hint)
        except (ValueError, OverflowError) as error:
            # PyYAML's own conversions, such as the character of "\UFFFFFFFF".
            place = self._place(loader.get_mark()) if loader else self._start()
            self._note(place, f"not YAML: {error}")
        except _TooDeep:
            pass
        return None

    def _document(self, loader: Any) -> Node | None:
        loader.get_event()  # the stream's start
        if isinstance(loader.get_event(), yaml.StreamEndEvent):
            self._note(self._start(), "the file is empty")
            return None
        node = self._node(loader, 0)
        loader.get_event()  # the document's end
        after = loader.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            self._note(self._place(after.start_mark), "a second document", "Keep only one.")
        return node

    def _node(self, loader: Any, depth: int) -> Node:
        event = loader.get_event()
        place = self._place(event.start_mark)
        if depth > MAX_DEPTH:
            self._note(place, f"nested more than {MAX_DEPTH} levels deep")
            raise _TooDeep
        if isinstance(event, yaml.AliasEvent):
            self._note(place, f"*{event.anchor}: aliases are refused", "Write the value out.")
            return Node(place, None)
        if event.anchor is not None:
            self._note(place, f"&{event.anchor}: anchors are refused", "Remove it.")
        if event.tag is not None:
            self._note(place, f"the tag {event.tag} is refused", "Write the plain value.")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(place, self._entries(loader, depth))
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not loader.check_event(yaml.SequenceEndEvent):
                items.append(self._node(loader, depth + 1))
            loader.get_event()
            return Node(place, items)
        return Node(place, self._scalar(event, place))

    def _entries(self, loader: Any, depth: int) -> dict[Scalar, MappingEntry]:
        entries: dict[Scalar, MappingEntry] = {}
        while not loader.check_event(yaml.MappingEndEvent):
            style = getattr(loader.peek_event(), "style", None)
            key, value = self._node(loader, depth + 1), self._node(loader, depth + 1)
            if isinstance(key.value, list | dict):
                self._note(key.place, f"a key must be a single word, not {kind_of(key)}")
            elif key.value == "<<" and style is None:
                self._note(key.place, "<<: merge keys are refused", "Write the keys out.")
            elif key.value in entries:
                first = entries[key.value].place
                message = f"{key_text(key.value)}: given a second time, first on line {first.line}"
                self._note(key.place, message, "Remove one of the two.")
            else:
                entries[key.value] = MappingEntry(key.place, value)
        loader.get_event()
        return entries

    def _scalar(self, event: Any, place: SourcePlace) -> Scalar:
        text: str = event.value
        for character in text:
            if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
                self._note(place, f"the character U+{ord(character):04X} is not allowed in a text")
                return ""
        if event.style is not None:
            return text
        try:
            return plain_scalar(text)
        except ValueError as error:
            self._note(place, str(error))
            return 0

    def _start(self) -> SourcePlace:
        return SourcePlace(0, 1, 1, self.source)

    def _place(self, mark: Any) -> SourcePlace:
        return SourcePlace(0, mark.line + 1, mark.column + 1, self.source)

    def _note(self, place: SourcePlace, message: str, hint: str = "") -> None:
        self.problems.append((place, Problem(str(place), message, hint)))
