"""How the arms of an ablation trained: curves, blanks, temperature, kinds of error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slr_tune.ablation.result import ResultTable
from slr_tune.report.ablation.curves import Band
from slr_tune.report.ablation.figures import ROW_LEGEND, rows_height, wrapped
from slr_tune.report.page import Figure
from slr_tune.report.page.figures import (
    PALETTE,
    SOFT,
    Trace,
    axis,
    band,
    bars,
    panel_axis,
    rows_axis,
    scatter,
    series_style,
)

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Of a logarithmic axis of percents."""


def curve_figure(
    arm: Band, baseline: Band | None, title: str, limits: tuple[float, float], *, wer: bool = True
) -> Figure:
    """One arm's curve with its band, the baseline's next to it.

    Args:
        arm: The arm's.
        baseline: The baseline's, None where there is none to draw.
        title: What the curve is of.
        limits: Lowest and highest value of all arms.
        wer: Whether it is a WER in percent; of any other metric neither sign nor size is known.
    """
    traces, digits = [], ".2f" if wer else ".4g"
    if baseline is not None and baseline is not arm:
        style = {"color": SOFT, "width": 1.6, "dash": "dash"}
        traces.append(_line(baseline, "baseline", style, digits=digits))
    epochs = [n for n, value in enumerate(arm.mean, start=1) if value is not None]
    low, high = ([v for v in ends if v is not None] for ends in (arm.low, arm.high))
    traces.append(band(epochs, low, high, 0.28))
    traces.append(_line(arm, arm.label, {"color": PALETTE[0], "width": 2.2}, digits=digits))
    place = {"font": {"size": 13}, "x": 0.02, "y": 0.98, "yanchor": "top"}
    layout = {
        "title": {"text": wrapped(arm.label, 40), **place},
        "xaxis": {"title": {"text": "epoch", "standoff": 4}},
        "yaxis": _percents(limits) if wer else _numbers(limits),
        "showlegend": False,
        "margin": {"l": 34, "r": 8, "t": 30, "b": 38},
    }
    last = next((value for value in reversed(arm.mean) if value is not None), None)
    message = f"{title} of {arm.label} over the epochs"
    message += "" if last is None else f", at last {last:{digits}}"
    return Figure(traces, f"{message}; the band holds all seeds.", layout, height=215)


def curve_limits(several: Sequence[Band]) -> tuple[float, float]:
    """One vertical range for all arms, so that they can be compared by eye."""
    lows = [value for arm in several for value in arm.low if value is not None]
    highs = [value for arm in several for value in arm.high if value is not None]
    return min(lows), max(highs)


def lines_figure(several: Sequence[Band], title: str, *, scale: float = 1.0) -> Figure:
    """Means over the seeds, one line for each arm; arms with the same line share it."""
    traces = []
    for place, arm in enumerate(several):
        line, marker = series_style(place)
        marker |= {"size": 7, "maxdisplayed": min(8, len(arm.mean))}
        trace = _line(arm, arm.label, {**line, "width": 2}, scale=scale)
        traces.append({**trace, "mode": "lines+markers", "marker": marker})
    layout = {
        "xaxis": {"title": {"text": "epoch", "standoff": 4}},
        "yaxis": axis(title, rangemode="tozero"),
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.22},
    }
    message = "; ".join(arm.label for arm in several)
    height = 300 + 11 * len(several)
    return Figure(
        traces, f"{title} over the epochs, means over the seeds: {message}.", layout, height
    )


def errors_figure(table: ResultTable) -> Figure:
    """Substitutions, deletions and insertions as parts of the WER."""
    rows = [row for row in table.rows if row.substitutions is not None][::-1]
    style = {"fgcolor": "var(--paper)", "fillmode": "overlay", "fgopacity": 0.8, "size": 7}
    traces = [
        bars(
            kind,
            f"{kind}: %{{x:.2f}}",
            y=list(range(len(rows))),
            x=[getattr(row, kind) for row in rows],
            marker={"color": colour, "pattern": {"shape": shape, **style}},
        )
        for kind, colour, shape in (
            ("substitutions", PALETTE[0], ""),
            ("deletions", PALETTE[4], "/"),
            ("insertions", PALETTE[2], "x"),
        )
    ]
    layout = {
        "barmode": "stack",
        "xaxis": panel_axis("errors, % of the reference words"),
        "yaxis": rows_axis([wrapped(row.name) for row in rows]),
        "margin": {"l": 10, "r": 10, "t": 28, "b": 42},
        "legend": {**ROW_LEGEND, "traceorder": "normal"},
    }
    message = (
        "Bars: substitutions, deletions and insertions of each arm; the table has the figures."
    )
    return Figure(traces, message, layout, height=rows_height([row.name for row in rows]))


def _line(
    arm: Band, name: str, style: dict[str, Any], *, scale: float = 1.0, digits: str = ".2f"
) -> Trace:
    """The mean; it continues over epochs without a value, as of a run that seldom looks at dev."""
    values = [None if value is None else scale * value for value in arm.mean]
    epochs = list(range(1, len(values) + 1))
    hover = f"{name}, epoch %{{x}}: %{{y:{digits}}}"
    return scatter(name, epochs, values, "lines", hover=hover, line=style, connectgaps=True)


def _numbers(limits: tuple[float, float]) -> dict[str, Any]:
    """The range of any numbers, with some air around it."""
    low, high = limits
    air = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return {"range": [low - air, high + air], "automargin": True}


def _percents(limits: tuple[float, float]) -> dict[str, Any]:
    """A logarithmic axis, so that the last epochs are not flat next to the first."""
    if limits[0] <= 0:
        return {"range": [0, 1.05 * limits[1]]}
    return {
        "type": "log",
        "tickvals": list(_TICKS),
        "ticktext": [f"{tick:g}" for tick in _TICKS],
        "range": [math.log10(0.9 * limits[0]), math.log10(1.05 * limits[1])],
    }
