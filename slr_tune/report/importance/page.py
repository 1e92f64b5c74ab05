"""The files of `slr-tune importance`."""

from __future__ import annotations

from markupsafe import Markup

from slr_tune.importance import StudyImportance
from slr_tune.report.importance import figures, text
from slr_tune.report.page import (
    Section,
    figure_html,
    list_html,
    markdown_table,
    render_page,
    table_html,
    text_html,
)
from slr_tune.report.style import grid_html


def importance_sections(found: StudyImportance, *, folded_tables: bool = True) -> list[Section]:
    """The parts of a page that a report may take in as well."""
    notes = list_html(found.main.warnings) if found.main.warnings else Markup("")
    if not found.main.units:
        return [Section("Which parameters matter", notes)]
    sections = [
        Section(
            "Which parameters matter",
            notes + figure_html(figures.bars_figure(found)) + text_html(*text.method(found)),
        )
    ]
    if len(found.over_rungs) > 1:
        lead = "Early epochs show what makes a run start well, late ones what makes it end well."
        body = text_html(lead) + figure_html(figures.rungs_figure(found))
        sections.append(Section("Importance over the rungs", body))
    limits = figures.marginal_limits(found)
    panels = [
        figure_html(figures.marginal_figure(marginal, found.metric, limits))
        for marginal in found.marginals
    ]
    lead = (
        f"Value expected at epoch {found.main.epoch} over each parameter, all else as in the "
        "trials (partial dependence of a random forest); the band holds 90 % of its resamples. "
        "One vertical scale, so that a flat line is a parameter without effect."
    )
    sections.append(Section("Marginal effects", text_html(lead) + grid_html(panels)))
    if found.interaction is not None:
        body = text_html(text.interaction_text(found))
        body += figure_html(figures.interaction_figure(found.interaction, found.metric))
        sections.append(Section("The strongest pair", body))
    sections.append(Section("Where the best tenth lies", table_html(text.region_table(found))))
    tables = table_html(text.share_table(found)) + table_html(text.effect_table(found))
    sections.append(Section("The figures as tables", tables, folded=folded_tables))
    return sections


def importance_page(found: StudyImportance) -> str:
    """The whole HTML file."""
    state = "; the study is running, this is its state so far" if found.running else ""
    return render_page(
        title=f"{found.study}: which parameters matter",
        subtitle=f"{found.evaluator} of {found.metric} at epoch {found.main.epoch}, "
        f"{found.main.trials} trials{state}",
        verdict=text.verdict(found),
        sections=importance_sections(found),
    )


def importance_markdown(found: StudyImportance) -> str:
    """The same in Markdown, without figures."""
    lines = [f"**{text.verdict(found)}**", ""]
    lines += [f"- {warning}" for warning in found.main.warnings]
    if not found.main.units:
        return "\n".join(lines) + "\n"
    lines += ["", markdown_table(text.share_table(found))]
    lines += [*text.method(found), "", text.interaction_text(found), ""]
    lines += [markdown_table(text.region_table(found)), markdown_table(text.effect_table(found))]
    return "\n".join(lines)
