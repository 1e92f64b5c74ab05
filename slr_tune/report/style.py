"""One visual language: colours and names of the ways to end, axes of values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.report.page.figures import axis
from slr_tune.text import in_percent, metric_title, number


@dataclass(frozen=True)
class Ending:
    """How trials that ended in one way are drawn.

    Attributes:
        label: For a legend.
        colour: On white and on dark.
        dash: plotly's name of the line.
        symbol: plotly's name of the marker.
        marker: matplotlib's.
    """

    label: str
    colour: str
    dash: str
    symbol: str
    marker: str


ENDINGS = {
    "max_epochs": Ending("ran to the last epoch", "#0072B2", "solid", "circle", "o"),
    "patience": Ending("ended by patience", "#009E73", "solid", "diamond", "D"),
    "asha": Ending("stopped early (ASHA)", "#8A929C", "dot", "x-thin-open", "x"),
    "running": Ending("not finished", "#E69F00", "dash", "triangle-up", "^"),
    "imported": Ending("imported", "#56B4E9", "longdash", "square", "s"),
    "failed": Ending("failed", "#D55E00", "dashdot", "cross", "P"),
}
"""Ways to end, in the order of a legend. Colours of Okabe and Ito 2008."""


def marker_of(key: str, size: int, width: float) -> dict[str, Any]:
    """Plotly's marker of trials that ended in one way; `width` is that of a cross's lines."""
    ending = ENDINGS[key]
    marker = {"color": ending.colour, "symbol": ending.symbol, "size": size}
    return marker | ({"line": {"width": width}} if ending.symbol.endswith("-open") else {})


BASELINE = "#CC79A7"
"""Colour of the baseline wherever it is drawn."""

SCALE = "Cividis"
"""Colour scale of values, the same to colour-blind eyes and in grey. plotly's name."""


LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
"""plotly's legend above the figure: below it, a narrow screen lays it over the axis title."""


_UNLEARNT = 90.0
"""WER in percent above which nothing is recognised."""


def plotted(value: float) -> float:
    """A value for a figure: six significant digits, as decimals would flatten a small metric."""
    return float(f"{value:.6g}")


def value_axis(metric: str, values: Iterable[float]) -> dict[str, Any]:
    """Plotly's axis of a metric: logarithmic where the values spread over more than a factor of 4.

    Otherwise the good values, which are the ones to compare, would be drawn on top of each other.
    """
    finite = [value for value in values if math.isfinite(value)]
    ticks, unlearnt = log_ticks(finite), unlearnt_range(metric, finite)
    if unlearnt is not None:
        return axis(metric_title(metric), range=unlearnt)
    return axis(metric_title(metric), **(_logarithmic(ticks) if ticks else {}))


def unlearnt_range(metric: str, values: Sequence[float]) -> list[float] | None:
    """Axis for WERs that all are near 100 %: enlarged, noise would look like progress; else None.

    Args:
        metric: Name of the metric.
        values: Finite values, a WER in percent.
    """
    if not in_percent(metric) or not values or min(values) < _UNLEARNT:
        return None
    return [0.0, 1.03 * max(100.0, *values)]


def log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers for a logarithmic axis; empty where a linear one suits the values."""
    if not values or min(values) <= 0 or max(values) < 4 * min(values):
        return []
    low, high = min(values), max(values)
    return [t for t in _round_numbers(low, high, (1, 2, 3, 5, 7)) if low / 1.3 <= t <= high * 1.3]


def log_axis(values: Sequence[float]) -> dict[str, Any]:
    """Plotly's logarithmic axis of a small figure: few ticks, written like all other numbers."""
    return _logarithmic(_round_numbers(min(values), max(values), (1, 3)))


def round_ticks(low: float, high: float, *, log: bool = False) -> list[float]:
    """At most about six round numbers between two ends; in powers of ten on a log scale."""
    if log:
        return [tick for tick in _round_numbers(low, high, (1, 3)) if low <= tick <= high]
    if not high > low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = next(power * one for one in (1, 2, 5, 10) if power * one * 6 >= high - low)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [float(f"{place * step:.6g}") for place in places]


def _logarithmic(ticks: list[float]) -> dict[str, Any]:
    return {"type": "log", "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}


def _round_numbers(low: float, high: float, steps: Sequence[int]) -> list[float]:
    """So many in each power of ten from the one below `low`; one over a wide range."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = steps if high < 100 * low else (1,)
    return [float(f"{step * 10.0**power:.3g}") for power in powers for step in steps]
