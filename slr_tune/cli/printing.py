"""Pages and tables on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from slr_tune.cli.options import echo

if TYPE_CHECKING:
    from slr_tune.report.page import Page, Table

_WIDE = 1000


def print_page(page: Page, *, lead: str = "") -> None:
    """Prints what a page has for a terminal, `lead` before its verdict."""
    from slr_tune.report.page.terminal import render_terminal

    for item in render_terminal(page):
        echo(f"{lead}{item}") if isinstance(item, str) else print_table(item)
        lead = ""


def print_table(table: Table, *, wide: bool = False, more: str = "a wider terminal") -> None:
    """Prints a table; on a narrow terminal, the columns that it has room for.

    Args:
        table: The table.
        wide: Print every column; lines may be longer than the terminal is wide.
        more: What prints the columns that were left out.
    """
    from rich.console import Console

    from slr_tune.report.page.terminal import fit, rich_table

    # A pipe or a file is wide enough for everything.
    width = None if sys.stdout.isatty() and not wide else _WIDE
    console = Console(width=width, highlight=False, soft_wrap=False)
    fitting, dropped = fit(table, console.width)
    console.print(rich_table(fitting))
    if dropped:
        echo(f"Not enough room for: {', '.join(dropped)}. To see them: {more}.")
