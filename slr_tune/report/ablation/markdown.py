"""The same in Markdown, for a repository or a message."""

from __future__ import annotations

from collections.abc import Iterator

from slr_tune.ablation.result import PUT_BACK, RETUNED, TEST, AblationResult, ResultTable
from slr_tune.report.ablation import tables, words
from slr_tune.report.ablation.figures import compared
from slr_tune.report.ablation.printed import NAME
from slr_tune.report.page import markdown_table


def ablation_markdown(result: AblationResult) -> str:
    """The whole text."""
    return "\n".join(_lines(result)).rstrip() + "\n"


def _lines(result: AblationResult) -> Iterator[str]:
    main = result.main
    yield from (f"# {result.title}", "", f"**{result.verdict}**", "")
    yield markdown_table(tables.comparison_table(main, result.seeds))
    if compared(main):
        yield from (f"![Differences with 95 % intervals]({NAME}.png)", "")
    for table in result.crossing("dev"):
        yield from _section(words.section_title(table), table, result)
    sentences = [row.sentence for row in main.rows if row.sentence]
    yield from _list("In words", [*sentences, *main.limits, *result.notes])
    if result.steps:
        yield from ("## Step by step", "", words.path_sentence(result), "")
        yield markdown_table(tables.steps_table(result, main))
    yield from _others(result)
    errors = tables.errors_table(main)
    if errors is not None:
        yield from ("## Substitutions, deletions, insertions", "", markdown_table(errors))
    yield from ("## What the arms are", "", markdown_table(tables.arms_table(result)))
    yield from ("## What it cost, what was shared", "", words.cost_text(result.receipt), "")
    yield from (f"- {reason}" for reason in result.receipt.reasons)
    yield from ("", "## Where this holds", "", markdown_table(tables.setting_table(result)))
    yield from ("## How to reproduce it", "", "```", result.command, "```", "", words.FILES, "")
    yield from ("## How the figures were made", "")
    for paragraph in words.method(main):
        yield from (paragraph, "")
    yield markdown_table(tables.statistics_table(main))


def _others(result: AblationResult) -> Iterator[str]:
    retuned = result.table(RETUNED)
    if retuned is not None:
        yield from ("## When each arm may tune a setting for itself", "")
        yield markdown_table(tables.retune_table(result.main, retuned))
        yield from (f"- {line}" for line in words.retune_sentences(result.main, retuned))
        yield ""
    back, test = result.table(PUT_BACK), result.table(TEST)
    if back is not None:
        yield from _section("From the best trial, each parameter put back", back, result)
    if test is not None:
        yield from _section("On the test split", test, result)
        for table in result.crossing("test"):
            yield from (words.titled(table), "")
            yield markdown_table(tables.comparison_table(table, result.seeds))


def _section(title: str, table: ResultTable, result: AblationResult) -> Iterator[str]:
    yield from (f"## {title}", "", table.verdict, "")
    yield markdown_table(tables.comparison_table(table, result.seeds))


def _list(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from (f"## {title}", "", *(f"- {line}" for line in lines), "")
