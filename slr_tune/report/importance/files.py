"""Writes what `slr-tune importance` leaves in the study's folder."""

from __future__ import annotations

from pathlib import Path

from slr_tune.importance import StudyImportance
from slr_tune.report.importance.page import importance_markdown, importance_page
from slr_tune.report.importance.printed import print_bars, print_marginals


def write_importance(found: StudyImportance, folder: Path) -> list[Path]:
    """Writes the page, its text, and the figures where there are enough trials for one.

    Returns:
        The files, the page first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page, words = folder / "importance.html", folder / "importance.md"
    page.write_text(importance_page(found), encoding="utf-8")
    words.write_text(importance_markdown(found), encoding="utf-8")
    paths = [page, words]
    if found.main.units:
        paths += print_bars(found, folder) + print_marginals(found, folder)
    return paths
