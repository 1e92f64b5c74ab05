"""A file that is to be scored, read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trainables.errors import DataError
from trainables.files.plain_text import decode_text

Glosses = tuple[str, ...]


@dataclass(frozen=True)
class SourceFile:
    """A file and what it says.

    Attributes:
        path: As it was named.
        text: Its content, normalised.
    """

    path: Path
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, the empty ones among them."""
        return self.text.removesuffix("\n").split("\n")

    def records(self) -> Iterator[tuple[str, str]]:
        """Place and text of each line with something in it that is not a comment (`;;`)."""
        for number, line in enumerate(self.lines, 1):
            if line.strip() and not line.lstrip().startswith(";;"):
                yield f"{self.path}:{number}", line

    def __str__(self) -> str:
        """The path, for messages."""
        return str(self.path)


def load_source(path: Path) -> SourceFile:
    """Reads a file.

    Raises:
        DataError: It is missing, empty, a folder, or no text.
    """
    try:
        text = decode_text(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder", hint="Give a file in it.") from None
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
            hint="Did the program that wrote it finish? If nothing was recognised, plain text "
            "needs an empty line for each utterance, and CSV a row with its id.",
        )
    return SourceFile(path, text)


def add_once(found: dict[str, Glosses], place: str, utterance: str, glosses: Glosses) -> None:
    """Adds an utterance to those found.

    Raises:
        DataError: Its id is empty, or there already.
    """
    if not utterance:
        raise DataError(f"{place}: the id is empty")
    if utterance in found:
        raise DataError(f"{place}: the id {utterance!r} occurs twice")
    found[utterance] = glosses
