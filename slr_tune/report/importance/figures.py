"""Figures of importance for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import Bar
from slr_tune.importance.effects import Marginal, Pair
from slr_tune.report.page import Figure
from slr_tune.report.page.figures import (
    INK,
    PALETTE,
    SOFT,
    axis,
    band,
    bars,
    error_bars,
    panel_axis,
    rows_axis,
    scatter,
    series_style,
)
from slr_tune.report.style import LEGEND, SCALE, log_axis, round_ticks
from slr_tune.text import in_percent, metric_title, number

BAR = PALETTE[0]
PART = PALETTE[5]
OPEN = "rgba(0,114,178,0.14)"
"""Of what may be as large as that, or nothing."""


def ordered_bars(found: StudyImportance) -> list[Bar]:
    """Units, each followed by its parts."""
    rows: list[Bar] = []
    for unit in found.main.units:
        rows += [unit, *(part for part in found.main.parts if part.group == unit.name)]
    return rows


def is_seen(bar: Bar) -> bool:
    """Whether the trials show an effect; other evaluators than the default cannot tell."""
    return bar.measured and bar.seen is not False


def drawn_bars(found: StudyImportance) -> list[Bar]:
    """The bars of a picture: units with an effect and their parts, then those that are still open.

    Of an open unit only the band says something, so its parts are left to the tables. Nothing is
    drawn of a unit that acts too late.
    """
    units = {bar.name: bar for bar in found.main.units}
    shown = [bar for bar in ordered_bars(found) if is_seen(units[bar.group or bar.name])]
    still_open = [bar for bar in found.main.units if bar.measured and not is_seen(bar)]
    return shown + sorted(still_open, key=lambda bar: -bar.high)


def open_text(bar: Bar) -> str:
    """What is known of an open unit: `at most 42 %`."""
    return f"at most {100 * bar.high:.0f} %"


def bar_label(bar: Bar) -> str:
    """A bar's name in a figure: a part is marked, and without its group's name."""
    if not bar.group:
        return bar.name + "  (unstable)" * bar.unstable
    return f"\u00b7 {bar.name.removeprefix(bar.group + '.')}"


def rung_shares(found: StudyImportance, unit: str) -> list[float]:
    """A unit's share at each rung, percent; NaN where it has none."""
    return [
        next((100 * one.share for one in rung.units if one.name == unit), math.nan)
        for rung in found.over_rungs
    ]


def bars_figure(found: StudyImportance) -> Figure:
    """Share of each unit: a bar with its interval, or only how large it may be.

    Where no effect is seen, a bar would be the middle of what is not known.
    """
    rows = drawn_bars(found)[::-1]
    traces = []
    for name, colour, width, is_part in (
        ("share, with its 90 % band", BAR, 0.72, False),
        ("part of a group", PART, 0.5, True),
    ):
        members = [b for b in rows if bool(b.group) == is_part and (is_part or is_seen(b))]
        if members:
            traces.append(_share_bars(name, members, rows, colour, width))
    still_open = [bar for bar in rows if not bar.group and not is_seen(bar)]
    if still_open:
        trace = bars(
            "no clear effect yet: how large it may be",
            "%{customdata}",
            y=[rows.index(bar) for bar in still_open],
            x=[100 * bar.high for bar in still_open],
            width=0.5,
            marker={"color": OPEN, "line": {"color": SOFT, "width": 1}},
            text=[open_text(bar) for bar in still_open],
            textposition="outside",
            cliponaxis=False,
            customdata=[f"{bar.name}: {open_text(bar)}, or nothing" for bar in still_open],
        )
        traces.append(trace)
    layout = {
        "barmode": "overlay",
        "xaxis": axis(
            "share of the differences, %",
            range=[0, 108],
            tickvals=[*range(0, 101, 20)],
        ),
        "yaxis": rows_axis(
            [bar_label(bar) for bar in rows], range=[-0.6, len(rows) - 0.4], zeroline=False
        ),
        "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
        "legend": LEGEND,
        "showlegend": True,
    }
    message = f"Bars: importance by {found.evaluator} at epoch {found.main.epoch}."
    return Figure(traces, message, layout, height=120 + 26 * len(rows))


def _share_bars(
    name: str, members: Sequence[Bar], rows: Sequence[Bar], colour: str, width: float
) -> dict[str, Any]:
    shares, lows, highs = (
        [100 * end for end in ends]
        for ends in zip(*((bar.share, bar.low, bar.high) for bar in members), strict=True)
    )
    style = {"color": INK, "thickness": 1.2, "width": 3}
    return bars(
        name,
        "%{customdata[0]}: %{x:.0f} %<br>%{customdata[1]} trials",
        y=[rows.index(bar) for bar in members],
        x=shares,
        width=width,
        marker={"color": colour},
        error_x=error_bars(shares, lows, highs, **style),
        customdata=[[bar.name, bar.trials] for bar in members],
    )


def rungs_figure(found: StudyImportance) -> Figure:
    """How the units' shares change from rung to rung."""
    labels = [f"{one.epoch}<br>{one.reached} trials" for one in found.over_rungs]
    traces = []
    for place, name in enumerate(unit.name for unit in found.main.units):
        line, marker = series_style(place)
        style = {"line": line, "marker": {**marker, "size": 8}}
        hover = f"{name}: %{{y:.0f}} %"
        shares = rung_shares(found, name)
        traces.append(scatter(name, labels, shares, "lines+markers", hover=hover, **style))
    layout = {
        "xaxis": axis("epoch", type="category"),
        "yaxis": axis("share of importance, %", rangemode="tozero"),
        "legend": {"orientation": "h", "y": -0.35},
    }
    return Figure(traces, "Lines: share of importance at each rung.", layout, height=380)


def marginal_figure(marginal: Marginal, metric: str, limits: tuple[float, float]) -> Figure:
    """Expected value over one parameter, all else as in the trials, with its band."""
    mean, low, high = list(marginal.mean), marginal.low, marginal.high
    at: list[Any] = list(marginal.labels or marginal.at)
    horizontal: dict[str, Any] = {}
    if marginal.labels:
        style = {"marker": {"color": BAR, "size": 9}}
        ends = error_bars(mean, low, high, color=BAR)
        traces = [scatter("", at, mean, "markers", hover="%{x}: %{y:.4~g}", error_y=ends, **style)]
        horizontal = {"type": "category", "range": [-0.5, len(at) - 0.5]}
    else:
        line = {"color": BAR, "width": 2.2}
        traces = [
            band(at, low, high, 0.22),
            scatter("", at, mean, "lines", hover="%{x:.3~g}: %{y:.4~g}", line=line),
        ]
        horizontal = log_axis(at) if marginal.log else {}
    layout = {
        "xaxis": panel_axis(marginal.name, **horizontal),
        "yaxis": axis(metric_title(metric), range=list(limits)),
        "showlegend": False,
        "margin": {"l": 55, "r": 10, "t": 10, "b": 45},
    }
    message = f"Expected {metric} over {marginal.name}: "
    message += f"from {number(min(mean))} to {number(max(mean))}."
    return Figure(traces, message, layout, height=230)


def marginal_limits(found: StudyImportance) -> tuple[float, float]:
    """One vertical range for all marginal effects, so that they can be compared by eye."""
    lows = [min(marginal.low) for marginal in found.marginals]
    highs = [max(marginal.high) for marginal in found.marginals]
    pad = 0.05 * (max(highs) - min(lows) or 1.0)
    return min(lows) - pad, max(highs) + pad


def pair_figure(pair: Pair, metric: str) -> Figure:
    """Expected value over two parameters, all others averaged over the space."""
    (across, horizontal), (up, vertical) = (
        _map_axis(pair.one, pair.one_at, pair.one_labels),
        _map_axis(pair.other, pair.other_at, pair.other_labels),
    )
    trace = {
        "type": "heatmap",
        "x": across,
        "y": up,
        "z": [list(column) for column in zip(*pair.values, strict=True)],
        "colorscale": SCALE,
        "colorbar": {"title": {"text": metric_title(metric), "side": "right"}, "thickness": 12},
        "texttemplate": "%{z:.3~g}",
        "hovertemplate": f"{pair.one} %{{x}}<br>{pair.other} %{{y}}<br>%{{z:.4~g}}<extra></extra>",
    }
    layout = {
        "xaxis": horizontal,
        "yaxis": vertical,
        "margin": {"l": 60, "r": 10, "t": 10, "b": 45},
    }
    message = f"Map of expected {metric} over {pair.one} and {pair.other}."
    return Figure([trace], message, layout, height=320)


def _map_axis(
    name: str, at: Sequence[float], labels: Sequence[str]
) -> tuple[list[Any], dict[str, Any]]:
    """Places and axis of one side of a map: cells side by side, ticks at round numbers."""
    if labels:
        return list(labels), axis(name, type="category", showgrid=False)
    cells = np.arange(len(at), dtype=float)
    scale = np.log if at[0] > 0 and at[-1] > 30 * at[0] else np.asarray
    ticks = round_ticks(at[0], at[-1], log=scale is np.log)
    places = np.interp(scale(ticks), scale(at), cells)
    marks = {"tickvals": list(places), "ticktext": [number(tick) for tick in ticks]}
    return list(cells), axis(name, showgrid=False, zeroline=False, **marks)


def local_figure(found: StudyImportance) -> Figure:
    """What each parameter would gain and lose around the best trial and the baseline."""
    names = list(dict.fromkeys(one.name for one in found.local))[::-1]
    traces = []
    arounds = list(dict.fromkeys((one.around, one.trial) for one in found.local))
    for place, (around, trial) in enumerate(arounds):
        members = [one for one in found.local if one.around == around]
        shift = 0.18 * (2 * place - len(arounds) + 1)
        for side, sign in (("gain", -1.0), ("loss", 1.0)):
            middles, lows, highs = zip(*(getattr(one, side) for one in members), strict=True)
            sizes = [sign * value for value in middles]
            ends = sorted_ends([sign * v for v in lows], [sign * v for v in highs])
            traces.append(
                bars(
                    f"{around}, trial {trial}" if side == "loss" else "",
                    f"{side} around the {around}, %{{customdata}}: %{{x:.3~g}}",
                    y=[names.index(one.name) - shift for one in members],
                    x=sizes,
                    width=0.3,
                    marker={"color": PALETTE[place]},
                    error_x=error_bars(sizes, *ends, color=INK, thickness=1, width=2),
                    customdata=[one.name for one in members],
                    showlegend=side == "loss",
                )
            )
    unit = ", points" if in_percent(found.metric) else ""
    layout = {
        "barmode": "overlay",
        "xaxis": axis(f"to gain | to lose{unit}", zeroline=True),
        "yaxis": rows_axis(names),
        "margin": {"l": 10, "r": 10, "t": 10, "b": 40},
        "legend": {"orientation": "h", "y": -0.15 - 1.2 / max(6, len(names))},
    }
    message = (
        "Bars: what each parameter would gain and lose around the best trial and the baseline."
    )
    return Figure(traces, message, layout, height=90 + 30 * len(names))


def sorted_ends(one: list[float], other: list[float]) -> tuple[list[float], list[float]]:
    """Lower and upper ends, whichever list holds them."""
    pairs = list(zip(one, other, strict=True))
    return [min(pair) for pair in pairs], [max(pair) for pair in pairs]
