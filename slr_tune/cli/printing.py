"""Pages and tables on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from slr_tune.report.page import Page, Table

_WIDE = 1000


def print_page(page: Page, *, lead: str = "") -> None:
    """Prints what a page has for a terminal, `lead` before its verdict."""
    from slr_tune.report.page.terminal import render_terminal

    click.echo(lead, nl=False)
    for item in render_terminal(page):
        click.echo(item) if isinstance(item, str) else _print(item)


def print_table(table: Table, *, wrap: bool = True) -> None:
    """Prints a table; `wrap` is whether cells are broken, not cut, on a narrow terminal."""
    from slr_tune.report.page.terminal import rich_table

    _print(rich_table(table, wrap=wrap))


def _print(table: RichTable) -> None:
    """Where stdout is a pipe or a file, wide enough to cut nothing."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, highlight=False, soft_wrap=False).print(table)
