"""How the search went: every trial's value in order, and the learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slr_tune.report.page import Figure
from slr_tune.report.page.figures import INK
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts, TrialFacts
from slr_tune.report.study.sampling import shown, thinning_note
from slr_tune.report.style import BASELINE, ENDINGS, LEGEND, plotted, value_axis
from slr_tune.text import metric_title

_MOST_POINTS = 3000
_MOST_CURVES = 240


def history_part(facts: StudyFacts) -> Part | None:
    """None where no trial has a value."""
    able = [trial for trial in facts.trials if trial.best_so_far]
    if not able:
        return None
    drawn = shown(facts, able, _MOST_POINTS)
    text = [_history_text(facts), thinning_note(len(drawn), len(able))]
    return Part("How the search went", [t for t in text if t], figures=[_history(facts, drawn)])


def curves_part(facts: StudyFacts) -> Part | None:
    """None where no trial has an epoch."""
    able = [trial for trial in facts.trials if curve_of(trial)]
    if not able:
        return None
    drawn = shown(facts, able, _MOST_CURVES)
    text = [
        "Each line is a trial. A good search stops the lines that stay high, and early; a line "
        "that is still falling at its last epoch was cut short.",
        thinning_note(len(drawn), len(able)),
    ]
    said = [t for t in text if t]
    return Part("Learning curves", said, figures=[_curves(facts, drawn)], pictorial=True)


def curve_of(trial: TrialFacts) -> tuple[float, ...]:
    """The metric by epoch; the best so far where the curve's file is gone."""
    if trial.curve:
        return trial.curve
    return tuple(trial.best_so_far[epoch] for epoch in sorted(trial.best_so_far))


def running_best(facts: StudyFacts) -> list[tuple[int, float]]:
    """(number of the trial, best value of the finished ones until then)."""
    steps: list[tuple[int, float]] = []
    for trial in facts.trials:
        if trial.complete and trial.value is not None:
            better = not steps or facts.sign * trial.value < facts.sign * steps[-1][1]
            if better:
                steps.append((trial.number, trial.value))
    return steps


def _history_text(facts: StudyFacts) -> str:
    steps = running_best(facts)
    if not steps:
        return "No trial has run to its end yet; the points are their best values so far."
    last = steps[-1][0]
    since = len(facts.trials) - 1 - last
    few = {0: "it is the newest", 1: "the one after it was not better"}
    tail = few.get(since, f"none of the {since} after it was better")
    return (
        f"The best value was found in trial {last}; {tail}. A stopped trial stands at its best "
        "value until then, which is of an earlier epoch and not comparable with a finished one's."
    )


def _history(facts: StudyFacts, drawn: Sequence[TrialFacts]) -> Figure:
    title = metric_title(facts.metric)
    traces: list[dict[str, Any]] = []
    for key, ending in ENDINGS.items():
        members = [trial for trial in drawn if trial.ending == key]
        if not members:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": ending.label,
                "x": [trial.number for trial in members],
                "y": [plotted(trial.best_so_far[max(trial.best_so_far)]) for trial in members],
                "customdata": [[trial.epochs, trial.reason] for trial in members],
                "marker": _marker(key, 9 if len(drawn) < 300 else 5),
                "hovertemplate": "trial %{x}: %{y:.4~g}<br>%{customdata[0]} epochs, "
                "%{customdata[1]}<extra></extra>",
            }
        )
    steps = running_best(facts)
    end = len(facts.trials) - 1
    if steps:
        line = [*steps, (end, steps[-1][1])]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "best so far",
                "x": [x for x, _ in line],
                "y": [plotted(y) for _, y in line],
                "line": {"shape": "hv", "color": INK, "width": 2},
                "hovertemplate": "best so far: %{y:.4~g}<extra></extra>",
            }
        )
    if facts.baseline is not None and facts.baseline.value is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "baseline",
                "x": [0, end],
                "y": [plotted(facts.baseline.value)] * 2,
                "line": {"color": BASELINE, "width": 2, "dash": "dash"},
                "hovertemplate": "baseline: %{y:.4~g}<extra></extra>",
            }
        )
    layout = {
        "xaxis": {
            "title": {"text": "trial"},
            "range": [-0.02 * end - 0.4, 1.02 * end + 0.4],
            "zeroline": False,
        },
        "yaxis": value_axis(facts.metric, [y for trace in traces for y in trace["y"]]),
        "legend": LEGEND,
    }
    best = facts.said(steps[-1][1]) if steps else "none"
    return Figure(traces, f"Points: {title} of each trial; the best is {best}.", layout, height=400)


def _marker(key: str, size: int) -> dict[str, Any]:
    ending = ENDINGS[key]
    marker: dict[str, Any] = {"color": ending.colour, "symbol": ending.symbol, "size": size}
    if ending.symbol.endswith("-open"):
        marker["line"] = {"width": 1.5}
    return marker


def _curves(facts: StudyFacts, drawn: Sequence[TrialFacts]) -> Figure:
    traces: list[dict[str, Any]] = []
    few = len(drawn) < 60
    for key in ("asha", "failed", "running", "patience", "max_epochs"):
        members = [trial for trial in drawn if trial.ending == key]
        if members:
            strength = 1.0 if few or key not in ("asha",) else 0.5
            traces.append(_bundle(members, ENDINGS[key].label, key, strength))
    for trial, name, colour, dash in (
        (facts.baseline, "baseline", BASELINE, "dash"),
        (facts.best, "best", INK, "solid"),
    ):
        if trial is None or not curve_of(trial):
            continue
        if name == "baseline" and trial is facts.best:
            continue
        curve = curve_of(trial)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name} (trial {trial.number})",
                "x": list(range(1, len(curve) + 1)),
                "y": [plotted(value) for value in curve],
                "line": {"color": colour, "width": 3, "dash": dash},
                "hovertemplate": f"{name}, epoch %{{x}}: %{{y:.4~g}}<extra></extra>",
            }
        )
    length = facts.view.spec.budget.max_epochs
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "epoch"}, "range": [0.6, length + 0.4]},
        "yaxis": value_axis(facts.metric, [y for t in drawn for y in curve_of(t)]),
        "legend": LEGEND,
        "shapes": [
            {
                "type": "line",
                "x0": epoch,
                "x1": epoch,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": "var(--soft)", "width": 1, "dash": "dot"},
            }
            for epoch in facts.rungs
        ],
        "annotations": [
            {
                "x": epoch,
                "yref": "paper",
                "y": 1,
                "text": f"rung {epoch}",
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
                "font": {"size": 11, "color": "var(--soft)"},
            }
            for epoch in facts.rungs
        ],
    }
    title = metric_title(facts.metric)
    return Figure(traces, f"Lines: {title} of {len(drawn)} trials over epochs.", layout, height=430)


def _bundle(members: Sequence[TrialFacts], label: str, key: str, strength: float) -> dict[str, Any]:
    """Many curves as one trace, a gap between each two."""
    at: list[int | None] = []
    values: list[float | None] = []
    names: list[int | None] = []
    for trial in members:
        curve = curve_of(trial)
        at += [*range(1, len(curve) + 1), None]
        values += [*(plotted(value) for value in curve), None]
        names += [*[trial.number] * len(curve), None]
    ending = ENDINGS[key]
    return {
        "type": "scatter",
        "mode": "lines+markers" if key in ("asha", "failed") else "lines",
        "name": f"{label} ({len(members)})",
        "x": at,
        "y": values,
        "customdata": names,
        "opacity": strength,
        "line": {"color": ending.colour, "width": 1.3, "dash": ending.dash},
        "marker": {"symbol": ending.symbol, "size": 4, "color": ending.colour},
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y:.4~g}<extra></extra>",
    }
