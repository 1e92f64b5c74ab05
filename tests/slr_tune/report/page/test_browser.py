"""The browser that pages are tested in: it must notice what a page does wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Box, Browser


def write(folder: Path, body: str) -> Path:
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><meta name="viewport" content="width=device-width">'
        f"<style>body {{ margin: 0 }}</style>{body}"
    )
    return page


def test_a_good_page_has_nothing_to_report(browser: Browser, tmp_path: Path) -> None:
    """Or every page would fail."""
    page = browser.open(write(tmp_path, "<p>nothing here</p>"))
    assert page.errors == []
    assert page.outside_requests == []
    assert page.sideways == 0


def test_exceptions_and_outside_requests_are_seen(browser: Browser, tmp_path: Path) -> None:
    """A page that fails to draw, or calls home, must not pass; the next page starts clean."""
    bad = '<img src="https://example.org/x.png"><script>throw new Error("no figure")</script>'
    page = browser.open(write(tmp_path, bad))
    assert any("no figure" in error for error in page.errors)
    assert page.outside_requests == ["https://example.org/x.png"]
    assert browser.open(write(tmp_path, "<p>fine</p>")).errors == []


def test_the_screen_is_the_one_asked_for(browser: Browser, tmp_path: Path) -> None:
    """Size, scheme and places are those of the reader's screen."""
    body = '<div id="box" style="margin: 30px 0 0 20px; width: 500px; height: 40px"></div>'
    file = write(tmp_path, body)
    page = browser.open(file, width=390, height=844, dark=True)
    assert page.evaluate("return [screen.width, screen.height]") == [390, 844]
    assert page.evaluate("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.box("#box") == Box(20, 30, 500, 40)
    assert page.sideways == 130
    page = browser.open(file)
    assert page.evaluate("return [innerWidth, innerHeight]") == [1280, 800]
    assert not page.evaluate("return matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.sideways == 0
    with pytest.raises(LookupError, match="no element '#nowhere'"):
        page.box("#nowhere")


def test_screenshots_have_the_size_of_the_screen_or_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    """A cut screenshot would hide what is ugly."""
    page = browser.open(write(tmp_path, '<div style="height: 2000px">tall</div>'))
    for whole, height in ((False, 800), (True, 2000)):
        content = page.screenshot(tmp_path / "shot.png", whole=whole).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert [int.from_bytes(content[at : at + 4]) for at in (16, 20)] == [1280, height]
