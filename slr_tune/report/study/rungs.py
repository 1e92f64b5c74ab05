"""What ASHA did: who came to each rung, who continued, and what the order there predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slr_tune.importance.fidelity import fidelity_rungs, fidelity_text
from slr_tune.importance.matched_epoch import EndCorrelation, end_correlation, rank_correlation
from slr_tune.report.page import WRITTEN, Figure, Panels, Part, Table, numbers
from slr_tune.report.page.figures import PALETTE, Trace, axis, scatter
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.report.style import BASELINE, LEGEND, plotted
from slr_tune.text import metric_title

WEAK_RANK = 0.3
"""An order that is surely correlated less with the last one is a poor reason to stop trials."""
FEW = 5
"""With fewer trials a rank correlation shows nothing."""


@dataclass(frozen=True)
class RungSummary:
    """One rung.

    Attributes:
        epoch: Where it is.
        entered: Trials that arrived.
        stopped: Of them, ended by ASHA here, at once or for lack of a promotion.
        waiting: Of them, paused here and not ended.
        spared: Of them, let run on by the pruning audit.
        best: Best value here.
        next_rank: Rank correlation with the next rung's value, among the trials that have both;
            None with too few.
        next_count: How many those are.
        end_rank: The same with the last value, of trials that ended by themselves.
        end_count: How many those are.
        end_correlation: What `end_rank` would be over all trials; None with too few.
    """

    epoch: int
    entered: int
    stopped: int
    waiting: int
    spared: int
    best: float | None
    next_rank: float | None
    next_count: int
    end_rank: float | None
    end_count: int
    end_correlation: EndCorrelation | None

    @property
    def went_on(self) -> int:
        """Trials that ASHA let through, the baseline among them."""
        return self.entered - self.stopped - self.waiting - self.spared


def rung_summaries(study: StudyData) -> list[RungSummary]:
    """Every rung of the study, ascending."""
    found = []
    ends = {t.number: t.value for t in study.trials if t.complete and t.value is not None}
    columns = [_values_at(study, epoch) for epoch in study.rungs]
    reached = pairwise([*columns, {}])
    for place, (epoch, (values, later)) in enumerate(zip(study.rungs, reached, strict=True)):
        there = [(t, e) for t in study.trials for e in t.record.rungs if e.epoch == epoch]
        entries, lacking = [e for _, e in there], [t.reason for t, e in there if e.waits]
        found.append(
            RungSummary(
                epoch,
                len(entries),
                sum(entry.stopped for entry in entries) + lacking.count("asha"),
                len(lacking) - lacking.count("asha"),
                sum(entry.spared for entry in entries),
                min(
                    (e.value for e in entries if e.value is not None),
                    key=lambda v: study.sign * v,
                    default=None,
                ),
                *_rank(values, later),
                *_rank(values, ends),
                _end_correlation([*columns[place:], ends]),
            )
        )
    return found


def rungs_part(study: StudyData) -> Part | None:
    """None where the study has no rung that a trial came to."""
    rows = [row for row in rung_summaries(study) if row.entered]
    if not rows:
        return None
    waiting = any(row.waiting for row in rows)
    heads = numbers("rung, epoch", "entered", "stopped", *(["waiting"] if waiting else []))
    heads += numbers("spared", "continued", "best there")
    table = Table(
        heads + numbers("rank corr., next rung", "rank corr., end"),
        [
            (
                *map(str, (row.epoch, row.entered, row.stopped)),
                *([str(row.waiting)] if waiting else []),
                *map(str, (row.spared, row.went_on)),
                study.value_text(row.best),
                _said(row.next_rank, row.next_count),
                _said(row.end_rank, row.end_count),
            )
            for row in rows
        ],
        "Rank correlations are Spearman's, in brackets the trials behind them: those that reached "
        "both places. ASHA lets only good ones get there, so a low value proves nothing; the text "
        "above takes that into account. "
        "The baseline cannot be stopped; the pruning audit spares trials.",
    )
    panels = Panels([panel for row in rows if (panel := _panel(study, row))])
    message = _rungs_text(rows[0])
    fidelity = fidelity_text(fidelity_rungs(study.view.spec, study.view.run_here))
    texts = [message, fidelity] if fidelity else [message]
    return Part("What ASHA did", [*texts, panels, table], formats=WRITTEN)


def _values_at(study: StudyData, epoch: int) -> dict[int, float]:
    return {
        trial.number: value
        for trial in study.trials
        if (value := trial.best_so_far.get(epoch)) is not None and math.isfinite(value)
    }


def _rank(one: dict[int, float], other: dict[int, float]) -> tuple[float | None, int]:
    both = sorted(set(one) & set(other))
    if len(both) < FEW:
        return None, len(both)
    first, second = (np.array([values[n] for n in both]) for values in (one, other))
    return rank_correlation(first, second), len(both)


def _end_correlation(columns: Sequence[dict[int, float]]) -> EndCorrelation | None:
    """Of the values at a rung, at each later one and at the end."""
    rows = [[column.get(number, math.nan) for column in columns] for number in columns[0]]
    return end_correlation(np.array(rows)) if rows else None


def _said(rank: float | None, count: int) -> str:
    return f"{rank:.2f} ({count})" if rank is not None else f"- ({count})" if count else "-"


def _rungs_text(first: RungSummary) -> str:
    text = (
        f"{first.entered} trials reached the first rung, at epoch {first.epoch}; "
        f"{first.stopped} ended there."
    )
    found = first.end_correlation
    if found is None:
        return (
            f"{text} Too few trials continued to know whether epoch {first.epoch} predicts the end."
        )
    return (
        f"{text} {_prediction_text(found)}: of all trials the rank correlation is about "
        f"{found.correlation:.2f} [{found.low:.2f}, {found.high:.2f}], estimated from the "
        f"{first.end_count} that ran to their end, corrected for every rung that they passed. A "
        "random order would have 0."
    )


def _prediction_text(found: EndCorrelation) -> str:
    """In words, where the interval allows them."""
    if found.high < WEAK_RANK:
        return "The order there says little about the last one"
    if found.low > WEAK_RANK:
        return "The order there predicts the last one"
    return "It is not clear whether the order there predicts the last one"


def _panel(study: StudyData, row: RungSummary) -> Figure | None:
    """Value at a rung against the last one, of trials that ended by themselves."""
    able = [t for t in study.trials if t.complete and row.epoch in t.best_so_far]
    if len(able) < FEW:
        return None
    traces = []
    groups = (
        ("ASHA let it through", PALETTE[0], "circle", False),
        ("spared by the audit", PALETTE[1], "square", True),
    )
    baseline = study.baseline
    others = [trial for trial in able if trial is not baseline]
    for name, colour, symbol, spared in groups:
        members = [t for t in others if (t.record.spared_at is not None) == spared][:1500]
        if members:
            traces.append(_dots(name, members, row.epoch, colour, symbol))
    if baseline is not None and baseline in able:
        traces.append(_dots("baseline", [baseline], row.epoch, BASELINE, "diamond"))
    unit = metric_title(study.metric)
    layout = {
        "xaxis": axis(f"{unit}, best until epoch {row.epoch}"),
        "yaxis": axis(f"{unit}, at the end"),
        "legend": LEGEND,
    }
    message = f"Points: value at epoch {row.epoch} against the last, {len(able)} trials."
    return Figure(traces, message, layout, height=330)


def _dots(name: str, members: Sequence[TrialData], epoch: int, colour: str, symbol: str) -> Trace:
    return scatter(
        name,
        [plotted(trial.best_so_far[epoch]) for trial in members],
        [plotted(trial.value or 0.0) for trial in members],
        "markers",
        hover="trial %{customdata}: %{x:.4~g}, then %{y:.4~g}",
        customdata=[trial.number for trial in members],
        marker={"color": colour, "symbol": symbol, "size": 8 if len(members) < 200 else 5},
    )
