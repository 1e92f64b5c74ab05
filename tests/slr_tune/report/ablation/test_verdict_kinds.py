"""Sameness and collapses in every format: a verdict that one of them drops is a wrong verdict."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from ablation_results import Counts, result
from rich.console import Console

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.result import MAIN, AblationResult
from slr_tune.report.ablation import ablation_page, sentences
from slr_tune.report.ablation.figures import GROUPS, difference_figure
from slr_tune.report.ablation.first_screen import answers
from slr_tune.report.page import TONES, Page
from slr_tune.report.page.html import render_html
from slr_tune.report.page.latex import render_latex
from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.page.terminal import render_terminal, rich_table
from slr_tune.statistics.verdict import Outcome


@pytest.fixture(scope="module")
def made() -> AblationResult:
    """An arm that is the same within two points, and one of which two runs of five collapsed."""
    rng = np.random.default_rng(1)
    words, hard = np.full(400, 9), rng.uniform(0.2, 0.4, 400)

    def runs(shift: float) -> list[np.ndarray]:
        errors = rng.binomial(9, np.clip(hard + shift, 0, 1), (5, 400))
        zero = np.zeros_like(errors[0])
        return [np.stack([one, zero, zero, words], axis=1) for one in errors]

    dev: Counts = {"base": runs(0.0), "alike": runs(0.0), "fragile": runs(-0.1)}
    for run in dev["fragile"][:2]:
        run[:, 0] = 9
    table = ErrorRuns(dev, margin=2.0).table(role=MAIN, baseline="base", title="Arms")
    return result([table], {MAIN: (dev, None)})


def printed(page: Page) -> str:
    """As `slr-tune ablate` prints it, wide."""
    console = Console(file=io.StringIO(), width=250)
    for block in render_terminal(page):
        console.print(block if isinstance(block, str) else rich_table(block))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_arm_without_a_verdict_is_no_largest_difference() -> None:
    """Two of its three runs collapsed: the difference of all runs was shown as the largest."""
    rng = np.random.default_rng(2)
    words = np.full(100, 9)

    def runs(shares: tuple[float, ...]) -> list[np.ndarray]:
        zero = np.zeros(100, dtype=np.int64)
        return [np.stack([rng.binomial(9, s, 100), zero, zero, words], axis=1) for s in shares]

    dev = {"base": runs((0.3, 0.3, 0.3)), "near": runs((0.3, 0.32, 0.29))}
    dev["gone"] = runs((0.3, 0.97, 0.98))
    table = ErrorRuns(dev).table(role=MAIN, baseline="base", title="Arms")
    assert [row.name for row in table.rows if row.too_few_trained] == ["gone"]
    made = result([table], {MAIN: (dev, None)})
    assert "near against base" in answers(made)[0].text
    assert "leaves out, unless fewer than two seeds would remain" in sentences.caption(table)


def test_the_outcomes(made: AblationResult) -> None:
    """What the formats below have to tell."""
    alike, fragile = made.main.row("alike"), made.main.row("fragile")
    assert alike.outcome == Outcome.SAME and fragile.outcome == Outcome.BETTER_WHERE_IT_TRAINS
    assert fragile.collapsed == (0, 1) and len(fragile.all_runs) == 3
    assert made.main.shares and sum(made.main.shares.values()) == pytest.approx(1.0)
    assert "The same as base within 2 points: alike." in made.main.verdict


def test_every_format_shows_them(made: AblationResult) -> None:
    """The margin with its number, the collapsed runs marked, counted, and not hidden."""
    page = ablation_page(made)
    texts = {
        "html": render_html(page),
        "markdown": render_markdown(page),
        "latex": render_latex(page, label="tab:x"),
        "terminal": printed(page),
    }
    for name, text in texts.items():
        assert "the same within 2 points" in text.lower(), name
        assert "collapses more often" in text, name
        assert sentences.COLLAPSED in text or "dagger" in text, name
    for name in ("html", "markdown", "terminal"):
        assert "2 of 5 runs collapsed" in texts[name], name
        assert "Variance of a difference" in texts[name], name


def test_the_banner_is_marked_by_what_was_shown(made: AblationResult) -> None:
    """Shown in either direction, equivalent, undecided: a colour and a sign for each."""
    for outcomes, expected in (
        ((Outcome.WORSE, Outcome.NOT_SHOWN), "shown"),
        ((Outcome.BETTER, Outcome.SAME), "shown"),
        ((Outcome.SAME, Outcome.IDENTICAL), "equivalent"),
        ((Outcome.SAME, Outcome.INCONCLUSIVE), "inconclusive"),
        ((Outcome.ONE_SEED, Outcome.NOT_SHOWN), "inconclusive"),
    ):
        base, *arms = made.main.rows
        rows = [replace(arm, outcome=one) for arm, one in zip(arms, outcomes, strict=False)]
        table = replace(made.main, rows=(base, *rows))
        page = ablation_page(replace(made, tables=(table,)))
        assert page.tone == expected and expected in TONES
        assert f'<p class="verdict {expected}">' in render_html(page)


def test_the_figure_has_their_colours_and_the_margin(made: AblationResult) -> None:
    """A reader of the figure alone sees the margin and which arm lies within it."""
    figure = difference_figure(made.main)
    drawn = str(figure)
    assert GROUPS[sentences.WITHIN][0] in drawn and "square" in drawn
    assert len({colour for colour, _ in GROUPS.values()}) >= 5
