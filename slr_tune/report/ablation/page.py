"""What an ablation has to say, in order, for every format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from slr_tune.ablation.result import (
    INTERACTION,
    PUT_BACK,
    RETUNED,
    TEST,
    AblationResult,
    ResultTable,
)
from slr_tune.report.ablation import figures, sentences, tables, training_figures
from slr_tune.report.ablation.curves import BLANKS, TEMPERATURE, bands, measure_column, merged
from slr_tune.report.ablation.first_screen import answers, tone
from slr_tune.report.ablation.print_figure import NAME, print_differences
from slr_tune.report.page import (
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
    Table,
)
from slr_tune.report.page.files import write_page
from slr_tune.text import counted

COST = "cost"
"""Anchor of the one part that depends on how runs were shared, and how long they took."""


def write_report(result: AblationResult, folder: Path) -> list[Path]:
    """Writes the report next to `result.json`.

    The same result gives the same files, to the byte.

    Args:
        result: Source of the whole page; nothing else is read.
        folder: Is made where it does not exist.

    Returns:
        The files, the page first.
    """
    figure = print_differences(result.main, folder)
    name = "".join(letter if letter.isalnum() else "-" for letter in result.name)
    label, page = f"tab:ablation-{name}", ablation_page(result)
    return [*write_page(page, folder, "report", head=("title",), label=label), *figure]


def ablation_page(result: AblationResult) -> Page:
    """The whole report."""
    seeds = counted(len(set(result.seeds)), "seed")
    if result.main.orders > 1:
        seeds += f" with {result.main.orders} orders of the data each"
    scored = sentences.scored_on(result.main)
    compared = bool(sentences.compared(result.main))
    return Page(
        title=result.title,
        subtitle=f"Study {result.study}; {seeds}; {scored}",
        verdict=result.verdict,
        parts=[
            *_found(result),
            *map(_folded, _made(result)),
            *_for_latex(result),
            *_for_terminal(result),
        ],
        answers=answers(result),
        tone=tone(result),
        chart=figures.difference_figure(result.main) if compared else None,
    )


def _folded(part: Part) -> Part:
    """How it came about opens on a click; Markdown has no clicks and no part changes there."""
    return replace(part, folded=bool(part.title))


def _found(result: AblationResult) -> Iterator[Part]:
    """What came out."""
    main, retuned = result.main, result.table(RETUNED)
    blocks: list[Block]
    yield Part("", _compared(main, result, picture=True), formats=WRITTEN)
    for table in result.crossing("dev"):
        yield Part(sentences.section_title(table), _crossed(table, result), formats=WRITTEN)
    lines = [row.sentence for row in main.rows if row.sentence]
    shares = filter(None, [sentences.shares_sentence(main)])
    bullets = [*lines, *main.limits, *result.notes, *shares]
    yield Part("In words", [Bullets(bullets)], formats=WRITTEN)
    if result.steps:
        drawn, steps = figures.path_figure(result, main), tables.steps_table(result, main)
        blocks = [sentences.path_sentence(result), drawn, steps]
        yield Part("Step by step", blocks, formats=WRITTEN)
    if (back := result.table(PUT_BACK)) is not None:
        blocks = [back.verdict, *_compared(back, result)]
        yield Part("From the best trial, each parameter put back", blocks, formats=WRITTEN)
    if retuned is not None:
        blocks = [
            tables.retune_table(main, retuned),
            Bullets(sentences.retune_sentences(main, retuned)),
            Part("The tuned arms alone", _compared(retuned, result), folded=True, formats=HTML),
        ]
        yield Part("With one setting re-tuned for every arm", blocks, formats=WRITTEN)
    if (test := result.table(TEST)) is not None:
        blocks = [test.verdict, Part("", test.limits, formats=HTML), *_compared(test, result)]
        for table in result.crossing("test"):
            blocks += [f"{table.title}: {table.verdict}", *_compared(table, result)]
        yield Part("On the test split", blocks, formats=WRITTEN)


def _made(result: AblationResult) -> Iterator[Part]:
    """How it came about, and how it is made again."""
    main, receipt = result.main, result.receipt
    yield from _training(result)
    yield Part("What the arms are", [tables.arms_table(result)], formats=WRITTEN)
    cost: list[Block] = [sentences.cost_text(receipt), Bullets(receipt.reasons)]
    if receipt.stages:
        title = f"What was trained: {len(receipt.stages)} stages"
        cost.append(Part(title, [tables.stages_table(receipt)], folded=True, formats=HTML))
    yield Part("What it cost, what was shared", cost, anchor=COST, formats=WRITTEN)
    config = yaml.safe_dump(dict(result.baseline.config), sort_keys=False, allow_unicode=True)
    whole = Part("The baseline's whole configuration", [Code(config)], folded=True, formats=HTML)
    yield Part("Conditions of this result", [tables.setting_table(result), whole], formats=WRITTEN)
    yield Part("How to reproduce it", [Code(result.command), sentences.FILES], formats=WRITTEN)
    method: list[Block] = [*sentences.method(main), tables.statistics_table(main)]
    yield Part("How the figures were computed", method, formats=MARKDOWN)
    method = [*method, tables.seeds_table(main, result.seeds)]
    yield Part("All figures, and how they were computed", method, folded=True, formats=HTML)


def _compared(table: ResultTable, result: AblationResult, *, picture: bool = False) -> list[Block]:
    """The comparison, with signs and its figure where they can be shown.

    Args:
        table: The family.
        result: All of it.
        picture: Whether the figure is a file next to the report too.
    """
    drawn = [figures.difference_figure(table)] if sentences.compared(table) else []
    shown = [] if table is result.main else drawn  # the main figure is on the first screen
    marked = tables.comparison_table(table, result.seeds, marked=True)
    lines = [f"![Differences with 95 % intervals]({NAME}.png)"] if picture and drawn else []
    bare = tables.comparison_table(table, result.seeds)
    return [Part("", [marked, *shown], formats=HTML), Part("", [bare, *lines], formats=MARKDOWN)]


def _crossed(table: ResultTable, result: AblationResult) -> list[Block]:
    """One of two crossed factors by itself, or whether they depend on each other."""
    drawn = figures.interaction_figure(result) if table.role == INTERACTION else None
    lines: list[Block] = [*table.limits, *([drawn] if drawn else [])]
    return [table.verdict, Part("", lines, formats=HTML), *_compared(table, result)]


def _training(result: AblationResult) -> Iterator[Part]:
    """How the arms trained, and what they got wrong."""
    main, wer = result.main, sentences.is_wer(result.main)
    curves = bands(result, measure_column(main), held=wer)
    if curves:
        limits = training_figures.curve_limits(curves)
        title = "Best dev WER so far, %" if wer else sentences.measure_name(main)
        baseline = next((band for band in curves if main.baseline in band.names), None)
        panels = [
            training_figures.curve_figure(band, baseline, title, limits, wer=wer) for band in curves
        ]
        lead = (
            f"{title}. The line is the mean over the seeds, the band spans all of them, the "
            f"dashed line is the baseline."
        )
        if wer:
            lead += (
                " The end of a line is the value in the table; a run that stopped keeps its "
                "best value."
            )
        yield Part("Learning curves", [lead, Panels(panels)], formats=HTML)
    if (errors := tables.errors_table(main)) is not None:
        drawn = training_figures.errors_figure(main)
        yield Part("Substitutions, deletions, insertions", [drawn, errors], formats=WRITTEN)
    for title, column, axis, scale in (
        ("Blank rate", BLANKS, "blank frames, %", 100.0),
        ("Temperature", TEMPERATURE, "temperature", 1.0),
    ):
        if lines := merged(bands(result, column)):
            figure = training_figures.lines_figure(lines, axis, scale=scale)
            yield Part(title, [figure], formats=HTML)


def _for_latex(result: AblationResult) -> Iterator[Part]:
    """The verdicts to be quoted, and the tables; those of differences without the seeds' columns.

    With them a table is wider than a page of text.
    """

    def part(suffix: str, table: Table | None, lines: list[str] | None = None) -> Iterator[Part]:
        if table is not None:
            yield Part("", [*(lines or []), table], anchor=suffix, formats=LATEX)

    def comparison(table: ResultTable) -> Table:
        return tables.comparison_table(table, (), per_seed=False)

    main = result.main
    yield from part("", comparison(main), [row.sentence for row in main.rows if row.sentence])
    yield from part("-runs", tables.seeds_table(main, result.seeds))
    yield from part("-errors", tables.errors_table(main))
    if (retuned := result.table(RETUNED)) is not None:
        yield from part("-retuned", tables.retune_table(main, retuned, short=True))
    for role in (PUT_BACK, TEST):
        if (other := result.table(role)) is not None:
            yield from part("-" + role.replace(" ", "-"), comparison(other))
    for number, other in enumerate([*result.crossing("dev"), *result.crossing("test")], 1):
        yield from part(f"-crossing-{number}", comparison(other))


def main_limits(result: AblationResult) -> list[str]:
    """What the terminal shows in addition to the verdicts: limits, collapses, notes."""
    fallen = [row.sentence for row in result.main.rows if row.all_runs]
    return [*result.main.limits, *fallen, *result.notes]


def _for_terminal(result: AblationResult) -> Iterator[Part]:
    """The tables, the path's steps and what it cost."""
    for table in result.tables:
        sentences_shown = [f"{table.title}, on {table.split}: {table.verdict}"] * (
            table is not result.main
        )
        yield Part("", ["", *sentences_shown, tables.printed_table(table)], formats=TERMINAL)
    if result.steps:
        main = result.main
        lines = [
            f"  {step.change}: {tables.exact_difference(step.gain, main)}, to "
            f"{sentences.value_text(step.mean, main)}"
            for step in result.steps
        ]
        lead = f"{sentences.path_sentence(result)} In order, each step the one that gained most:"
        yield Part("", ["", lead, *lines], formats=TERMINAL)
    sentences_shown = [
        *main_limits(result),
        *filter(None, [sentences.shares_sentence(result.main)]),
    ]
    yield Part("", ["", *sentences_shown] if sentences_shown else [], formats=TERMINAL)
    receipt = result.receipt
    cost = (
        f"{receipt.epochs_run} epochs trained of {receipt.epochs_asked} requested "
        f"({receipt.share:.0%}), {receipt.epochs_now} of them now."
    )
    yield Part("", ["", cost], formats=TERMINAL)
