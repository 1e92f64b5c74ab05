"""Figures of importance for a page."""

from __future__ import annotations

from typing import Any

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import Bar
from slr_tune.importance.marginals import Interaction, Marginal
from slr_tune.report.page import DASHES, PALETTE, SYMBOLS, Figure
from slr_tune.report.style import SCALE, log_axis
from slr_tune.text import metric_title, number

BAR = PALETTE[0]
PART = PALETTE[5]


def ordered_bars(found: StudyImportance) -> list[Bar]:
    """Units, each followed by its parts."""
    rows: list[Bar] = []
    for unit in found.main.units:
        rows += [unit, *(part for part in found.main.parts if part.group == unit.name)]
    return rows


def bar_label(bar: Bar) -> str:
    """A bar's name in a figure: a part is marked, and without its group's name."""
    if not bar.group:
        return bar.name + ("  (unstable)" if bar.unstable else "")
    return f"\u00b7 {bar.name.removeprefix(bar.group + '.')}"


def bars_figure(found: StudyImportance) -> Figure:
    """Share of each unit with its interval; parts of a group below it, lighter."""
    rows = ordered_bars(found)[::-1]
    traces: list[dict[str, Any]] = []
    for name, colour, pick in (("unit", BAR, ""), ("part of it", PART, "part")):
        members = [bar for bar in rows if bool(bar.group) == bool(pick)]
        if not members:
            continue
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": name,
                "y": [rows.index(bar) for bar in members],
                "x": [100 * bar.share for bar in members],
                "width": 0.72 if not pick else 0.5,
                "marker": {"color": colour},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * max(0.0, bar.high - bar.share) for bar in members],
                    "arrayminus": [100 * max(0.0, bar.share - bar.low) for bar in members],
                    "color": "var(--ink)",
                    "thickness": 1.2,
                    "width": 3,
                },
                "customdata": [[bar.name, bar.trials] for bar in members],
                "hovertemplate": "%{customdata[0]}: %{x:.0f} %<br>%{customdata[1]} trials"
                "<extra></extra>",
            }
        )
    layout = {
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": f"share, % ({found.evaluator})"},
            "range": [0, 102],
        },
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": [bar_label(bar) for bar in rows],
            "showgrid": False,
        },
        "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
        "legend": {"orientation": "h", "y": -0.15 - 1.2 / max(6, len(rows))},
    }
    first = found.main.units[0]
    return Figure(
        traces,
        f"Bars: importance by {found.evaluator} at epoch {found.main.epoch}; the largest is "
        f"{first.name} with {100 * first.share:.0f} %.",
        layout,
        height=90 + 26 * len(rows),
    )


def rungs_figure(found: StudyImportance) -> Figure:
    """How the units' shares change from rung to rung."""
    labels = [f"{one.epoch}<br>{one.trials} trials" for one in found.over_rungs]
    names = [unit.name for unit in found.main.units]
    traces = []
    for place, name in enumerate(names):
        units = [next((u for u in o.units if u.name == name), None) for o in found.over_rungs]
        shares = [None if unit is None else 100 * unit.share for unit in units]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": labels,
                "y": shares,
                "line": {
                    "color": PALETTE[place % len(PALETTE)],
                    "dash": DASHES[place % len(DASHES)],
                },
                "marker": {"symbol": SYMBOLS[place % len(SYMBOLS)], "size": 8},
                "hovertemplate": f"{name}: %{{y:.0f}} %<extra></extra>",
            }
        )
    layout = {
        "xaxis": {"title": {"text": "trials compared at epoch"}, "type": "category"},
        "yaxis": {"title": {"text": "share of importance, %"}, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": -0.35},
    }
    return Figure(traces, "Lines: share of importance at each rung.", layout, height=380)


def marginal_figure(marginal: Marginal, metric: str, limits: tuple[float, float]) -> Figure:
    """Expected value over one parameter, all else as in the trials, with its band."""
    colour = PALETTE[0]
    if marginal.labels:
        up = [high - mean for high, mean in zip(marginal.high, marginal.mean, strict=True)]
        down = [mean - low for low, mean in zip(marginal.low, marginal.mean, strict=True)]
        traces: list[dict[str, Any]] = [
            {
                "type": "scatter",
                "mode": "markers",
                "x": list(marginal.labels),
                "y": list(marginal.mean),
                "marker": {"color": colour, "size": 9},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": up,
                    "arrayminus": down,
                    "color": colour,
                },
                "hovertemplate": "%{x}: %{y:.4~g}<extra></extra>",
            }
        ]
    else:
        at = list(marginal.at)
        traces = [
            {
                "type": "scatter",
                "mode": "lines",
                "x": at + at[::-1],
                "y": list(marginal.high) + list(marginal.low)[::-1],
                "fill": "toself",
                "fillcolor": "rgba(0,114,178,0.22)",
                "line": {"width": 0},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": at,
                "y": list(marginal.mean),
                "line": {"color": colour, "width": 2.2},
                "hovertemplate": "%{x:.3~g}: %{y:.4~g}<extra></extra>",
            },
        ]
    axis: dict[str, Any] = {"title": {"text": marginal.name, "standoff": 6}}
    if marginal.log:
        axis |= log_axis([float(place) for place in at])
    if marginal.labels:
        axis |= {"type": "category", "range": [-0.5, len(marginal.labels) - 0.5]}
    layout = {
        "xaxis": axis,
        "yaxis": {"title": {"text": metric_title(metric)}, "range": list(limits)},
        "showlegend": False,
        "margin": {"l": 55, "r": 10, "t": 10, "b": 45},
    }
    return Figure(
        traces,
        f"Expected {metric} over {marginal.name}: from {number(min(marginal.mean))} to "
        f"{number(max(marginal.mean))}.",
        layout,
        height=230,
    )


def marginal_limits(found: StudyImportance) -> tuple[float, float]:
    """One vertical range for all marginal effects, so that they can be compared by eye."""
    lows = [min(marginal.low) for marginal in found.marginals]
    highs = [max(marginal.high) for marginal in found.marginals]
    pad = 0.05 * (max(highs) - min(lows) or 1.0)
    return min(lows) - pad, max(highs) + pad


def interaction_figure(pair: Interaction, metric: str) -> Figure:
    """Expected value over the pair that matters most together."""
    one = list(pair.one_labels) or [number(value) for value in pair.one_at]
    other = list(pair.other_labels) or [number(value) for value in pair.other_at]
    traces = [
        {
            "type": "heatmap",
            "x": one,
            "y": other,
            "z": [list(column) for column in zip(*pair.values, strict=True)],
            "colorscale": SCALE,
            "colorbar": {"title": {"text": metric_title(metric), "side": "right"}, "thickness": 12},
            "texttemplate": "%{z:.3~g}",
            "hovertemplate": f"{pair.one} %{{x}}<br>{pair.other} %{{y}}<br>%{{z:.4~g}}"
            "<extra></extra>",
        }
    ]
    layout = {
        "xaxis": {"title": {"text": pair.one}, "type": "category", "showgrid": False},
        "yaxis": {"title": {"text": pair.other}, "type": "category", "showgrid": False},
        "margin": {"l": 60, "r": 10, "t": 10, "b": 45},
    }
    return Figure(
        traces, f"Map of expected {metric} over {pair.one} and {pair.other}.", layout, height=320
    )
