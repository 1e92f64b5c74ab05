"""The report put together: parts in the order in which a reader asks, as HTML and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from slr_tune.report.importance.page import importance_sections
from slr_tune.report.importance.text import share_table
from slr_tune.report.importance.text import verdict as importance_verdict
from slr_tune.report.page import Section, render_page
from slr_tune.report.page.part import Part
from slr_tune.report.study.audit import audit_part
from slr_tune.report.study.cost import cost_part
from slr_tune.report.study.facts import StudyFacts
from slr_tune.report.study.history import curves_part, history_part
from slr_tune.report.study.next_steps import Step, next_steps
from slr_tune.report.study.overview import overview_parts, subtitle, trials_part, verdict
from slr_tune.report.study.parameters import parallel_part, slices_part
from slr_tune.report.study.patience import patience_part
from slr_tune.report.study.rungs import rungs_part
from slr_tune.report.study.simplex import simplex_parts
from slr_tune.report.study.temperature import temperature_part
from slr_tune.report.study.troubles import failures_part, flags_part


@dataclass(frozen=True)
class StudyReport:
    """A report before it is written.

    Attributes:
        facts: What it says.
        steps: What to do next.
        before: Parts above the importance.
        after: Parts below it.
    """

    facts: StudyFacts
    steps: tuple[Step, ...]
    before: tuple[Part, ...]
    after: tuple[Part, ...]


def build_report(facts: StudyFacts) -> StudyReport:
    """Every part that the study has something for."""
    steps = next_steps(facts)
    before = [
        *overview_parts(facts, steps),
        history_part(facts),
        curves_part(facts),
        parallel_part(facts),
    ]
    after = [
        slices_part(facts),
        *simplex_parts(facts),
        temperature_part(facts),
        rungs_part(facts),
        audit_part(facts),
        patience_part(facts),
        cost_part(facts),
        failures_part(facts),
        flags_part(facts),
        trials_part(facts),
    ]
    return StudyReport(
        facts,
        tuple(steps),
        tuple(part for part in before if part),
        tuple(part for part in after if part),
    )


def report_page(report: StudyReport) -> str:
    """The whole HTML file."""
    facts = report.facts
    sections = [part.section() for part in report.before]
    sections += _importance(facts)
    sections += [part.section() for part in report.after]
    return render_page(
        title=f"{facts.view.spec.study}: report of the search",
        subtitle=subtitle(facts),
        verdict=verdict(facts),
        sections=sections,
    )


def report_markdown(report: StudyReport) -> str:
    """The same in Markdown, without figures."""
    facts = report.facts
    parts = [part.markdown() for part in report.before]
    parts += [_importance_markdown(facts), *(part.markdown() for part in report.after)]
    lines = [
        f"# {facts.view.spec.study}: report of the search",
        "",
        subtitle(facts),
        "",
        f"**{verdict(facts)}**",
        "",
        *(text for text in parts if text),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _importance(facts: StudyFacts) -> list[Section]:
    """The importance command's own sections; its tables and marginals only on a click."""
    if facts.importance is None:
        return []
    sections = importance_sections(facts.importance)
    opened = {"Which parameters matter", "Importance over the rungs"}
    return [replace(s, folded=s.folded or s.title not in opened) for s in sections]


def _importance_markdown(facts: StudyFacts) -> str:
    found = facts.importance
    if found is None:
        return ""
    tables = [share_table(found)] if found.main.units else []
    text = [importance_verdict(found), *found.main.warnings]
    part = Part(
        "Which parameters matter", items=[(line, "") for line in dict.fromkeys(text)], tables=tables
    )
    return part.markdown()
