"""Writes what `slr-tune report` leaves in the study's folder."""

from __future__ import annotations

from pathlib import Path

from slr_tune.report.study.page import StudyReport, report_markdown, report_page
from slr_tune.report.study.printed import print_figures
from trainables.files.atomic import replace_file


def write_report(report: StudyReport) -> list[Path]:
    """Writes `report.html` and `report.md`, and the figures for print below `report/`.

    Returns:
        The files, the page first.
    """
    folder = report.facts.view.folder
    page, words = folder / "report.html", folder / "report.md"
    # Whoever reloads the page of a running study must not meet half of it.
    replace_file(page, report_page(report).encode())
    replace_file(words, report_markdown(report).encode())
    return [page, words, *print_figures(report.facts, folder / "report")]
