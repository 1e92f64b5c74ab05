"""What `slr-tune importance` has to say, in order, for every format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import DEFAULT
from slr_tune.report.importance import figures, sentences
from slr_tune.report.importance.first_screen import answers, headline
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
        paths += print_bars(found, folder)
    if found.marginals:
        paths += print_marginals(found, folder)
    return paths


def importance_page(found: StudyImportance) -> Page:
    """All that the command says."""
    state = "; the study is running, this is its state so far" if found.running else ""
    elsewhere = f"; {found.imported} of the study's trials were imported" * bool(found.imported)
    verdict = sentences.verdict(found)
    first, *others = illustrated_parts(found, bars=False)
    illustrated = [first, *(replace(part, folded=True) for part in others)]
    parts = [*illustrated, _summary(found)]
    parts.append(Part("", [n for n in sentences.notes(found) if n != verdict], formats=TERMINAL))
    if found.main.units:
        lines: list[Block] = [block for table in _tables(found) for block in ("", table)]
        lines += ["", sentences.interaction_text(found), *sentences.method(found)]
        parts.append(Part("", lines, formats=TERMINAL))
    return Page(
        title=f"{found.study}: which parameters matter",
        subtitle=f"{found.evaluator} of {found.metric} at epoch {found.main.epoch}, "
        f"{found.main.trials} trials{elsewhere}{state}",
        verdict=verdict,
        parts=parts,
        answers=answers(found),
        lead=headline(found),
        chart=figures.bars_figure(found) if found.main.units else None,
    )


def illustrated_parts(found: StudyImportance, *, bars: bool = True) -> list[Part]:
    """The parts with figures, which a report takes in as well; with `bars` where it has none."""
    title, notes = "Which parameters matter", Bullets(sentences.notes(found))
    if not found.main.units:
        return [Part(title, [notes], formats=HTML)]
    drawn = [figures.bars_figure(found)] if bars else []
    first: list[Block] = [notes, *drawn, *sentences.method(found)]
    parts = [Part(title, first, formats=HTML)]
    if len(found.over_rungs) > 1:
        lead = "Early epochs show what makes a run start well, late ones what makes it end well."
        over = figures.rungs_figure(found)
        parts.append(Part("Importance over the rungs", [lead, over], formats=HTML))
    parts += [part for part in (_marginals(found), _pairs(found), _local(found)) if part]
    region = [sentences.region_table(found)]
    parts.append(Part("Where the best trials are", region, formats=HTML))
    tables = [sentences.share_table(found)]
    tables += [sentences.effect_table(found)] if found.marginals else []
    parts.append(Part("The figures as tables", tables, folded=True, formats=HTML))
    return parts


def _marginals(found: StudyImportance) -> Part | None:
    if not found.marginals:
        return None
    limits = figures.marginal_limits(found)
    panels = [figures.marginal_figure(one, found.metric, limits) for one in found.marginals]
    lead = (
        "Expected value for each parameter, averaged over all others; the band covers 90 %. All "
        "figures share one vertical scale, so a flat line is a parameter without an effect of "
        "its own."
    )
    return Part("Marginal effects", [lead, Panels(panels)], formats=HTML)


def _pairs(found: StudyImportance) -> Part | None:
    if not found.pairs:
        return None
    maps = [figures.pair_figure(p, found.metric) for p in sentences.shown_pairs(found)]
    text = sentences.interaction_text(found)
    table = sentences.pair_table(found)
    return Part("What acts together", [text, Panels(maps), table], formats=HTML)


def _local(found: StudyImportance) -> Part | None:
    if not found.local:
        return None
    lead = (
        "One parameter changes, all others stay as in the trial. Left: what the best place of "
        "its range would gain; right: what the worst would lose."
    )
    drawn: Block = "No effect is clear yet, so it is not drawn: each band holds nothing at all."
    if any(map(figures.is_seen, found.main.units)):
        drawn = figures.local_figure(found)
    return Part(
        "Around the best trial and the baseline",
        [lead, drawn, sentences.local_table(found)],
        formats=HTML,
    )


def _tables(found: StudyImportance) -> list[Block]:
    tables: list[Block] = [sentences.share_table(found)]
    if found.marginals:
        tables.append(sentences.effect_table(found))
    if found.local:
        tables.append(sentences.local_table(found))
    if found.pairs and found.main.evaluator == DEFAULT:
        tables.append(sentences.pair_table(found))
    return [*tables, sentences.region_table(found)]


def _summary(found: StudyImportance) -> Part:
    """The same in Markdown: sentences and tables without headings."""
    blocks: list[Block] = [Bullets(sentences.notes(found))]
    if found.main.units:
        shares, *others = _tables(found)
        method = "\n".join(sentences.method(found))
        blocks += [shares, method, sentences.interaction_text(found), *others]
    return Part("", blocks, formats=MARKDOWN)
