"""The design that all reports share: one page, one kind of table, one kind of figure.

A page is a single HTML file that opens from disk and asks no server for anything: style and
plotly are inside, once. The same tables are written as Markdown and as LaTeX.
"""

from slr_tune.report.page.figures import DASHES, PALETTE, SYMBOLS, Figure, figure_html
from slr_tune.report.page.html import (
    Section,
    code_html,
    folded_html,
    list_html,
    render_page,
    table_html,
    text_html,
)
from slr_tune.report.page.latex import escape_latex, latex_table
from slr_tune.report.page.tables import Column, Table, markdown_table

__all__ = [
    "DASHES",
    "PALETTE",
    "SYMBOLS",
    "Column",
    "Figure",
    "Section",
    "Table",
    "code_html",
    "escape_latex",
    "figure_html",
    "folded_html",
    "latex_table",
    "list_html",
    "markdown_table",
    "render_page",
    "table_html",
    "text_html",
]
