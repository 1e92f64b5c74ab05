"""What `slr-tune importance` has to say, in order, for every format."""

from __future__ import annotations

from pathlib import Path

from slr_tune.importance import StudyImportance
from slr_tune.report.importance import figures, sentences
from slr_tune.report.importance.print_figures import print_bars, print_marginals
from slr_tune.report.page import HTML, MARKDOWN, TERMINAL, Block, Bullets, Page, Panels, Part
from slr_tune.report.page.files import write_page


def write_importance(found: StudyImportance, folder: Path) -> list[Path]:
    """Writes the page, its text, and the figures where there are enough trials for one.

    Returns:
        The files, the page first.
    """
    paths = write_page(importance_page(found), folder, "importance", head=())
    if found.main.units:
        paths += print_bars(found, folder) + print_marginals(found, folder)
    return paths


def importance_page(found: StudyImportance) -> Page:
    """All that the command says."""
    state = "; the study is running, this is its state so far" if found.running else ""
    elsewhere = f"; {found.imported} of the study's trials were imported" * bool(found.imported)
    verdict = sentences.verdict(found)
    parts = [*illustrated_parts(found), _summary(found)]
    warnings = [warning for warning in found.main.warnings if warning != verdict]
    parts.append(Part("", warnings, formats=TERMINAL))
    if found.main.units:
        tables = (
            sentences.share_table(found),
            sentences.effect_table(found),
            sentences.region_table(found),
        )
        lines: list[Block] = [block for table in tables for block in ("", table)]
        lines += ["", sentences.interaction_text(found), *sentences.method(found)]
        parts.append(Part("", lines, formats=TERMINAL))
    return Page(
        title=f"{found.study}: which parameters matter",
        subtitle=f"{found.evaluator} of {found.metric} at epoch {found.main.epoch}, "
        f"{found.main.trials} trials{elsewhere}{state}",
        verdict=verdict,
        parts=parts,
    )


def illustrated_parts(found: StudyImportance) -> list[Part]:
    """The parts with figures, which a report takes in as well."""
    title, notes = "Which parameters matter", Bullets(found.main.warnings)
    if not found.main.units:
        return [Part(title, [notes], formats=HTML)]
    first: list[Block] = [notes, figures.bars_figure(found), *sentences.method(found)]
    parts = [Part(title, first, formats=HTML)]
    if len(found.over_rungs) > 1:
        lead = "Early epochs show what makes a run start well, late ones what makes it end well."
        over = figures.rungs_figure(found)
        parts.append(Part("Importance over the rungs", [lead, over], formats=HTML))
    limits = figures.marginal_limits(found)
    panels = [figures.marginal_figure(one, found.metric, limits) for one in found.marginals]
    lead = (
        f"Value expected at epoch {found.main.epoch} over each parameter, all else as in the "
        "trials (partial dependence of a random forest); the band holds 90 % of its resamples. "
        "One vertical scale, so that a flat line is a parameter without effect."
    )
    parts.append(Part("Marginal effects", [lead, Panels(panels)], formats=HTML))
    if found.interaction is not None:
        map_of = figures.interaction_figure(found.interaction, found.metric)
        told = sentences.interaction_text(found)
        parts.append(Part("The strongest pair", [told, map_of], formats=HTML))
    region = [sentences.region_table(found)]
    parts.append(Part("Where the best tenth lies", region, formats=HTML))
    tables = [sentences.share_table(found), sentences.effect_table(found)]
    parts.append(Part("The figures as tables", tables, folded=True, formats=HTML))
    return parts


def _summary(found: StudyImportance) -> Part:
    """The same in Markdown: sentences and tables without headings."""
    blocks: list[Block] = [Bullets(found.main.warnings)]
    if found.main.units:
        blocks += [
            sentences.share_table(found),
            "\n".join(sentences.method(found)),
            sentences.interaction_text(found),
            sentences.region_table(found),
            sentences.effect_table(found),
        ]
    return Part("", blocks, formats=MARKDOWN)
