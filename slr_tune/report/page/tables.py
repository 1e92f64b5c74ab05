"""Tables as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    Attributes:
        heading: Its heading, with the unit where there is one.
        numeric: Whether it holds numbers, which are set to the right.
        secondary: Whether a phone's page may leave it out; it must then stand elsewhere too.
    """

    heading: str
    numeric: bool = False
    secondary: bool = False


def texts(*headings: str) -> list[TableColumn]:
    """Columns of text."""
    return [TableColumn(heading) for heading in headings]


def numbers(*headings: str, secondary: bool = False) -> list[TableColumn]:
    """Columns of numbers."""
    return [TableColumn(heading, True, secondary) for heading in headings]


@dataclass(frozen=True)
class Table:
    """A table of plain text; each format escapes it in its own way.

    Attributes:
        columns: Its columns.
        rows: Cells, as many in each row as there are columns.
        caption: What it shows, a sentence; may be empty.
        emphasis: Numbers of rows that stand out, such as the baseline's.
    """

    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    emphasis: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        """Checks the rows' lengths.

        Raises:
            ValueError: A row has more or fewer cells than there are columns.
        """
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {number} has {len(row)} cells, the table {len(self.columns)} columns"
                )


def typeset(text: str) -> str:
    """Plain text as a page shows it: no line break in an arrow, or between number and percent."""
    return text.replace("->", "\u2192").replace(" %", "\u00a0%")
