"""How the search went: every trial's value in order, and the learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slr_tune.report.page import HTML, WRITTEN, Figure, Part
from slr_tune.report.page.figures import INK, SOFT, Trace, axis, gapped, scatter, vertical_line
from slr_tune.report.study.next_steps import has_not_learnt
from slr_tune.report.study.sampling import shown, thinning_note
from slr_tune.report.study.study_data import StudyData, TrialData, by_ending
from slr_tune.report.style import BASELINE, ENDINGS, LEGEND, marker_of, plotted, value_axis
from slr_tune.text import metric_title

_MOST_POINTS = 3000
_MOST_CURVES = 240


def history_part(study: StudyData) -> Part | None:
    """None where no trial has a value."""
    able = [trial for trial in study.trials if trial.best_so_far]
    if not able:
        return None
    drawn = shown(study, able, _MOST_POINTS)
    text, note = _history_text(study), thinning_note(drawn, able)
    return Part("How the search went", [text, note, _history(study, drawn)], formats=WRITTEN)


def curves_part(study: StudyData) -> Part | None:
    """None where no trial has an epoch."""
    able = [trial for trial in study.trials if curve_of(trial)]
    if not able:
        return None
    drawn = shown(study, able, _MOST_CURVES)
    bad, better = ("high", "falling") if study.sign > 0 else ("low", "rising")
    text = (
        f"Each line is a trial. A good search stops lines that stay {bad} early; a line "
        f"that is still {better} at its last epoch was cut short."
    )
    note = thinning_note(drawn, able)
    return Part("Learning curves", [text, note, _curves(study, drawn)], formats=HTML)


def best_curve_figure(study: StudyData) -> Figure | None:
    """The best trial's curve next to the baseline's, for the first screen; None without one."""
    if study.best is None or not curve_of(study.best):
        return None
    traces = _special(study, 2)
    values = [y for trace in traces for y in trace["y"]]
    layout = {
        "xaxis": axis("epoch", rangemode="tozero"),
        "yaxis": value_axis(study.metric, values),
        "legend": LEGEND,
    }
    best = best_word(study)
    chosen = f"{best} trial" if best == "best" else f"{best} trial so far"
    message = f"Lines: the {chosen} over its epochs, and the baseline."
    return Figure(traces, message, layout, 440)


def best_word(study: StudyData) -> str:
    """What the best value is called: no trial is the best where none has learnt."""
    if not has_not_learnt(study):
        return "best"
    return "lowest" if study.sign > 0 else "highest"


def best_name(study: StudyData) -> str:
    """The same for the trial that has it, in a legend."""
    best = best_word(study)
    return best if best == "best" else f"{best} so far"


def curve_of(trial: TrialData) -> tuple[float, ...]:
    """The metric by epoch; the best so far where the curve's file is gone."""
    if trial.curve:
        return trial.curve
    last = max(trial.best_so_far, default=0)  # the first epochs may be without a value
    return tuple(trial.best_so_far.get(epoch, math.nan) for epoch in range(1, last + 1))


def running_best(study: StudyData) -> list[tuple[int, float]]:
    """(number of the trial, best value of the finished ones until then)."""
    steps: list[tuple[int, float]] = []
    for trial in study.trials:
        if trial.complete and trial.value is not None:
            if not steps or study.sign * trial.value < study.sign * steps[-1][1]:
                steps.append((trial.number, trial.value))
    return steps


def _history_text(study: StudyData) -> str:
    steps = running_best(study)
    if not steps:
        return "No trial has run to its end yet; the points are their best values so far."
    last = steps[-1][0]
    since = len(study.trials) - 1 - last
    few = {0: "it is the newest", 1: "the one after it was not better"}
    tail = few.get(since, f"none of the {since} after it was better")
    return (
        f"The best value was found in trial {last}; {tail}. A stopped trial is shown at the best "
        f"value before it was stopped; do not compare it with finished trials."
    )


def _history(study: StudyData, drawn: Sequence[TrialData]) -> Figure:
    traces = [
        scatter(
            ending.label,
            [trial.number for trial in members],
            [plotted(trial.best_so_far[max(trial.best_so_far)]) for trial in members],
            "markers",
            hover="trial %{x}: %{y:.4~g}<br>%{customdata[0]} epochs, %{customdata[1]}",
            customdata=[[trial.epochs, trial.reason] for trial in members],
            marker=marker_of(key, 9 if len(drawn) < 300 else 5, 1.5),
        )
        for key, ending, members in by_ending(drawn)
    ]
    steps = running_best(study)
    end = len(study.trials) - 1
    levels: list[tuple[str, list[tuple[int, float]], dict[str, Any]]] = []
    if steps:
        line = {"shape": "hv", "color": INK, "width": 2}
        levels.append((f"{best_word(study)} so far", [*steps, (end, steps[-1][1])], line))
    if study.baseline is not None and study.baseline.value is not None:
        line = {"color": BASELINE, "width": 2, "dash": "dash"}
        levels.append(("baseline", [(x, study.baseline.value) for x in (0, end)], line))
    for name, points, line in levels:
        x, y = [x for x, _ in points], [plotted(y) for _, y in points]
        traces.append(scatter(name, x, y, "lines", hover=f"{name}: %{{y:.4~g}}", line=line))
    ends = [-0.02 * end - 0.4, 1.02 * end + 0.4]
    layout = {
        "xaxis": axis("trial", range=ends, zeroline=False),
        "yaxis": value_axis(study.metric, [y for trace in traces for y in trace["y"]]),
        "legend": LEGEND,
    }
    best = study.value_text(steps[-1][1]) if steps else "none"
    name = best_name(study)
    message = f"Points: {metric_title(study.metric)} of each trial; the {name} is {best}."
    return Figure(traces, message, layout, height=440)


def _curves(study: StudyData, drawn: Sequence[TrialData]) -> Figure:
    traces: list[Trace] = []
    for key in ("asha", "failed", "imported", "running", "patience", "max_epochs"):
        members = [trial for trial in drawn if trial.ending == key]
        if members:
            traces.append(_bundle(members, key, 0.5 if len(drawn) >= 60 and key == "asha" else 1.0))
    traces += _special(study, 3)
    top = {"yref": "paper", "y": 1, "xanchor": "left", "yanchor": "top", "showarrow": False}
    font = {"size": 11, "color": SOFT}
    length = study.view.spec.budget.max_epochs
    layout: dict[str, Any] = {
        "xaxis": axis("epoch", range=[0.6, length + 0.4]),
        "yaxis": value_axis(study.metric, [y for t in drawn for y in curve_of(t)]),
        "legend": LEGEND,
        "shapes": [vertical_line(epoch, SOFT, line={"dash": "dot"}) for epoch in study.rungs],
        "annotations": [
            {"x": epoch, "text": f"rung {epoch}", "font": font, **top} for epoch in study.rungs
        ],
    }
    message = f"Lines: {metric_title(study.metric)} of {len(drawn)} trials over epochs."
    return Figure(traces, message, layout, height=430)


def _special(study: StudyData, width: float) -> list[Trace]:
    """The curves of the baseline and of the best trial."""
    traces = []
    best = best_name(study)
    chosen = [(study.best, best, INK, "solid")]
    if study.baseline is not study.best:
        chosen.insert(0, (study.baseline, "baseline", BASELINE, "dash"))
    for trial, name, colour, dash in chosen:
        if trial is None or not curve_of(trial):
            continue
        line = {"color": colour, "width": width, "dash": dash}
        hover, label = f"{name}, epoch %{{x}}: %{{y:.4~g}}", f"{name} (trial {trial.number})"
        traces.append(scatter(label, *_points(trial), "lines", hover=hover, line=line))
    return traces


def _points(trial: TrialData) -> tuple[list[int], list[float]]:
    curve = curve_of(trial)
    return list(range(1, len(curve) + 1)), [plotted(value) for value in curve]


def _bundle(members: Sequence[TrialData], key: str, strength: float) -> Trace:
    """Many curves as one trace, a gap between each two."""
    ending = ENDINGS[key]
    at, values, numbers = gapped((trial.number, *_points(trial)) for trial in members)
    return scatter(
        f"{ending.label} ({len(members)})",
        at,
        values,
        "lines+markers" if key in ("asha", "failed") else "lines",
        hover="trial %{customdata}, epoch %{x}: %{y:.4~g}",
        customdata=numbers,
        opacity=strength,
        line={"color": ending.colour, "width": 1.3, "dash": ending.dash},
        marker={"symbol": ending.symbol, "size": 4, "color": ending.colour},
    )
