"""The page, tables and figures that all reports share."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser

from slr_tune.report.page import Block, Bullets, Code, Figure, Page, Part, Table, TableColumn
from slr_tune.report.page.html import block_html, render_html
from slr_tune.report.page.markdown import render_markdown

NASTY = '<b>"&</script><script>throw Error("let in")</script>'
TABLE = Table(
    (TableColumn("a|b"), TableColumn("n", True, secondary=True)), [("x_1|", "-2")], "C < 3."
)


def page(*parts: Part) -> str:
    return render_html(Page("T", "S", "V", parts))


def test_no_text_of_a_user_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    """A study may be called anything; no name may break the page or run in it."""
    blocks: list[Block] = [
        NASTY,
        Bullets([NASTY, (NASTY, NASTY)]),
        Code(NASTY),
        Figure([{"type": "scatter", "x": [1], "y": [1], "name": NASTY}], NASTY),
        Table([TableColumn(NASTY)], [(NASTY,)], NASTY),
        Part(NASTY, [NASTY]),
    ]
    file = tmp_path / "page.html"
    parts = [Part(NASTY, blocks), Part(NASTY, [NASTY], folded=True)]
    html = render_html(Page(NASTY, NASTY, NASTY, parts))
    file.write_text(html)
    opened = browser.open(file)
    assert opened.errors == []
    assert opened.evaluate("return document.querySelectorAll('b').length") == 0
    assert opened.evaluate("return document.title") == NASTY


def test_plotly_is_inside_once_and_only_where_needed() -> None:
    """Four megabytes twice, or for a page of text, would be a waste; a link would need a server."""
    figure = Figure([], "nothing")
    with_two = page(Part("", [figure]), Part("", [figure]))
    assert with_two.count("plotly.js v") == 1
    assert 4e6 < len(with_two) < 7e6
    assert len(page(Part("", ["words"]))) < 20_000


def test_figures_follow_the_scheme_and_hidden_ones_are_drawn_when_opened(
    browser: Browser, tmp_path: Path
) -> None:
    """Black text on black paper; or an empty space where a folded figure should be."""
    figure = Figure(
        [{"type": "scatter", "x": [1, 2], "y": [1, float("nan")], "line": {"color": "var(--ink)"}}],
        "a line",
        {"xaxis": {"title": {"text": "epoch"}}},
    )
    file = tmp_path / "page.html"
    file.write_text(page(Part("", [figure]), Part("F", [figure], True)))
    read = (
        "return [...document.querySelectorAll('.plot')].map("
        "p => [p._fullLayout.font.color, p._fullData[0].line.color, p._fullLayout.width])"
    )
    for dark, ink in ((False, "#1b1f24"), (True, "#e6e9ed")):
        opened = browser.open(file, dark=dark)
        assert opened.evaluate(read)[0][:2] == [ink, ink]
        opened.evaluate("document.querySelector('details').open = true")
        assert opened.evaluate(
            "return new Promise(done => setTimeout(() => done(Math.abs("
            "document.querySelectorAll('.plot')[1]._fullLayout.width - "
            "document.querySelectorAll('.plot')[1].clientWidth)), 100))"
        ) == pytest.approx(0, abs=2)
        assert opened.errors == []


def test_a_phone_leaves_out_secondary_columns_and_never_scrolls_sideways(
    browser: Browser, tmp_path: Path
) -> None:
    """A wide table scrolls by itself; the page stays where it is."""
    wide = Table([TableColumn(f"column {n}") for n in range(30)], [["cell"] * 30], "words " * 60)
    file = tmp_path / "page.html"
    file.write_text(page(Part("", [TABLE, wide])))
    shown = "return getComputedStyle(document.querySelector('td.secondary')).display"
    phone = browser.open(file, width=390, height=844)
    assert phone.evaluate(shown) == "none"
    assert phone.sideways == 0
    assert phone.evaluate(
        "return [...document.querySelectorAll('caption span')].every("
        "s => s.getBoundingClientRect().right <= 390)"
    )
    assert browser.open(file).evaluate(shown) == "table-cell"


def test_typography_of_the_page_is_not_that_of_a_script() -> None:
    """An arrow is one sign in a sentence, and stays as typed in a command or a configuration."""
    assert "4 \u2192 3, 95\u00a0%" in block_html("4 -> 3, 95 %")
    assert "a -&gt; b" in block_html(Code("a -> b"))


def test_markdown_table_escapes_what_would_end_a_cell() -> None:
    """A bar in a name must not make a column."""
    assert (
        render_markdown(Page("", "", "", [Part("", [TABLE])]), head=())
        == "| a\\|b | n |\n| --- | ---: |\n| x\\_1\\| | -2 |\n\nC < 3.\n"
    )


def test_rows_of_another_length_are_refused() -> None:
    """A missing cell would shift the others below the wrong heading."""
    with pytest.raises(ValueError, match="row 0 has 1 cells, the table 2 columns"):
        Table((TableColumn("a"), TableColumn("b")), [("x",)])


def test_a_section_can_be_found() -> None:
    """By a link, or a script that compares two reports but for one part."""
    html = page(Part("T", ["x"], anchor="cost"), Part("T", ["x"], True))
    assert '<section id="cost">' in html
    assert '<details id="part-1"><summary>' in html


def test_no_label_of_a_figure_ends_its_script_or_opens_a_comment(
    browser: Browser, tmp_path: Path
) -> None:
    """And the page's own policy refuses what it did not bring, so nothing else would run either."""
    bad = "<!--<script></script><img src=x onerror=\"document.title='taken'\">"
    trace = {"type": "scatter", "x": [1, 2], "y": [1, 2], "name": bad}
    figure = Figure((trace,), bad, {"title": {"text": bad}})
    text = render_html(Page("title", "", "", (Part("plot", (figure,)),)))
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    page = browser.open(path)
    assert page.evaluate("return document.title") == "title" and page.errors == []
    assert page.evaluate("return document.querySelectorAll('.js-plotly-plot').length") > 0
    run = "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
    page.evaluate(f"{run} document.body.append(s)")
    assert page.evaluate("return window.ran") is None
    page.driver.get_log("browser")  # what the policy refused stands there
