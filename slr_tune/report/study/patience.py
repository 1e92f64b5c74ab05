"""The part on patience: dev WER against epochs spent, for every patience."""

from __future__ import annotations

from typing import Any

from slr_tune.report.page import PALETTE, Column, Figure, Table
from slr_tune.report.page.figures import INK
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts
from slr_tune.report.style import LEGEND
from slr_tune.study.patience import TOLERANCE, Patience
from slr_tune.text import metric_title, points

_MOST_RUNS = 40


def patience_part(facts: StudyFacts) -> Part | None:
    """None where too few runs tell, or the runs have no patience."""
    found = facts.patience
    if found is None:
        return None
    return Part("Patience", patience_text(found), figures=[_figure(found)], tables=[_table(found)])


def patience_text(found: Patience) -> list[str]:
    """What to see, and what is recommended."""
    count = len(found.runs)
    how = (
        f"What each patience would have given, read off the curves of {count} trials that ran "
        "until their own patience, or the last epoch, ended them. Training does not depend on "
        "patience, so nothing here is guessed; trials that ASHA stopped are left out."
    )
    last = found.values[-1]
    if found.recommended is None:
        return [
            f"No smaller patience keeps the WER of {last} (within {TOLERANCE} points on average "
            "and for the best trial) and saves an epoch.",
            how,
        ]
    spent, given = found.mean_epochs, float(found.mean_wers[found.recommended - 1])
    return [
        f"Recommended: a patience of {found.recommended}. It gives {points(given)} on "
        f"average in {spent[found.recommended - 1]:.1f} epochs, against "
        f"{points(float(found.mean_wers[-1]))} in {spent[-1]:.1f} with a patience of {last}: "
        f"{100 * found.saved:.0f} % fewer epochs. It is the smallest that costs at most "
        f"{TOLERANCE} points, on average and for the best trial.",
        how,
    ]


def kinks(found: Patience) -> list[int]:
    """Patiences that differ from the one before: the others stand at the same place."""
    spent = found.mean_epochs
    return [p for p in found.values if p == 1 or spent[p - 1] != spent[p - 2]]


def _figure(found: Patience) -> Figure:
    shown = kinks(found)
    traces: list[dict[str, Any]] = []
    at: list[float | None] = []
    wers: list[float | None] = []
    for run in range(min(len(found.runs), _MOST_RUNS)):
        at += [*(float(found.epochs[p - 1, run]) for p in shown), None]
        wers += [*(round(float(found.wers[p - 1, run]), 2) for p in shown), None]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "single trials",
            "x": at,
            "y": wers,
            "line": {"color": "rgba(128,138,148,0.65)", "width": 1},
            "hoverinfo": "skip",
        }
    )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": "mean, by patience",
            "x": [float(found.mean_epochs[p - 1]) for p in shown],
            "y": [float(found.mean_wers[p - 1]) for p in shown],
            "text": [str(p) for p in shown],
            "textposition": "top right",
            "line": {"color": PALETTE[0], "width": 2.2},
            "marker": {"color": PALETTE[0], "size": 7},
            "hovertemplate": "patience %{text}: %{y:.2f} in %{x:.1f} epochs<extra></extra>",
        }
    )
    if found.recommended is not None:
        place = found.recommended - 1
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"recommended: {found.recommended}",
                "x": [float(found.mean_epochs[place])],
                "y": [float(found.mean_wers[place])],
                "marker": {
                    "symbol": "circle-open",
                    "size": 17,
                    "color": INK,
                    "line": {"width": 2.5},
                },
                "hoverinfo": "skip",
            }
        )
    layout = {
        "xaxis": {"title": {"text": "epochs spent"}},
        "yaxis": {"title": {"text": metric_title("val/wer")}},
        "legend": LEGEND,
    }
    said = f"Line: dev WER against epochs spent, for patiences 1 to {found.values[-1]}."
    return Figure(traces, said, layout, height=380)


def _table(found: Patience) -> Table:
    shown = kinks(found)
    best = found.mean_wers[-1]
    rows = [
        (
            str(p),
            f"{found.mean_epochs[p - 1]:.1f}",
            points(float(found.mean_wers[p - 1])),
            f"{found.mean_wers[p - 1] - best:+.2f}",
            f"{100 * (1 - found.mean_epochs[p - 1] / found.mean_epochs[-1]):.0f}",
        )
        for p in shown
    ]
    emphasis = frozenset(place for place, p in enumerate(shown) if p == found.recommended)
    return Table(
        (
            Column("patience", True),
            Column("mean epochs", True),
            Column("mean dev WER, %", True),
            Column("lost, points", True),
            Column("epochs saved, %", True),
        ),
        rows,
        "Patiences that end no trial elsewhere than the one before are left out.",
        emphasis,
    )
