"""Tables as plain values, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: Its heading, with the unit where there is one.
        numeric: Whether it holds numbers, which are set to the right.
        secondary: Whether a phone's page may leave it out; it must then stand elsewhere too.
    """

    heading: str
    numeric: bool = False
    secondary: bool = False


@dataclass(frozen=True)
class Table:
    """A table of plain text; each format escapes it in its own way.

    Attributes:
        columns: Its columns.
        rows: Cells, as many in each row as there are columns.
        caption: What it shows, a sentence; may be empty.
        emphasis: Numbers of rows that stand out, such as the baseline's.
    """

    columns: Sequence[Column]
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


def markdown_table(table: Table) -> str:
    """The table in GitHub's Markdown, its caption as a paragraph below."""
    heads = [_markdown(column.heading) for column in table.columns]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [heads, rules]
    for number, row in enumerate(table.rows):
        cells = [_markdown(cell) for cell in row]
        if number in table.emphasis and cells[0]:
            cells[0] = f"**{cells[0]}**"
        lines.append(cells)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\n{table.caption}\n" if table.caption else f"{text}\n"


def _markdown(text: str) -> str:
    """Escapes what would end a cell or start markup."""
    for mark in "\\|*_<":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def typeset(text: str) -> str:
    """Plain text as a page shows it: no line break in an arrow, or between number and percent."""
    return text.replace("->", "\u2192").replace(" %", "\u00a0%")
