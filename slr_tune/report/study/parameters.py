"""Where the good trials lie: parallel coordinates, and each parameter by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slr_tune.importance.parameter_columns import Variable
from slr_tune.report.page import PALETTE, Figure
from slr_tune.report.page.figures import INK
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts, TrialFacts
from slr_tune.report.study.sampling import shown, thinning_note
from slr_tune.report.style import BASELINE, ENDINGS, log_axis, plotted, value_axis
from slr_tune.text import metric_title, number

_MOST_LINES = 400
_MOST_DOTS = 1200
_ABSENT = -0.13
"""Height of the lane of trials that do without a parameter."""
_LINE = 14
"""Letters of a name that fit above an axis."""
LEADER = PALETTE[0]
OTHER = "rgba(128,138,148,0.45)"


def parallel_part(facts: StudyFacts) -> Part | None:
    """None without searched parameters, or trials with a value."""
    epoch = facts.matched_epoch
    if epoch is None or len(facts.variables) < 2:
        return None
    values = facts.at_epoch(epoch)
    able = [trial for trial in facts.trials if trial.number in values]
    if len(able) < 2:
        return None
    drawn = shown(facts, able, _MOST_LINES)
    text = [
        f"Each line is a trial, each axis a parameter over the range that was searched; the last "
        f"axis is the value at epoch {epoch}, which {len(able):,} trials reached. Where the blue "
        f"lines, the best {len(facts.leaders)}, meet in a narrow place, that place is good; where "
        "they spread, the parameter matters little. Below an axis run the trials without it.",
        thinning_note(len(drawn), len(able)),
    ]
    figure = _parallel(facts, drawn, values, epoch)
    wide = 92 * (len(facts.variables) + 1)
    said = [t for t in text if t]
    return Part("All parameters together", said, figures=[figure], pictorial=True, wide=wide)


def slices_part(facts: StudyFacts) -> Part | None:
    """None without searched parameters, or trials with a value."""
    epoch = facts.matched_epoch
    if epoch is None or not facts.variables:
        return None
    values = facts.at_epoch(epoch)
    able = [trial for trial in facts.trials if trial.number in values]
    if not able:
        return None
    drawn = shown(facts, able, _MOST_DOTS)
    text = [
        f"Value at epoch {epoch} of each trial over one parameter at a time, by how the trial "
        "ended later. All figures have one vertical scale. " + _legend(drawn),
        thinning_note(len(drawn), len(able)),
    ]
    axis = _vertical(facts, [values[trial.number] for trial in able])
    panels = [_slice(drawn, values, variable, axis) for variable in facts.variables]
    said = [t for t in text if t]
    return Part("One parameter at a time", said, panels=panels, pictorial=True)


def _legend(drawn: Sequence[TrialFacts]) -> str:
    names = {
        "circle": "circles",
        "diamond": "diamonds",
        "x-thin-open": "crosses",
        "triangle-up": "triangles",
        "cross": "plus signs",
    }
    seen = [ending for key, ending in ENDINGS.items() if any(t.ending == key for t in drawn)]
    said = [f"{names[ending.symbol]} {ending.label}" for ending in seen]
    text = ", ".join(said) + "."
    return text[0].upper() + text[1:]


def _heights(variable: Variable, drawn: Sequence[TrialFacts]) -> list[float]:
    """Where each trial's line crosses an axis, 0..1; in the lane below where it has no value."""
    unit = variable.unit()
    top = max(1, len(variable.options) - 1) if variable.options else 1
    return [
        _ABSENT if math.isnan(unit[trial.number]) else float(unit[trial.number]) / top
        for trial in drawn
    ]


def _parallel(
    facts: StudyFacts, drawn: Sequence[TrialFacts], values: dict[int, float], epoch: int
) -> Figure:
    low, high = _limits([values[trial.number] for trial in drawn])
    columns = [_heights(variable, drawn) for variable in facts.variables]
    columns.append([(values[trial.number] - low) / (high - low) for trial in drawn])
    lines = dict(zip((trial.number for trial in drawn), zip(*columns, strict=True), strict=True))
    leaders = {trial.number for trial in facts.leaders} & set(lines)
    special = {trial.number for trial in (facts.best, facts.baseline) if trial} & set(lines)
    traces = [
        _lines("other trials", set(lines) - leaders - special, lines, OTHER, 1.0),
        _lines(f"the best {len(leaders)}", leaders - special, lines, LEADER, 2.2),
    ]
    if facts.baseline is not None and facts.baseline.number in lines:
        traces.append(_lines("baseline", {facts.baseline.number}, lines, BASELINE, 3.0, "dash"))
    if facts.best is not None and facts.best.number in lines and facts.best != facts.baseline:
        name = f"best (trial {facts.best.number})"
        traces.append(_lines(name, {facts.best.number}, lines, INK, 3.0))
    layout = {
        "xaxis": {"visible": False, "range": [-0.45, len(columns) - 0.55], "fixedrange": True},
        "yaxis": {"visible": False, "range": [_ABSENT - 0.16, 1.34], "fixedrange": True},
        "shapes": [_axis_line(place) for place in range(len(columns))],
        "annotations": _axis_labels(facts, (low, high), epoch),
        "legend": {"orientation": "h", "y": -0.02},
        "margin": {"l": 5, "r": 5, "t": 5, "b": 30},
    }
    return Figure(
        [trace for trace in traces if trace["x"]],
        f"Lines: {len(drawn)} trials over {len(facts.variables)} parameters.",
        layout,
        height=440,
    )


def _lines(
    name: str,
    numbers: set[int],
    lines: dict[int, tuple[float, ...]],
    colour: str,
    width: float,
    dash: str = "solid",
) -> dict[str, Any]:
    at: list[int | None] = []
    heights: list[float | None] = []
    labels: list[int | None] = []
    for trial in sorted(numbers):
        at += [*range(len(lines[trial])), None]
        heights += [*(round(height, 3) for height in lines[trial]), None]
        labels += [*[trial] * len(lines[trial]), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": at,
        "y": heights,
        "customdata": labels,
        "line": {"color": colour, "width": width, "dash": dash},
        "hovertemplate": "trial %{customdata}<extra></extra>",
    }


def _axis_line(place: int) -> dict[str, Any]:
    line = {"color": "var(--soft)", "width": 1}
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line}


def _axis_labels(
    facts: StudyFacts, limits: tuple[float, float], epoch: int
) -> list[dict[str, Any]]:
    found = []
    for place, variable in enumerate(facts.variables):
        found.append(_label(place, 1.1, _wrapped(variable.name), bold=True))
        if variable.options:
            top = max(1, len(variable.options) - 1)
            for code, option in enumerate(variable.options):
                found.append(_label(place, code / top, option, boxed=True))
            continue
        found.append(_label(place, 1.05, number(variable.high) + (" log" if variable.log else "")))
        found.append(_label(place, -0.055, number(variable.low)))
        if variable.conditional:
            found.append(_label(place, _ABSENT - 0.06, "none", soft=True))
    last = len(facts.variables)
    found.append(_label(last, 1.1, f"{metric_title(facts.metric)}<br>epoch {epoch}", bold=True))
    found.append(_label(last, 1.05, number(limits[1])))
    found.append(_label(last, -0.055, number(limits[0])))
    return found


def _label(
    x: int, y: float, text: str, *, bold: bool = False, soft: bool = False, boxed: bool = False
) -> dict[str, Any]:
    label: dict[str, Any] = {
        "x": x,
        "y": y,
        "text": f"<b>{text}</b>" if bold else text,
        "showarrow": False,
        "font": {"size": 10 if bold else 11, "color": "var(--soft)" if soft else INK},
    }
    if bold:
        label["yanchor"] = "bottom"
    if boxed:
        label |= {"bgcolor": "var(--paper)", "borderpad": 1}
    return label


def _wrapped(name: str) -> str:
    """A dotted name in lines that fit above an axis, broken at dots and underscores."""
    lines: list[str] = []
    for part in name.split("."):
        line = ""
        for word in part.replace("_", "_ ").split():
            if line and len(line) + len(word) > _LINE:
                lines.append(line)
                line = ""
            line += word
        lines.append(line)
    return "<br>".join(lines)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.04 * (high - low) or 1.0
    return low - pad, high + pad


def _vertical(facts: StudyFacts, values: Sequence[float]) -> dict[str, Any]:
    axis = value_axis(facts.metric, values)
    low, high = _limits([math.log10(v) for v in values] if "type" in axis else values)
    return {**axis, "range": [low, high]}


def _slice(
    drawn: Sequence[TrialFacts],
    values: dict[int, float],
    variable: Variable,
    vertical: dict[str, Any],
) -> Figure:
    traces = []
    for key, ending in ENDINGS.items():
        members = [
            trial
            for trial in drawn
            if trial.ending == key and not math.isnan(variable.values[trial.number])
        ]
        if not members:
            continue
        at = [float(variable.values[trial.number]) for trial in members]
        if variable.options:
            # Beside each other, or they would hide each other; by number, to be the same always.
            at = [x + ((7 * t.number) % 13 - 6) / 30 for x, t in zip(at, members, strict=True)]
        marker: dict[str, Any] = {
            "color": ending.colour,
            "symbol": ending.symbol,
            "size": 7 if len(drawn) < 300 else 4,
        }
        if ending.symbol.endswith("-open"):
            marker["line"] = {"width": 1.3}
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": ending.label,
                "x": [float(f"{x:.5g}") for x in at],
                "y": [plotted(values[trial.number]) for trial in members],
                "customdata": [trial.number for trial in members],
                "marker": marker,
                "hovertemplate": "trial %{customdata}: %{y:.4~g}<extra></extra>",
            }
        )
    axis: dict[str, Any] = {"title": {"text": variable.name, "standoff": 6}, "zeroline": False}
    if variable.options:
        count = len(variable.options)
        axis |= {"tickvals": list(range(count)), "ticktext": list(variable.options)}
        axis |= {"range": [-0.5, count - 0.5], "showgrid": False}
    elif variable.log:
        axis |= log_axis([variable.low, variable.high])
    layout = {
        "xaxis": axis,
        "yaxis": vertical,
        "showlegend": False,
        "margin": {"l": 55, "r": 10, "t": 10, "b": 45},
    }
    return Figure(
        traces, f"Points: {vertical['title']['text']} over {variable.name}.", layout, height=230
    )
