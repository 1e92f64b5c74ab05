"""What the search cost, and what stopping saved."""

from __future__ import annotations

from dataclasses import dataclass

from slr_tune.report.page import Column, Figure, Table
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts
from slr_tune.report.style import ENDINGS, LEGEND
from slr_tune.text import duration


@dataclass(frozen=True)
class Cost:
    """Epochs and time of the trials that ended in one way.

    Attributes:
        ending: Key of `style.ENDINGS`.
        trials: How many.
        epochs: That they ran.
        saved: Epochs that they did not run: up to `max_epochs` for each.
        seconds: Of training, all workers together.
    """

    ending: str
    trials: int
    epochs: int
    saved: int
    seconds: float


def costs(facts: StudyFacts) -> list[Cost]:
    """One entry for each way to end that occurred, in the order of the legend."""
    length = facts.view.spec.budget.max_epochs
    found = []
    for key in ENDINGS:
        members = [trial for trial in facts.trials if trial.ending == key]
        if members:
            epochs = sum(trial.epochs for trial in members)
            # What has not ended, and what failed, saved nothing.
            saved = len(members) * length - epochs if key in ("asha", "patience") else 0
            seconds = sum(trial.seconds for trial in members)
            found.append(Cost(key, len(members), epochs, saved, seconds))
    return found


def elapsed_seconds(facts: StudyFacts) -> float | None:
    """From the first trial's start to the last one's end, pauses included; None before that."""
    began = [t.datetime_start for t in facts.view.trials if t.datetime_start]
    ended = [t.datetime_complete for t in facts.view.trials if t.datetime_complete]
    if not began or not ended:
        return None
    return max(0.0, (max(ended) - min(began)).total_seconds())


def cost_part(facts: StudyFacts) -> Part | None:
    """None where nothing was run."""
    rows = costs(facts)
    epochs, seconds = sum(row.epochs for row in rows), sum(row.seconds for row in rows)
    if not epochs:
        return None
    saved = sum(row.saved for row in rows)
    text = [
        f"{epochs:,} epochs in {duration(seconds)} of training"
        + _elapsed(facts)
        + f". Without any stopping it would have been {epochs + saved:,}: stopping saved "
        f"{100 * saved / (epochs + saved):.0f} % of the epochs."
    ]
    table = Table(
        (
            Column("trials that"),
            Column("trials", True),
            Column("epochs", True),
            Column("share of epochs, %", True),
            Column("epochs saved", True),
            Column("time", True),
            Column("share of time, %", True),
        ),
        [
            (
                ENDINGS[row.ending].label,
                f"{row.trials:,}",
                f"{row.epochs:,}",
                f"{100 * row.epochs / epochs:.0f}",
                f"{row.saved:,}" if row.saved else "-",
                duration(row.seconds),
                f"{100 * row.seconds / seconds:.0f}" if seconds else "-",
            )
            for row in rows
        ],
        "Time is the sum over all workers. Saved are the epochs up to the last one of the budget; "
        "of those that ASHA saved, patience might have saved some as well.",
    )
    return Part("What it cost", text, figures=[_figure(rows, saved)], tables=[table])


def _elapsed(facts: StudyFacts) -> str:
    seconds = elapsed_seconds(facts)
    return f", {duration(seconds)} from first start to last end" if seconds else ""


def _figure(rows: list[Cost], saved: int) -> Figure:
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": ENDINGS[row.ending].label,
            "x": [row.epochs],
            "y": [""],
            "marker": {"color": ENDINGS[row.ending].colour},
            "hovertemplate": f"{ENDINGS[row.ending].label}: %{{x:,}} epochs<extra></extra>",
        }
        for row in rows
    ]
    if saved:
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": "not run: saved by stopping",
                "x": [saved],
                "y": [""],
                "marker": {
                    "color": "rgba(0,0,0,0)",
                    "line": {"color": "var(--soft)", "width": 1},
                    "pattern": {"shape": "/", "fgcolor": "var(--soft)", "size": 6},
                },
                "hovertemplate": "saved: %{x:,} epochs<extra></extra>",
            }
        )
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "epochs"}},
        "yaxis": {"showticklabels": False},
        "legend": {**LEGEND, "traceorder": "normal"},
        "margin": {"l": 10, "r": 15, "t": 30, "b": 40},
    }
    return Figure(traces, "Bar: epochs by how their trials ended.", layout, height=200)
