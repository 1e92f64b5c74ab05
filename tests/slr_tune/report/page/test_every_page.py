"""Every page as a reader meets it, on a desk and on a phone, in light and in dark."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from browser import Browser, Page
from page_gallery import SCREENS, write_pages

_CLIPPED = """
const bad = [], across = document.documentElement.clientWidth;
const kinds = "p, li, dd, dt, td, th, h1, h2, summary, code, button, caption";
for (const one of document.querySelectorAll(kinds)) {
  if (!one.offsetParent || one.closest(".table, pre")) continue;
  const box = one.getBoundingClientRect(), inline = getComputedStyle(one).display === "inline";
  const cut = !inline && one.scrollWidth > one.clientWidth + 1;
  if (cut || box.left < -1 || box.right > across + 1) bad.push(one.textContent.slice(0, 60));
}
for (const figure of document.querySelectorAll("figure")) {
  const box = figure.getBoundingClientRect();
  if (!box.width) continue;
  for (const text of figure.querySelectorAll("svg text")) {
    const at = text.getBoundingClientRect();
    const out = at.left < box.left - 1 || at.right > box.right + 1 ||
      at.top < box.top - 1 || at.bottom > box.bottom + 1;
    if (at.width && out) bad.push("in a figure: " + text.textContent);
  }
}
return bad;
"""
_BROKEN = """
return [...document.querySelectorAll(".whole")]
  .filter(one => one.offsetParent && one.getClientRects().length > 1).map(one => one.textContent);
"""
_MARK = """
const verdict = document.querySelector(".verdict"), mark = getComputedStyle(verdict, "::before");
return [mark.content.replaceAll('"', ""), mark.color === getComputedStyle(verdict).borderLeftColor];
"""
_FIGURES = """
const plots = [...document.querySelectorAll("figure .plot")].filter(one => one.offsetParent);
const odd = plots.filter(one => !one.querySelector(".main-svg")).map(() => "not drawn");
for (const plot of plots) {
  for (const [key, axis] of Object.entries(plot._fullLayout || {}))
    if (/^yaxis/.test(key) && axis.overlaying) odd.push("two y axes");
  for (const one of plot.querySelectorAll(".legendtext"))
    if (/^trace \\d|not shown/.test(one.textContent)) odd.push("legend: " + one.textContent);
}
return odd;
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> dict[str, Path]:
    """All of them, written once over a study of 24 trials."""
    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLR_TUNE_STUDIES", str(folder / "studies"))
        (folder / "studies").mkdir()
        (folder / "studies/slr-tune.db").write_bytes(empty_database.read_bytes())
        return write_pages(folder)


@pytest.mark.parametrize(
    "name", ["report", "ablation", "importance", "diagnosis", "comparison", "dashboard"]
)
def test_verdict_and_chart_are_seen_at_once_and_nothing_is_cut(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    """Who opens a page reads what came out without a touch, and finds nothing that is hidden."""
    for (width, height), dark in product(SCREENS, (False, True)):
        page = browser.open(pages[name], width=width, height=height, dark=dark)
        verdict, chart = page.box(".verdict"), page.box(".first figure")
        assert 0 < verdict.top and verdict.bottom < height / 3
        assert page.box(".first dl").bottom <= height
        if name == "ablation":
            assert page.evaluate(_MARK) == ["\u2713", True], (width, dark)
        assert chart.bottom <= height and chart.width > width / 4
        _sound(page)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.evaluate("return new Promise(done => setTimeout(done, 60))")  # the figures are drawn
        _sound(page)


def _sound(page: Page) -> None:
    assert page.errors == [] and page.outside_requests == []
    assert page.sideways == 0
    assert page.evaluate(_CLIPPED) == []
    assert page.evaluate(_BROKEN) == []
    assert page.evaluate(_FIGURES) == []
