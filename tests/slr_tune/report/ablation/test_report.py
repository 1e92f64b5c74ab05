"""The files of an ablation's report, opened as a reader opens them."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from ablation_results import (
    STEP,
    draw,
    example_result,
    factorial_result,
    path_result,
    result,
    retuned_result,
    table,
)
from browser import Browser
from latex import tables_of
from rich.console import Console

from slr_tune.ablation.plan_options import NOT_UNTIL_DECIDED
from slr_tune.ablation.result import MAIN, AblationResult
from slr_tune.ablation.result_files import read_result, write_result
from slr_tune.report.ablation import ablation_page, write_report
from slr_tune.report.ablation.first_screen import _with_more_seeds
from slr_tune.report.ablation.page import COST
from slr_tune.report.page import MARKDOWN, Block, Bullets, Code, Page, Part, Table, numbers, texts
from slr_tune.report.page.html import render_html
from slr_tune.report.page.markdown import render_markdown
from slr_tune.report.page.terminal import render_terminal, rich_table

SCREENS = [(1280, 800), (390, 844)]
MAKERS = [example_result, retuned_result, factorial_result, path_result]


def own_metric_result() -> AblationResult:
    """A user's own run: no utterances, no WER, higher is better."""
    made = example_result()
    strip = {"substitutions": None, "deletions": None, "insertions": None, "mapsswe_p": ()}
    rows = tuple(dataclasses.replace(row, **strip) for row in made.main.rows)
    main = dataclasses.replace(
        made.main,
        rows=rows,
        measure="val/accuracy",
        minimize=False,
        utterances=None,
        words=None,
        resamples=None,
    )
    runs = tuple(
        dataclasses.replace(run, errors={}, curve={"val/accuracy": (0.5, 0.7, None)})
        for run in made.runs
    )
    return dataclasses.replace(made, tables=(main,), runs=runs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's report, written once."""
    path = tmp_path_factory.mktemp("report")
    write_report(example_result(), path)
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_first_screen_has_the_verdict_the_answers_and_the_chart(
    browser: Browser, folder: Path, width: int, height: int, dark: bool
) -> None:
    """Who opens it from disk, on a desk or a phone, reads the answer without touching anything."""
    page = browser.open(folder / "report.html", width=width, height=height, dark=dark)
    assert page.errors == []
    assert page.outside_requests == []
    verdict = page.box(".verdict")
    assert verdict.top > 0
    assert verdict.bottom < height / 3
    assert verdict.right <= width
    assert page.box(".first dl").bottom < height
    assert page.box(".first figure").bottom < height
    assert page.sideways == 0
    assert page.evaluate("return document.querySelector('.verdict').innerText") == (
        example_result().verdict.replace("->", "\u2192")
    )


@pytest.mark.parametrize("make", [retuned_result, factorial_result, path_result, own_metric_result])
def test_every_kind_of_report_draws_all_its_figures(
    browser: Browser, tmp_path: Path, make: Callable[[], AblationResult]
) -> None:
    """A path, a factorial, retuned arms and a user's own metric each have parts of their own."""
    write_report(make(), tmp_path)
    page = browser.open(tmp_path / "report.html", width=390, height=844)
    assert page.errors == []
    assert page.outside_requests == []
    assert page.box(".verdict").bottom < 844
    assert page.sideways == 0
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    drawn = "return document.querySelectorAll('figure .main-svg').length > 0 && " \
            "[...document.querySelectorAll('figure')]" \
            ".every(f => f.querySelector('.main-svg'))"  # fmt: skip
    assert page.evaluate(drawn)


def test_text_is_readable_in_both_schemes(browser: Browser, folder: Path) -> None:
    """Contrast of 4.5 at least, the W3C's level AA, for text and for what the verdicts colour."""
    script = """
    const style = getComputedStyle(document.documentElement);
    return ['--paper', '--ink', '--soft', '--accent', '--better', '--worse'].map(
      name => style.getPropertyValue(name).trim());
    """
    for dark in (False, True):
        colours = browser.open(folder / "report.html", dark=dark).evaluate(script)
        paper, *others = (luminance(colour) for colour in colours)
        for other in others:
            light, darker = max(paper, other), min(paper, other)
            assert (light + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_verdicts_differ_without_colour(browser: Browser, folder: Path) -> None:
    """In print, and to one reader in twelve: signs in the table, shapes in the figure."""
    page = browser.open(folder / "report.html")
    cells = "return [...document.querySelectorAll('section:first-of-type tbody tr')].map("
    assert page.evaluate(cells + "r => r.lastElementChild.innerText[0])")[1:3] == [
        "\u25b2",
        "\u25cb",
    ]
    shapes = page.evaluate(
        "return document.querySelector('.plot')._fullData.map(t => t.marker.symbol)"
    )
    assert len(set(shapes)) == len(shapes) == 3


@pytest.mark.parametrize("make", [*MAKERS, own_metric_result])
def test_all_formats_say_the_same(tmp_path: Path, make: Callable[[], AblationResult]) -> None:
    """Each arm, its mean, difference, interval and verdict: from one table, into all of them."""
    found = make()
    paths = write_report(found, tmp_path)
    assert [path.name for path in paths] == [
        "report.html",
        "report.md",
        "report.tex",
        "differences.png",
        "differences.pdf",
    ]
    html, markdown, tex, png, pdf = (path.read_bytes() for path in paths)
    assert found.verdict in markdown.decode()
    assert png.startswith(b"\x89PNG") and pdf.startswith(b"%PDF")
    in_markdown = [
        [cell.strip(" *") for cell in line.strip("| ").split(" | ")]
        for line in markdown.decode().splitlines()
        if line.startswith("| ")
    ]
    (in_tex, *_) = tables_of(tex.decode())
    for place, row in enumerate(found.main.rows, start=1):
        cells = in_tex[place]
        assert cells[-1] == (row.outcome or "baseline")
        assert any(line[0].replace("\\", "") == row.name for line in in_markdown)
        if row.low is not None and row.high is not None:
            interval = cells[3].replace("$", "")
            assert interval in html.decode()
            assert interval in markdown.decode()
            ends = [float(end) for end in interval.strip("[]").split(",")]
            assert ends == pytest.approx([row.low, row.high], abs=0.051)


def test_same_result_same_bytes(tmp_path: Path) -> None:
    """A report that changes by itself cannot be kept in git, nor compared."""
    one = write_report(example_result(), tmp_path / "one")
    other = write_report(example_result(), tmp_path / "other")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_a_report_can_be_made_again_from_the_stored_result(folder: Path, tmp_path: Path) -> None:
    """Years later there is `result.json` and nothing else."""
    write_result(tmp_path, example_result())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_report(read_result(tmp_path), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == (folder / "report.html").read_bytes()
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_only_the_cost_depends_on_the_receipt(tmp_path: Path) -> None:
    """Shared and unshared runs must give one report: the receipt has its own section."""
    made = example_result()
    receipt = dataclasses.replace(made.receipt, epochs_run=7, seconds=1.0, reasons=(), stages=())
    pages = []
    for name, one in (("a", made), ("b", dataclasses.replace(made, receipt=receipt))):
        write_report(one, tmp_path / name)
        pages.append((tmp_path / name / "report.html").read_text())
    cut = [re.sub(rf'<details id="{COST}">.*?</main>', "", page, flags=re.S) for page in pages]
    assert pages[0] != pages[1]
    assert cut[0] == cut[1]
    assert len(cut[0]) < len(pages[0])


def test_receipt_and_setting_are_there(folder: Path) -> None:
    """What was shared, in which setting it holds, and the command that reproduces it."""
    html = (folder / "report.html").read_text()
    for text in (
        "epochs 1-9 are trained once for",
        "412 epochs were trained, 95\u00a0% of them",
        "trained for this study, 10.70\u00a0% on dev",
        "torch 2.13.0",
        "the best trial of the study, number 7",
        "slr-tune ablate --study libras-distill --factor temperature --seeds 3",
    ):
        assert text in html


def test_many_seeds_and_many_arms_still_fit(browser: Browser, tmp_path: Path) -> None:
    """Ten seeds become a range; fourteen arms with long names do not push the page sideways."""
    rates = {STEP: 0.11} | {f"weights 0.7 / 0.2 / 0.1, dropout 0.{n}": 0.11 for n in range(14)}
    counts = draw(rates, seeds=10)
    found = result([table(counts, MAIN, STEP)], {MAIN: (counts, None)}, epochs=6)
    write_report(found, tmp_path)
    page = browser.open(tmp_path / "report.html", width=390, height=844)
    assert page.errors == []
    assert page.sideways == 0
    heads = (
        "return [...document.querySelectorAll('section:first-of-type th')].map(h => h.innerText)"
    )
    assert browser.open(tmp_path / "report.html").evaluate(heads)[1] == "10 seeds"
    last = max(found.main.rows[0].per_seed)
    assert f"{last:.2f}" in (tmp_path / "report.tex").read_text()


def test_one_seed_and_a_baseline_alone_have_a_report(tmp_path: Path) -> None:
    """The first run of a long plan, and the quickest look, must not fail in the report."""
    counts = draw({STEP: 0.1, "constant 1": 0.2}, seeds=1)
    write_report(result([table(counts, MAIN, STEP)], {MAIN: (counts, None)}), tmp_path / "one")
    text = (tmp_path / "one" / "report.md").read_text()
    assert "one seed. With other utterances this run could give" in text
    assert "no clear difference, one seed" in text
    alone = draw({STEP: 0.1})
    paths = write_report(result([table(alone, MAIN, STEP)], {MAIN: (alone, None)}), tmp_path / "b")
    assert [path.name for path in paths] == ["report.html", "report.md", "report.tex"]
    assert "differences.png" not in paths[1].read_text()


def test_one_part_more_is_found_in_every_format() -> None:
    """A part is said once: no format has an order or a selection of its own to be kept up."""
    page, title = ablation_page(example_result()), "Told in passing"
    output = Table(texts("who") + numbers("times"), [("somebody told", "7")], "Who was told.")
    items = Bullets(["one line told"])
    blocks: list[Block] = ["A paragraph told.", items, Code("slr-tune told"), output]
    parts = [*page.parts[:3], Part(title, blocks), *page.parts[3:]]
    more = dataclasses.replace(page, parts=parts)
    html, markdown, terminal = render_html(more), render_markdown(more), on_terminal(more)
    message = (
        "A paragraph told.",
        "one line told",
        "slr-tune told",
        "somebody told",
        "Who was told.",
    )
    assert html.count(title) == 2  # the contents have it too
    assert markdown.count(title) == terminal.count(title) == 1
    for text in message:
        assert html.count(text) == markdown.count(text) == terminal.count(text) == 1, text
    assert f"<h2>{title}</h2>" in html and f"## {title}" in markdown and f"{title}:\n" in terminal
    assert title not in render_html(page) + render_markdown(page) + on_terminal(page)
    only = dataclasses.replace(page, parts=[Part(title, blocks, formats=MARKDOWN)])
    assert title in render_markdown(only)
    assert title not in render_html(only) + on_terminal(only)


def on_terminal(page: Page) -> str:
    console = Console(width=200, file=io.StringIO(), highlight=False)
    for item in render_terminal(page):
        console.print(item if isinstance(item, str) else rich_table(item))
    return cast(io.StringIO, console.file).getvalue()


@pytest.mark.parametrize("option", NOT_UNTIL_DECIDED)
def test_no_command_is_given_that_would_be_refused(option: str) -> None:
    """Seeds are added to single arms only, as many as the plan has: 40 runs of 14 arms are none."""
    command = "slr-tune ablate --from-study s --factor dropout --seeds 5"
    made = dataclasses.replace(example_result(), command=command)
    most = 12 * len(made.main.rows)
    assert _with_more_seeds(made).endswith(f"--factor dropout --until-decided --budget {most}runs")
    assert _with_more_seeds(dataclasses.replace(made, command=f"{command} {option} 3")) == ""
