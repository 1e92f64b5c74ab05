r"""Tables in LaTeX with booktabs, ready for `\input` in a thesis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from slr_tune.report.page import Page, Table

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "{}&%$#_"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": r"$-$",
        "→": r"$\rightarrow$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "…": r"\ldots{}",
        "–": "--",
    }
)


def render_latex(page: Page, *, label: str = "tab:") -> str:
    r"""The tables that a page has for a thesis, each a float with its label.

    Its text is above as comments, to be quoted.

    Args:
        page: The page.
        label: How the tables' labels begin.

    Returns:
        LaTeX that needs `\usepackage{booktabs}` and nothing else.
    """
    parts = page.parts_in("latex")
    sentences = [page.verdict, *(text for part in parts for text in part.text)]
    lead = f"{page.title}. " if page.title else ""
    tables = [
        latex_table(replace(table, caption=lead + table.caption), label=label + part.anchor)
        for part in parts
        for table in part.tables
    ]
    return "\n".join(["".join(f"% {line}\n" for line in sentences if line), *tables]).lstrip("\n")


def escape_latex(text: str) -> str:
    """Plain text as LaTeX; a sign before a number is set as a minus or plus."""
    # Arrows are written "->" in plain text.
    return text.replace("->", "→").translate(_SPECIAL)


def latex_table(table: Table, *, label: str) -> str:
    r"""The table as a float with `\toprule`, `\midrule` and `\bottomrule`.

    Args:
        table: Plain text; the caption is set above.
        label: For `\ref`, such as `tab:ablation-temperature`.

    Returns:
        LaTeX that needs `\usepackage{booktabs}` and nothing else.
    """
    shape = "".join("r" if column.numeric else "l" for column in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering\\small\\setlength{\\tabcolsep}{4pt}",
        *([f"  \\caption{{{escape_latex(table.caption)}}}"] if table.caption else []),
        f"  \\label{{{label}}}",
        f"  \\begin{{tabular}}{{{shape}}}",
        "    \\toprule",
        f"    {_row([column.heading for column in table.columns], table)}",
        "    \\midrule",
        *(f"    {_row(row, table, bold=n in table.emphasis)}" for n, row in enumerate(table.rows)),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], table: Table, *, bold: bool = False) -> str:
    escaped = [
        _signed(cell) if column.numeric else escape_latex(cell)
        for cell, column in zip(cells, table.columns, strict=True)
    ]
    if bold:
        escaped[0] = f"\\textbf{{{escaped[0]}}}"
    if escaped[0].startswith("["):
        escaped[0] = "{}" + escaped[0]  # or it would be an argument of the \\\\ before
    return " & ".join(escaped) + r" \\"


def _signed(cell: str) -> str:
    """Numbers: a hyphen before a digit is a minus."""
    return re.sub("-(?=[0-9])", "$-$", escape_latex(cell))
