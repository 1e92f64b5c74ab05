"""What the search cost, and what stopping saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slr_tune.report.page import WRITTEN, Figure, Part, Table, numbers, texts
from slr_tune.report.page.figures import SOFT, axis, bars
from slr_tune.report.study.study_data import StudyData, by_ending
from slr_tune.report.style import ENDINGS, LEGEND
from slr_tune.text import duration


@dataclass(frozen=True)
class Cost:
    """Epochs and time of the trials that ended in one way.

    Attributes:
        ending: Key of `style.ENDINGS`.
        trials: How many.
        epochs: Epochs that they ran.
        saved: Epochs that they did not run: up to `max_epochs` for each.
        seconds: Of training, all workers together.
    """

    ending: str
    trials: int
    epochs: int
    saved: int
    seconds: float


def costs(study: StudyData) -> list[Cost]:
    """One entry for each way to end that occurred, in the order of the legend."""
    length = study.view.spec.budget.max_epochs
    found = []
    for key, _, members in by_ending([t for t in study.trials if not t.imported]):
        epochs = sum(trial.epochs for trial in members)
        # What has not ended, and what failed, saved nothing.
        saved = len(members) * length - epochs if key in ("asha", "patience") else 0
        seconds = sum(trial.seconds for trial in members)
        found.append(Cost(key, len(members), epochs, saved, seconds))
    return found


def cost_part(study: StudyData) -> Part | None:
    """None where nothing was run."""
    rows = costs(study)
    epochs, seconds = sum(row.epochs for row in rows), sum(row.seconds for row in rows)
    if not epochs:
        return None
    saved = sum(row.saved for row in rows)
    text = (
        f"{epochs:,} epochs in {duration(seconds)} of training{_elapsed(study)}. Without any "
        f"stopping it would have been {epochs + saved:,}: stopping saved "
        f"{100 * saved / (epochs + saved):.0f} % of the epochs."
    )
    heads = numbers("trials", "epochs", "share of epochs, %", "epochs saved", "time")
    table = Table(
        texts("trials that") + heads + numbers("share of time, %"),
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
        "Time is the sum over all workers. Saved epochs are counted up to the last one of the "
        "budget; patience might have saved some of ASHA's as well.",
    )
    return Part("What it cost", [text, _figure(rows, saved), table], formats=WRITTEN)


def _elapsed(study: StudyData) -> str:
    """From the first trial's start to the last one's end, pauses included; empty before that."""
    began = [t.datetime_start for t in study.view.run_here if t.datetime_start]
    ended = [t.datetime_complete for t in study.view.run_here if t.datetime_complete]
    seconds = (max(ended) - min(began)).total_seconds() if began and ended else 0.0
    return f", {duration(seconds)} from first start to last end" if seconds > 0 else ""


def _figure(rows: list[Cost], saved: int) -> Figure:
    shares: list[tuple[int, str, dict[str, Any], str]] = [
        (row.epochs, end.label, {"color": end.colour}, f"{end.label}: %{{x:,}} epochs")
        for row in rows
        if (end := ENDINGS[row.ending])
    ]
    if saved:
        pattern = {"shape": "/", "fgcolor": SOFT, "size": 6}
        line = {"color": SOFT, "width": 1}
        marker = {"color": "rgba(0,0,0,0)", "line": line, "pattern": pattern}
        shares.append((saved, "not run: saved by stopping", marker, "saved: %{x:,} epochs"))
    traces = [
        bars(name, hover, x=[epochs], y=[""], marker=marker)
        for epochs, name, marker, hover in shares
    ]
    layout = {
        "barmode": "stack",
        "xaxis": axis("epochs"),
        "yaxis": {"showticklabels": False},
        "legend": {**LEGEND, "traceorder": "normal"},
        "margin": {"l": 10, "r": 15, "t": 30, "b": 40},
    }
    return Figure(traces, "Bar: epochs by how their trials ended.", layout, height=200)
