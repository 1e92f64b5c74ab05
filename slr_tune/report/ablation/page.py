"""The HTML page of an ablation."""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from markupsafe import Markup

from slr_tune.ablation.result import (
    INTERACTION,
    PUT_BACK,
    RETUNED,
    TEST,
    AblationResult,
    ResultTable,
)
from slr_tune.report.ablation import figures, tables, training_figures, words
from slr_tune.report.ablation.series import (
    BLANKS,
    TEMPERATURE,
    bands,
    measure_column,
    merged,
)
from slr_tune.report.page import (
    Section,
    code_html,
    figure_html,
    folded_html,
    list_html,
    render_page,
    table_html,
    text_html,
)
from slr_tune.report.style import grid_html

COST = "cost"
"""Anchor of the one section that depends on how runs were shared, and how long they took."""


def ablation_page(result: AblationResult) -> str:
    """The whole HTML file."""
    main = result.main
    seeds = f"{len(result.seeds)} seeds" if len(result.seeds) != 1 else "1 seed"
    return render_page(
        title=result.title,
        subtitle=f"Study {result.study}; {seeds}; {words.scored_on(main)}",
        verdict=result.verdict,
        sections=list(_sections(result)),
    )


def _sections(result: AblationResult) -> Iterator[Section]:
    main = result.main
    yield Section("", _comparison(main, result.seeds))
    yield from _crossing(result)
    sentences = [row.sentence for row in main.rows if row.sentence]
    yield Section("In words", list_html([*sentences, *main.limits, *result.notes]))
    yield from _path(result)
    yield from _others(result)
    yield from _training(result)
    yield Section("What the arms are", table_html(tables.arms_table(result)))
    yield _cost(result)
    yield Section("Where this holds", _setting(result))
    yield Section("How to reproduce it", _reproduce(result))
    body = text_html(*words.method(main)) + table_html(tables.statistics_table(main))
    body += table_html(tables.seeds_table(main, result.seeds))
    yield Section("How the figures were made, and all of them", body, folded=True)


def _comparison(table: ResultTable, seeds: tuple[int, ...]) -> Markup:
    body = table_html(tables.comparison_table(table, seeds, marked=True))
    if figures.compared(table):
        body += figure_html(figures.difference_figure(table))
    return body


def _path(result: AblationResult) -> Iterator[Section]:
    if result.steps:
        body = text_html(words.path_sentence(result))
        body += figure_html(figures.path_figure(result, result.main))
        body += table_html(tables.steps_table(result, result.main))
        yield Section("Step by step", body)
    back = result.table(PUT_BACK)
    if back is not None:
        body = text_html(back.verdict) + _comparison(back, result.seeds)
        yield Section("From the best trial, each parameter put back", body)


def _others(result: AblationResult) -> Iterator[Section]:
    """Retuned arms, the test split."""
    retuned = result.table(RETUNED)
    if retuned is not None:
        body = table_html(tables.retune_table(result.main, retuned))
        body += list_html(words.retune_sentences(result.main, retuned))
        body += folded_html("The tuned arms alone", _comparison(retuned, result.seeds))
        yield Section("When each arm may tune a setting for itself", body)
    test = result.table(TEST)
    if test is not None:
        body = text_html(test.verdict, *test.limits) + _comparison(test, result.seeds)
        for table in result.crossing("test"):
            body += text_html(words.titled(table)) + _comparison(table, result.seeds)
        yield Section("On the test split", body)


def _crossing(result: AblationResult) -> Iterator[Section]:
    """Two crossed factors: each by itself, and whether they depend on each other."""
    for table in result.crossing("dev"):
        body = text_html(table.verdict, *table.limits)
        if table.role == INTERACTION:
            lines = figures.interaction_figure(result)
            body += Markup("") if lines is None else figure_html(lines)
        yield Section(words.section_title(table), body + _comparison(table, result.seeds))


def _training(result: AblationResult) -> Iterator[Section]:
    main, wer = result.main, words.is_wer(result.main)
    curves = bands(result, measure_column(main), held=wer)
    if curves:
        limits = training_figures.curve_limits(curves)
        title = "Best dev WER so far, %" if wer else words.measure_name(main)
        baseline = next((band for band in curves if main.baseline in band.names), None)
        panels = [
            figure_html(training_figures.curve_figure(band, baseline, title, limits, wer=wer))
            for band in curves
        ]
        lead = (
            f"{title}. The line is the mean over the seeds, the band holds all of them, the dashed "
            "line is the baseline."
        )
        if wer:
            lead += " Where a line ends is what the table gives; a run that stopped keeps its best."
        yield Section("Learning curves", text_html(lead) + grid_html(panels))
    errors = tables.errors_table(main)
    if errors is not None:
        body = figure_html(training_figures.errors_figure(main)) + table_html(errors)
        yield Section("Substitutions, deletions, insertions", body)
    for title, column, axis, scale in (
        ("Blank rate", BLANKS, "frames read as blank, %", 100.0),
        ("Temperature", TEMPERATURE, "temperature", 1.0),
    ):
        lines = merged(bands(result, column))
        if lines:
            figure = training_figures.lines_figure(lines, axis, scale=scale)
            yield Section(title, figure_html(figure))


def _cost(result: AblationResult) -> Section:
    receipt = result.receipt
    body = text_html(words.cost_text(receipt))
    if receipt.reasons:
        body += list_html(receipt.reasons)
    if receipt.stages:
        stages = table_html(tables.stages_table(receipt))
        body += folded_html(f"What was trained: {len(receipt.stages)} stages", stages)
    return Section("What it cost, what was shared", body, anchor=COST)


def _setting(result: AblationResult) -> Markup:
    config = yaml.safe_dump(dict(result.baseline.config), sort_keys=False, allow_unicode=True)
    return table_html(tables.setting_table(result)) + folded_html(
        "The baseline's whole configuration", code_html(config)
    )


def _reproduce(result: AblationResult) -> Markup:
    return code_html(result.command) + text_html(words.FILES)
