"""A page on a terminal: lines of text and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from slr_tune.report.page import Block, Bullets, Code, Page, Part, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_GAP = 2
"""Spaces between two columns."""


def render_terminal(page: Page) -> Iterator[str | Table]:
    """The verdict, then what the page has for a terminal; an empty string is an empty line."""
    if page.verdict:
        yield page.verdict
    for part in page.parts_in("terminal"):
        yield from _part(part)


def rich_table(table: Table) -> RichTable:
    """The table without rules; its caption is not in it."""
    from rich.table import Table as RichTable

    drawn = RichTable(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for column in table.columns:
        drawn.add_column(
            column.heading,
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def fit(table: Table, width: int) -> tuple[Table, list[str]]:
    """The columns of a table that a terminal has room for.

    The essential columns are kept, the others in their order as long as there is room. A table
    without essential columns is kept as it is; its cells are broken into lines.

    Args:
        table: The table.
        width: Columns of the terminal.

    Returns:
        The table, and the headings of the columns that were left out.
    """
    if not any(column.essential for column in table.columns):
        return table, []
    cells = zip(*([column.heading for column in table.columns], *table.rows), strict=True)
    needed = [max(map(_width, column)) + _GAP for column in cells]
    room = width - sum(n for n, c in zip(needed, table.columns, strict=True) if c.essential)
    kept: list[int] = []
    for index, column in enumerate(table.columns):
        if column.essential:
            kept.append(index)
        elif needed[index] <= room:
            kept.append(index)
            room -= needed[index]
    dropped = [c.heading for i, c in enumerate(table.columns) if i not in kept]
    rows = [[row[index] for index in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows), dropped


def _width(text: str) -> int:
    """Columns that a text takes; the widest line of one of several lines."""
    from rich.cells import cell_len

    return max((cell_len(line) for line in text.splitlines()), default=0)


def _part(part: Part) -> Iterator[str | Table]:
    if part.title:
        yield f"{part.title}:"
    for block in part.blocks_in("terminal"):
        yield from _block(block)


def _block(block: Block) -> Iterator[str | Table]:
    match block:
        case str():
            yield block
        case Bullets():
            for text, command in block.pairs():
                yield f"- {text}"
                if command:
                    yield f"    {command}"
        case Code():
            yield from (f"  {line}" for line in block.text.splitlines())
        case Table():
            yield block
            if block.caption:
                yield block.caption
        case Part():
            yield from _part(block)
