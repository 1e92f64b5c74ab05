"""Files of a report."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from slr_tune.report.page import Page
from slr_tune.report.page.html import render_html
from slr_tune.report.page.latex import render_latex
from slr_tune.report.page.markdown import HEAD, render_markdown
from trainables.files.atomic import replace_file


def write_page(
    page: Page, folder: Path, name: str, *, head: Collection[str] = HEAD, label: str = ""
) -> list[Path]:
    """Writes a page as `name.html` and `name.md`; who reads one meanwhile does not meet half of it.

    Args:
        page: The page.
        folder: Is made where it does not exist.
        name: Of the files, without their ending.
        head: As `render_markdown` takes it.
        label: As `render_latex` takes it, which then writes `name.tex`; empty for none.

    Returns:
        The files, in order.
    """
    texts = {"html": render_html(page), "md": render_markdown(page, head=head)}
    if label:
        texts["tex"] = render_latex(page, label=label)
    for ending, text in texts.items():
        replace_file(folder / f"{name}.{ending}", text.encode("utf-8", "backslashreplace"))
    return [folder / f"{name}.{ending}" for ending in texts]
