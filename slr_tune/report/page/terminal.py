"""A page on a terminal: lines of text and rich's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from slr_tune.report.page import Block, Bullets, Code, Page, Part, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable


def render_terminal(page: Page) -> Iterator[str | RichTable]:
    """The verdict, then what the page has for a terminal; an empty string is an empty line."""
    yield page.verdict
    for part in page.parts_in("terminal"):
        yield from _part(part)


def rich_table(table: Table, *, wrap: bool = True) -> RichTable:
    """The table without rules; its caption is not in it.

    Args:
        table: Plain text.
        wrap: Whether a cell is broken, not cut, where the terminal is narrow.
    """
    from rich.table import Table as RichTable

    drawn = RichTable(box=None, padding=(0, 2, 0, 0))
    for column in table.columns:
        drawn.add_column(
            column.heading, justify="right" if column.numeric else "left", no_wrap=not wrap
        )
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def _part(part: Part) -> Iterator[str | RichTable]:
    if part.title:
        yield f"{part.title}:"
    for block in part.blocks_in("terminal"):
        yield from _block(block)


def _block(block: Block) -> Iterator[str | RichTable]:
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
            yield rich_table(block)
            if block.caption:
                yield block.caption
        case Part():
            yield from _part(block)
