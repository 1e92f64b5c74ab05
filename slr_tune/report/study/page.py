"""What the report of a study has to say, in the order in which a reader asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slr_tune.report.importance import sentences
from slr_tune.report.importance.page import illustrated_parts
from slr_tune.report.page import HTML, MARKDOWN, Block, Bullets, Page, Part
from slr_tune.report.page.files import write_page
from slr_tune.report.study.audit import audit_part
from slr_tune.report.study.budget import budget_part
from slr_tune.report.study.cost import cost_part
from slr_tune.report.study.first_screen import answers, headline, tone
from slr_tune.report.study.history import best_curve_figure, curves_part, history_part
from slr_tune.report.study.overview import overview_parts, subtitle, trials_part, verdict
from slr_tune.report.study.parameters import parallel_part, slices_part
from slr_tune.report.study.patience import patience_part
from slr_tune.report.study.print_figures import print_figures
from slr_tune.report.study.rungs import rungs_part
from slr_tune.report.study.simplex import simplex_parts
from slr_tune.report.study.sources import sources_part
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.study.temperature import temperature_part
from slr_tune.report.study.troubles import failures_part, flags_part

_OPEN = {
    "On new seeds", "The best configuration", "Notes", "What to do next", "What else to do",
    "Learning curves", "Which parameters matter", "Failures",
}  # fmt: skip
"""Parts of the page that need no click."""
_OPENED = {"Which parameters matter", "Importance over the rungs"}


def write_report(study: StudyData, page: Page) -> list[Path]:
    """Writes `report.html` and `report.md`, and the figures for print below `report/`.

    Returns:
        The files, the page first.
    """
    folder = study.view.folder
    return [*write_page(page, folder, "report"), *print_figures(study, folder / "report")]


def study_page(study: StudyData) -> Page:
    """Every part that the study has something for."""
    history = history_part(study)
    parts = [
        *overview_parts(study),
        None if history is None else history_notes(history),
        None if history is None else replace(history, formats=MARKDOWN),
        budget_part(study),
        curves_part(study),
        parallel_part(study),
        *importance_parts(study),
        slices_part(study),
        *simplex_parts(study),
        temperature_part(study),
        sources_part(study),
        rungs_part(study),
        audit_part(study),
        patience_part(study),
        cost_part(study),
        failures_part(study),
        flags_part(study),
        trials_part(study),
    ]
    return Page(
        title=f"{study.view.spec.study}: report of the search",
        subtitle=subtitle(study),
        verdict=verdict(study),
        parts=[_folded(part) for part in parts if part],
        answers=answers(study),
        lead=headline(study),
        tone=tone(study),
        chart=None if history is None else history.figures[0],
        beside=best_curve_figure(study),
    )


def history_notes(history: Part) -> Part:
    """Text next to the figure of the first screen."""
    return replace(history, blocks=history.text, folded=True, formats=HTML)


def _folded(part: Part) -> Part:
    """The long parts open on a click; what a reader looks for first does not."""
    return part if part.title in _OPEN else replace(part, folded=True)


def importance_parts(study: StudyData) -> list[Part]:
    """The importance command's own parts, its tables and marginals only on a click."""
    found = study.importance
    if found is None:
        return []
    parts = [
        replace(part, folded=part.folded or part.title not in _OPENED)
        for part in illustrated_parts(found)
    ]
    bullets = dict.fromkeys([sentences.verdict(found), *sentences.notes(found)])
    summary: list[Block] = [Bullets(list(bullets))]
    summary += [sentences.share_table(found)] if found.main.units else []
    return [*parts, Part("Which parameters matter", summary, formats=MARKDOWN)]
