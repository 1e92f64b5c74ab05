"""Where the good trials lie: parallel coordinates, and each parameter by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slr_tune.importance.parameter_columns import Variable
from slr_tune.report.page import HTML, Figure, Panels, Part
from slr_tune.report.page.figures import INK, SOFT, panel_axis, scatter, vertical_line
from slr_tune.report.study.sampling import highlighted, shown, thinning_note
from slr_tune.report.study.study_data import StudyData, TrialData, by_ending
from slr_tune.report.style import log_axis, marker_of, plotted, value_axis
from slr_tune.text import metric_title, number

_MOST_LINES = 400
_MOST_DOTS = 1200
_ABSENT = -0.13
"""Height of the lane of trials that do without a parameter."""
_LINE = 14
"""Letters of a name that fit above an axis."""


def parallel_part(study: StudyData) -> Part | None:
    """None without searched parameters, or trials with a value."""
    epoch, values = study.matched_epoch, study.matched_values
    able = [trial for trial in study.trials if trial.number in values]
    if len(able) < 2 or len(study.variables) < 2:
        return None
    drawn = shown(study, able, _MOST_LINES)
    text = (
        f"Each line is a trial, each axis a parameter over the range that was searched; the last "
        f"axis is the value at epoch {epoch}, which {len(able):,} trials reached. The best are "
        f"blue: {len(study.leaders)}. They are dense where the search looked most, so the width "
        f"of a bundle does not show whether a parameter matters; importance does. Trials without "
        f"a parameter run below its axis."
    )
    note, figure = thinning_note(drawn, able), _parallel(study, drawn, values)
    return Part("All parameters together", [text, note, figure], formats=HTML)


def slices_part(study: StudyData) -> Part | None:
    """None without searched parameters, or trials with a value."""
    epoch, values = study.matched_epoch, study.matched_values
    able = [trial for trial in study.trials if trial.number in values]
    if not able or not study.variables:
        return None
    drawn = shown(study, able, _MOST_DOTS)
    text = (
        f"Value at epoch {epoch} of each trial over one parameter at a time, by how the trial "
        f"ended later. All figures share one vertical scale. {_legend(drawn)}"
    )
    vertical = _vertical(study, [values[trial.number] for trial in able])
    panels = [_slice(drawn, values, variable, vertical) for variable in study.variables]
    note = thinning_note(drawn, able)
    return Part("One parameter at a time", [text, note, Panels(panels)], formats=HTML)


def _legend(drawn: Sequence[TrialData]) -> str:
    names = {
        "circle": "circles",
        "diamond": "diamonds",
        "x-thin-open": "crosses",
        "triangle-up": "triangles",
        "cross": "plus signs",
        "square": "squares",
    }
    message = (f"{names[ending.symbol]} {ending.label}" for _, ending, _ in by_ending(drawn))
    text = ", ".join(message)
    return f"{text[0].upper()}{text[1:]}."


def _heights(variable: Variable, drawn: Sequence[TrialData]) -> list[float]:
    """Where each trial's line crosses an axis, 0..1; in the lane below where it has no value."""
    unit, top = variable.unit(), max(1, len(variable.options or ()) - 1)
    heights = [float(unit[trial.row]) / top for trial in drawn]
    return [_ABSENT if math.isnan(height) else height for height in heights]


def _parallel(study: StudyData, drawn: Sequence[TrialData], values: dict[int, float]) -> Figure:
    low, high = _limits([values[trial.number] for trial in drawn])
    columns = [_heights(variable, drawn) for variable in study.variables]
    columns.append([(values[trial.number] - low) / (high - low) for trial in drawn])
    lines = {
        trial.number: (range(len(columns)), [round(height, 3) for height in heights])
        for trial, *heights in zip(drawn, *columns, strict=True)
    }
    layout = {
        "xaxis": {"visible": False, "range": [-0.45, len(columns) - 0.55], "fixedrange": True},
        "yaxis": {"visible": False, "range": [_ABSENT - 0.16, 1.34], "fixedrange": True},
        "shapes": [vertical_line(place, SOFT, top=1) for place in range(len(columns))],
        "annotations": _axis_labels(study, low, high),
        "legend": {"orientation": "h", "y": -0.02},
        "margin": {"l": 5, "r": 5, "t": 5, "b": 30},
    }
    message = f"Lines: {len(drawn)} trials over {len(study.variables)} parameters."
    hover, wide = "trial %{customdata}", 80 * len(columns)
    traces = highlighted(study, lines, hover=hover, faint=0.45, strong=2.2)
    return Figure(traces, message, layout, height=440, wide=wide)


def _axis_labels(study: StudyData, low: float, high: float) -> list[dict[str, Any]]:
    found = []
    for place, variable in enumerate(study.variables):
        found.append(_heading(place, _wrapped(variable.name)))
        if variable.options:
            top = max(1, len(variable.options) - 1)
            for code, option in enumerate(variable.options):
                label = _label(place, code / top, option, bgcolor="var(--paper)", borderpad=1)
                found.append(label)
            continue
        found.append(_label(place, 1.05, number(variable.high) + (" log" if variable.log else "")))
        found.append(_label(place, -0.055, number(variable.low)))
        if variable.conditional:
            found.append(_label(place, _ABSENT - 0.06, "none", SOFT))
    last = len(study.variables)
    title = f"{metric_title(study.metric)}<br>epoch {study.matched_epoch}"
    found += [_heading(last, title), _label(last, 1.05, number(high))]
    return [*found, _label(last, -0.055, number(low))]


def _heading(x: int, text: str) -> dict[str, Any]:
    return _label(x, 1.1, f"<b>{text}</b>", size=10, yanchor="bottom")


def _label(
    x: int, y: float, text: str, colour: str = INK, *, size: int = 11, **rest: Any
) -> dict[str, Any]:
    font = {"size": size, "color": colour}
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": font, **rest}


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


def _vertical(study: StudyData, values: Sequence[float]) -> dict[str, Any]:
    scale = value_axis(study.metric, values)
    low, high = _limits([math.log10(v) for v in values] if "type" in scale else values)
    return {**scale, "range": [low, high]}


def _slice(
    drawn: Sequence[TrialData],
    values: dict[int, float],
    variable: Variable,
    vertical: dict[str, Any],
) -> Figure:
    traces = []
    able = [trial for trial in drawn if not math.isnan(variable.values[trial.row])]
    for key, ending, members in by_ending(able):
        at = [float(variable.values[trial.row]) for trial in members]
        if variable.options:
            # Next to each other, or they would hide each other; by number, to be always the same.
            at = [x + ((7 * t.number) % 13 - 6) / 30 for x, t in zip(at, members, strict=True)]
        traces.append(
            scatter(
                ending.label,
                [float(f"{x:.5g}") for x in at],
                [plotted(values[trial.number]) for trial in members],
                "markers",
                hover="trial %{customdata}: %{y:.4~g}",
                customdata=[trial.number for trial in members],
                marker=marker_of(key, 7 if len(drawn) < 300 else 4, 1.3),
            )
        )
    horizontal = log_axis([variable.low, variable.high]) if variable.log else {}
    if variable.options:
        count = len(variable.options)
        horizontal = {"tickvals": list(range(count)), "ticktext": list(variable.options)}
        horizontal |= {"range": [-0.5, count - 0.5], "showgrid": False}
    layout = {
        "xaxis": panel_axis(variable.name, zeroline=False, **horizontal),
        "yaxis": vertical,
        "showlegend": False,
        "margin": {"l": 55, "r": 10, "t": 10, "b": 45},
    }
    message = f"Points: {vertical['title']['text']} over {variable.name}."
    return Figure(traces, message, layout, height=230)
