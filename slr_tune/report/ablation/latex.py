r"""The tables for a thesis: `\input{report}`, with booktabs."""

from __future__ import annotations

from dataclasses import replace

from slr_tune.ablation.result import (
    PUT_BACK,
    RETUNED,
    TEST,
    AblationResult,
    ResultTable,
)
from slr_tune.report.ablation import tables
from slr_tune.report.page import Table, latex_table


def ablation_latex(result: AblationResult) -> str:
    r"""Tables of differences, of runs and of kinds of error, each a float with its label.

    The verdicts stand above as comments, to be quoted. Nothing is needed but
    `\usepackage{booktabs}`.
    """
    lines = [f"% {result.verdict}"]
    lines += [f"% {row.sentence}" for row in result.main.rows if row.sentence]
    parts = ["\n".join(lines) + "\n", _comparison(result, result.main, "")]
    parts.append(_table(result, tables.seeds_table(result.main, result.seeds), "-runs"))
    errors = tables.errors_table(result.main)
    parts += [] if errors is None else [_table(result, errors, "-errors")]
    retuned = result.table(RETUNED)
    if retuned is not None:
        table = tables.retune_table(result.main, retuned, short=True)
        parts.append(_table(result, table, "-retuned"))
    for role in (PUT_BACK, TEST):
        other = result.table(role)
        if other is not None:
            parts.append(_comparison(result, other, "-" + role.replace(" ", "-")))
    for number, other in enumerate([*result.crossing("dev"), *result.crossing("test")], 1):
        parts.append(_comparison(result, other, f"-crossing-{number}"))
    return "\n".join(parts)


def _comparison(result: AblationResult, table: ResultTable, suffix: str) -> str:
    """Without the seeds' columns, or it is wider than a page of text."""
    return _table(result, tables.comparison_table(table, (), per_seed=False), suffix)


def _table(result: AblationResult, table: Table, suffix: str) -> str:
    name = "".join(letter if letter.isalnum() else "-" for letter in result.name)
    table = replace(table, caption=f"{result.title}. {table.caption}")
    return latex_table(table, label=f"tab:ablation-{name}{suffix}")
