"""How the arms of an ablation trained: curves, blanks, temperature, kinds of error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from slr_tune.ablation.result import ResultTable
from slr_tune.report.ablation.figures import SOFT, rows_height, wrapped
from slr_tune.report.ablation.series import Band
from slr_tune.report.page import DASHES, PALETTE, SYMBOLS, Figure

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
"""Of a logarithmic axis of percents."""


def curve_figure(
    band: Band, baseline: Band | None, title: str, limits: tuple[float, float], *, wer: bool = True
) -> Figure:
    """One arm's curve with its band, the baseline's beside it.

    Args:
        band: The arm's.
        baseline: The baseline's, None where there is none to draw.
        title: What the curve is of.
        limits: Lowest and highest value of all arms.
        wer: Whether it is a WER in percent; of any other metric neither sign nor size is known.
    """
    traces, digits = [], ".2f" if wer else ".4g"
    if baseline is not None and baseline is not band:
        style = {"color": SOFT, "width": 1.6, "dash": "dash"}
        traces.append(_line(baseline, "baseline", style, digits=digits))
    own = _line(band, band.label, {"color": PALETTE[0], "width": 2.2}, digits=digits)
    traces += [_filled(band), own]
    layout = {
        "title": {"text": wrapped(band.label, 40), "font": {"size": 13}, "x": 0.02, "y": 0.98,
                  "yanchor": "top"},
        "xaxis": {"title": {"text": "epoch", "standoff": 4}},
        "yaxis": _percents(limits) if wer else _numbers(limits),
        "showlegend": False,
        "margin": {"l": 34, "r": 8, "t": 30, "b": 38},
    }  # fmt: skip
    last = next((value for value in reversed(band.mean) if value is not None), None)
    said = f"{title} of {band.label} over the epochs"
    said += "" if last is None else f", at last {last:{digits}}"
    return Figure(traces, f"{said}; the band holds all seeds.", layout, height=215)


def curve_limits(several: Sequence[Band]) -> tuple[float, float]:
    """One vertical range for all arms, so that they can be compared by eye."""
    lows = [value for band in several for value in band.low if value is not None]
    highs = [value for band in several for value in band.high if value is not None]
    return min(lows), max(highs)


def lines_figure(several: Sequence[Band], title: str, *, scale: float = 1.0) -> Figure:
    """Means over the seeds, one line for each arm; arms with the same line share it."""
    traces = []
    for place, band in enumerate(several):
        style = {
            "color": PALETTE[place % len(PALETTE)],
            "dash": DASHES[place % len(DASHES)],
            "width": 2,
        }
        trace = _line(band, band.label, style, scale=scale)
        epochs = len(band.mean)
        trace |= {
            "mode": "lines+markers",
            "marker": {
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "size": 7,
                "maxdisplayed": min(8, epochs),
            },
        }
        traces.append(trace)
    layout = {
        "xaxis": {"title": {"text": "epoch", "standoff": 4}},
        "yaxis": {"title": {"text": title}, "rangemode": "tozero"},
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.22},
    }
    said = "; ".join(band.label for band in several)
    height = 300 + 11 * len(several)
    return Figure(traces, f"{title} over the epochs, means over the seeds: {said}.", layout, height)


def errors_figure(table: ResultTable) -> Figure:
    """Substitutions, deletions and insertions as parts of the WER."""
    rows = [row for row in table.rows if row.substitutions is not None][::-1]
    kinds = (
        ("substitutions", [row.substitutions for row in rows], PALETTE[0], ""),
        ("deletions", [row.deletions for row in rows], PALETTE[4], "/"),
        ("insertions", [row.insertions for row in rows], PALETTE[2], "x"),
    )
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": list(range(len(rows))),
            "x": values,
            "marker": {
                "color": colour,
                "pattern": {
                    "shape": shape,
                    "fgcolor": "var(--paper)",
                    "fillmode": "overlay",
                    "fgopacity": 0.8,
                    "size": 7,
                },
            },
            "hovertemplate": f"{name}: %{{x:.2f}}<extra></extra>",
        }
        for name, values, colour, shape in kinds
    ]
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "errors, % of the reference words", "standoff": 6}},
        "yaxis": {
            "tickvals": list(range(len(rows))),
            "ticktext": [wrapped(row.name) for row in rows],
            "showgrid": False,
        },
        "margin": {"l": 10, "r": 10, "t": 28, "b": 42},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    }
    return Figure(
        traces,
        "Bars: substitutions, deletions and insertions of each arm; the table has the figures.",
        layout,
        height=rows_height([row.name for row in rows]),
    )


def _line(
    band: Band, name: str, style: dict[str, Any], *, scale: float = 1.0, digits: str = ".2f"
) -> dict[str, Any]:
    """The mean; it goes on over epochs without a value, as of a run that seldom looks at dev."""
    values = [None if value is None else scale * value for value in band.mean]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(range(1, len(values) + 1)),
        "y": values,
        "line": style,
        "connectgaps": True,
        "hovertemplate": f"{name}, epoch %{{x}}: %{{y:{digits}}}<extra></extra>",
    }


def _filled(band: Band) -> dict[str, Any]:
    epochs = [n for n, value in enumerate(band.mean, start=1) if value is not None]
    low = [value for value in band.low if value is not None]
    high = [value for value in band.high if value is not None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": epochs + epochs[::-1],
        "y": high + low[::-1],
        "fill": "toself",
        "fillcolor": "rgba(0,114,178,0.28)",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _numbers(limits: tuple[float, float]) -> dict[str, Any]:
    """The range of any numbers, with some air around it."""
    low, high = limits
    air = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return {"range": [low - air, high + air], "automargin": True}


def _percents(limits: tuple[float, float]) -> dict[str, Any]:
    """A logarithmic axis, so that the last epochs are not flat beside the first."""
    if limits[0] <= 0:
        return {"range": [0, 1.05 * limits[1]]}
    return {
        "type": "log",
        "tickvals": list(_TICKS),
        "ticktext": [f"{tick:g}" for tick in _TICKS],
        "range": [math.log10(0.9 * limits[0]), math.log10(1.05 * limits[1])],
    }
