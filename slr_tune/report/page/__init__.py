"""The design that all reports share: one page of parts, one kind of table, one kind of figure.

A page is written as a single HTML file that opens from disk and asks no server for anything, as
Markdown, as tables in LaTeX, and printed on a terminal.
"""

from slr_tune.report.page.figures import PALETTE, Figure
from slr_tune.report.page.html import render_html
from slr_tune.report.page.latex import render_latex
from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.page.part import (
    HTML,
    LATEX,
    MARKDOWN,
    TERMINAL,
    WRITTEN,
    Block,
    Bullets,
    Code,
    Page,
    Panels,
    Part,
)
from slr_tune.report.page.tables import Table, TableColumn, numbers, texts
from slr_tune.report.page.terminal import render_terminal

__all__ = [
    "HTML",
    "LATEX",
    "MARKDOWN",
    "PALETTE",
    "TERMINAL",
    "WRITTEN",
    "Block",
    "Bullets",
    "Code",
    "Figure",
    "Page",
    "Panels",
    "Part",
    "Table",
    "TableColumn",
    "numbers",
    "render_html",
    "render_latex",
    "render_markdown",
    "render_terminal",
    "texts",
]
