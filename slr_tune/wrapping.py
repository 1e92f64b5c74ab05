"""Lines for a terminal: prose breaks between words, a command where a shell lets it continue."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator
from typing import TextIO

_COMMAND = re.compile(r"(?:cd \S+ && )?(?:[A-Z_]+=\S+ )*slr-tune [^.;]*(?:[.;]\S[^.;]*)*$")
"""A command to paste: up to the end of its line, which no full stop ends."""
_LABEL = re.compile(r"(?<=: )(?=(?:cd \S+ && )?(?:[A-Z_]+=\S+ )*slr-tune \S)")
_EXAMPLE = re.compile(r" {2,}(slr-tune \S+(?: \S+)*) {2,}(\S.*)")
"""A command, and what it does."""
_BULLET = re.compile(r"\s*(?:[-*]|\[[^\]]*\]) ")
_MARGIN = "    "


def wrap_text(text: str, width: int) -> str:
    """Text with no line longer than a terminal is wide, as far as its words allow.

    A word that is longer, such as a path, stays whole: so it can still be copied. A command that
    is by itself or after a colon gets a backslash at the end of each line but its last, and
    can be pasted as it is.

    Args:
        text: Any number of lines.
        width: Columns of the terminal, at least 1.
    """
    return "\n".join(line for given in text.split("\n") for line in _wrap_line(given, width))


def fitted(text: str, stream: TextIO) -> str:
    """Text as `wrap_text` has it where a stream is a terminal; as it is elsewhere."""
    if not stream.isatty():
        return text
    return wrap_text(text, shutil.get_terminal_size().columns)


def text_width(text: str) -> int:
    """Columns that a line takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    return len(text) + wide - sum(unicodedata.combining(one) > 0 for one in text)


def pack(pieces: list[str], width: int, *, between: str = ", ") -> list[str]:
    """Pieces of a sentence, as many to a line as there is room for; none is broken."""
    lines: list[str] = []
    for place, piece in enumerate(pieces, start=1):
        end = "" if place == len(pieces) else between.rstrip()
        if lines and text_width(lines[-1] + between + piece + end) <= width:
            lines[-1] += between + piece
        else:
            if lines:
                lines[-1] += between.rstrip()
            lines.append(piece)
    return lines


def _wrap_line(line: str, width: int) -> Iterator[str]:
    if text_width(line) <= width:
        yield line
        return
    indent = line[: len(line) - len(line.lstrip())]
    example = _EXAMPLE.fullmatch(line)
    if example is not None:
        yield from _wrap_line(f"{indent}{example[1]}", width)
        yield from _wrap_line(f"{indent}{_MARGIN}{example[2]}", width)
        return
    if len(indent) >= 2 and _COMMAND.fullmatch(line.strip()):
        yield from _wrap_command(line.strip(), indent, width)
        return
    label = _LABEL.search(line)
    if label is not None and _COMMAND.fullmatch(line[label.start() :]):
        yield from _wrap_line(line[: label.start()].rstrip(), width)
        yield from _wrap_line(f"{indent}  {line[label.start() :]}", width)
        return
    longest = max(map(text_width, line.split()))
    if len(indent) + longest > width:
        indent = " " * max(0, min(len(indent), width - longest))
    bullet = _BULLET.match(line)
    hanging = " " * min(len(bullet[0]) if bullet else len(indent), width // 2)
    yield from textwrap.wrap(
        line if bullet else line.strip(),
        width,
        initial_indent="" if bullet else indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _parted(piece: str) -> list[str]:
    """An option and its value, each by itself."""
    return piece.split(" ", 1) if piece.startswith("-") else [piece]


def _wrap_command(command: str, indent: str, width: int) -> Iterator[str]:
    """A shell command over several lines; an option stays next to its value."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    quoted = [word if word == "&&" else shlex.quote(word) for word in words]
    if " ".join(quoted) != command:  # an environment variable, say: break between any words
        quoted = command.split(" ")
    pieces: list[str] = []
    for word in quoted:
        after_option = bool(pieces) and re.fullmatch(r"--?\w[\w-]*", pieces[-1]) is not None
        if after_option and not word.startswith("-"):
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    inner = indent + _MARGIN[: max(0, width // 10)]
    pieces = [
        part
        for piece in pieces
        for part in ([piece] if text_width(f"{inner}{piece} \\") <= width else _parted(piece))
    ]
    lines = [indent]
    for piece in pieces:
        empty = not lines[-1].strip()
        if empty or text_width(f"{lines[-1]} {piece} \\") <= width:
            lines[-1] += piece if empty else f" {piece}"
        else:
            lines.append(inner + piece)
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]
