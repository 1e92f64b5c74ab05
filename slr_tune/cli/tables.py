"""Tables on stdout."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

_WIDE = 1000


def print_table(table: Table) -> None:
    """Prints a table; where stdout is a pipe or a file, wide enough to cut nothing."""
    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, highlight=False, soft_wrap=False).print(table)
