"""What ASHA did: who came to each rung, who went on, and whether that was right."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slr_tune.importance.epochs import rank_correlation
from slr_tune.report.page import PALETTE, Column, Figure, Table
from slr_tune.report.study.facts import StudyFacts, TrialFacts
from slr_tune.report.study.part import Part
from slr_tune.report.style import BASELINE, LEGEND, metric_title, points

FEW = 5
"""Below so many trials a rank correlation says nothing."""


@dataclass(frozen=True)
class RungFacts:
    """One rung.

    Attributes:
        epoch: Where it is.
        entered: Trials that arrived.
        stopped: Of them, ended by ASHA here.
        spared: Of them, let run on by the pruning audit.
        best: Best value here.
        next_rank: Rank correlation with the next rung's value, among the trials that have both;
            None with too few.
        next_count: How many those are.
        end_rank: The same with the last value, of trials that ended by themselves.
        end_count: How many those are.
    """

    epoch: int
    entered: int
    stopped: int
    spared: int
    best: float | None
    next_rank: float | None
    next_count: int
    end_rank: float | None
    end_count: int

    @property
    def went_on(self) -> int:
        """Trials that ASHA let through, the baseline among them."""
        return self.entered - self.stopped - self.spared


@dataclass(frozen=True)
class Audit:
    """What became of the trials that ASHA would have stopped.

    Attributes:
        spared: Trials that the audit let run on, finished or not.
        finished: Those that ended by themselves.
        wrong: Of those, the ones that ended better than half of the trials that ASHA let through.
        winners: Of those, the ones that ended better than all of them.
        bar: The median last value of the trials that ASHA let through; None without any.
    """

    spared: tuple[TrialFacts, ...]
    finished: tuple[TrialFacts, ...]
    wrong: tuple[TrialFacts, ...]
    winners: tuple[TrialFacts, ...]
    bar: float | None

    @property
    def rate(self) -> float | None:
        """Share of wrong stops, 0..1; None where none was audited to its end."""
        return len(self.wrong) / len(self.finished) if self.finished and self.bar else None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate. Source: Wilson 1927, JASA 22, 209-212."""
        return wilson(len(self.wrong), len(self.finished))


def wilson(hits: int, count: int, *, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share; 0 to 1 without observations."""
    if count == 0:
        return 0.0, 1.0
    share = hits / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / scale
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    # At the ends the formula misses by a rounding error.
    return (0.0 if hits == 0 else low), (1.0 if hits == count else high)


def rung_facts(facts: StudyFacts) -> list[RungFacts]:
    """Every rung of the study, ascending."""
    found = []
    for place, epoch in enumerate(facts.rungs):
        entries = [entry for t in facts.trials for entry in t.rungs if entry.epoch == epoch]
        values = _values_at(facts, epoch)
        later = _values_at(facts, facts.rungs[place + 1]) if place + 1 < len(facts.rungs) else {}
        ends = {t.number: t.value for t in facts.trials if t.complete and t.value is not None}
        next_rank, next_count = _rank(values, later)
        end_rank, end_count = _rank(values, ends)
        found.append(
            RungFacts(
                epoch,
                len(entries),
                sum(entry.stopped for entry in entries),
                sum(entry.spared for entry in entries),
                min((e.value for e in entries), key=lambda v: facts.sign * v, default=None),
                next_rank,
                next_count,
                end_rank,
                end_count,
            )
        )
    return found


def audit(facts: StudyFacts) -> Audit:
    """Compares the last values of spared trials with those of trials that ASHA let through."""
    spared = tuple(trial for trial in facts.trials if trial.spared_at is not None)
    finished = tuple(trial for trial in spared if trial.complete)
    baseline = facts.baseline.number if facts.baseline is not None else None
    passed = [
        facts.sign * t.value
        for t in facts.trials
        if t.complete and t.value is not None and t.spared_at is None and t.number != baseline
    ]
    if not passed:
        return Audit(spared, finished, (), (), None)
    middle, best = statistics.median(passed), min(passed)
    ended = [(trial, facts.sign * (trial.value or 0.0)) for trial in finished]
    return Audit(
        spared,
        finished,
        tuple(trial for trial, value in ended if value < middle),
        tuple(trial for trial, value in ended if value < best),
        facts.sign * middle,
    )


def rungs_part(facts: StudyFacts) -> Part | None:
    """None where the study has no rung that a trial came to."""
    rows = [row for row in rung_facts(facts) if row.entered]
    if not rows:
        return None
    table = Table(
        (
            Column("rung, epoch", True),
            Column("entered", True),
            Column("stopped", True),
            Column("spared", True),
            Column("went on", True),
            Column("best there", True),
            Column("rank corr., next rung", True),
            Column("rank corr., end", True),
        ),
        [
            (
                str(row.epoch),
                str(row.entered),
                str(row.stopped),
                str(row.spared),
                str(row.went_on),
                points(row.best),
                _said(row.next_rank, row.next_count),
                _said(row.end_rank, row.end_count),
            )
            for row in rows
        ],
        "Rank correlations are Spearman's, in brackets the trials behind them: those that reached "
        "both places. ASHA let only good ones get there, so a low figure proves nothing. "
        "The baseline cannot be stopped; spared are the trials of the pruning audit.",
    )
    panels = [panel for row in rows if (panel := _panel(facts, row))]
    return Part("What ASHA did", [_rungs_text(facts, rows)], panels=panels, tables=[table])


def audit_part(facts: StudyFacts) -> Part | None:
    """None where nothing was stopped or spared."""
    found = audit(facts)
    stopped = sum(trial.reason == "asha" for trial in facts.trials)
    if not stopped and not found.spared:
        return None
    tables = []
    if found.spared:
        rows = [
            (
                str(trial.number),
                str(trial.spared_at),
                points(trial.best_so_far.get(trial.spared_at or 0)),
                points(trial.value) if trial.complete else f"({trial.reason})",
                _judged(found, trial),
            )
            for trial in found.spared[:50]
        ]
        columns = (
            Column("trial", True),
            Column("would have stopped at", True),
            Column("value there", True),
            Column("value at its end", True),
            Column("the stop would have been"),
        )
        caption = "The trials that ASHA would have stopped and the audit let run on"
        caption += "; the first 50." if len(found.spared) > 50 else "."
        tables.append(Table(columns, rows, caption))
    return Part("Was stopping right?", audit_text(found, stopped), tables=tables)


def audit_text(found: Audit, stopped: int) -> list[str]:
    """The rate in words."""
    if not found.spared:
        return [
            f"ASHA stopped {stopped} trials, and no stopped trial was run on to its end, so "
            "nobody knows how many it stopped wrongly. budget: {audit: 0.05} lets one trial in "
            "twenty run on."
        ]
    if found.rate is None:
        return [f"{len(found.spared)} trials were spared; none can be judged yet."]
    low, high = found.interval
    count = len(found.finished)
    text = (
        f"Of {count} trial{'s' * (count > 1)} that ASHA would have stopped and that ran to the "
        f"end, {len(found.wrong)} ended better than half of those that it let through: a rate of "
        f"wrong stops of {100 * found.rate:.0f} % [{100 * low:.0f}, {100 * high:.0f}]. "
        f"{len(found.winners) or 'None'} would have won."
    )
    few = "So few settle little; the interval says how little." if count < 20 else ""
    return [text, few] if few else [text]


def _judged(found: Audit, trial: TrialFacts) -> str:
    if trial not in found.finished or found.bar is None:
        return "not known"
    if trial in found.winners:
        return "wrong: it beats all that ASHA let through"
    return "wrong" if trial in found.wrong else "right"


def _values_at(facts: StudyFacts, epoch: int) -> dict[int, float]:
    return {
        trial.number: value
        for trial in facts.trials
        if (value := trial.best_so_far.get(epoch)) is not None and math.isfinite(value)
    }


def _rank(one: dict[int, float], other: dict[int, float]) -> tuple[float | None, int]:
    both = sorted(set(one) & set(other))
    if len(both) < FEW:
        return None, len(both)
    first = np.array([one[number] for number in both])
    second = np.array([other[number] for number in both])
    return rank_correlation(first, second), len(both)


def _said(rank: float | None, count: int) -> str:
    return f"{rank:.2f} ({count})" if rank is not None else f"- ({count})" if count else "-"


def _rungs_text(facts: StudyFacts, rows: Sequence[RungFacts]) -> str:
    first = rows[0]
    text = (
        f"{first.entered} trials came to the first rung, at epoch {first.epoch}; "
        f"{first.stopped} ended there."
    )
    if first.end_rank is not None:
        foretells = (
            "foretells the last one well"
            if first.end_rank > 0.6
            else "foretells the last one a little"
            if first.end_rank > 0.3
            else "says little of the last one"
        )
        text += (
            f" Among those that ran to their end, the order there {foretells}: rank correlation "
            f"{first.end_rank:.2f}."
        )
    else:
        text += f" Too few ran on to tell whether epoch {first.epoch} foretells the end."
    return text


def _panel(facts: StudyFacts, row: RungFacts) -> Figure | None:
    """Value at a rung against the last one, of trials that ended by themselves."""
    able = [t for t in facts.trials if t.complete and row.epoch in t.best_so_far]
    if len(able) < FEW:
        return None
    traces = []
    groups = (
        ("ASHA let it through", PALETTE[0], "circle", False),
        ("spared by the audit", PALETTE[1], "square", True),
    )
    baseline = facts.baseline
    for name, colour, symbol, spared in groups:
        members = [t for t in able if (t.spared_at is not None) == spared and t is not baseline]
        members = members[:1500]
        if members:
            traces.append(_dots(name, members, row.epoch, colour, symbol))
    if baseline is not None and baseline in able:
        traces.append(_dots("baseline", [baseline], row.epoch, BASELINE, "diamond"))
    unit = metric_title(facts.metric)
    layout = {
        "xaxis": {"title": {"text": f"{unit}, best until epoch {row.epoch}"}},
        "yaxis": {"title": {"text": f"{unit}, at the end"}},
        "legend": LEGEND,
    }
    said = f"Points: value at epoch {row.epoch} against the last, {len(able)} trials."
    return Figure(traces, said, layout, height=330)


def _dots(
    name: str, members: Sequence[TrialFacts], epoch: int, colour: str, symbol: str
) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [round(trial.best_so_far[epoch], 2) for trial in members],
        "y": [round(trial.value or 0.0, 2) for trial in members],
        "customdata": [trial.number for trial in members],
        "marker": {"color": colour, "symbol": symbol, "size": 8 if len(members) < 200 else 5},
        "hovertemplate": "trial %{customdata}: %{x:.2f}, then %{y:.2f}<extra></extra>",
    }
