"""Figures for a page: plain plotly descriptions that take the page's colours, light or dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slr_tune.report.page import typeset

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#7F7F7F")
"""Colours that colour-blind people tell apart, on white and on dark. Source: Okabe and Ito 2008."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
"""A series differs in these too, so that a figure is readable without colour."""

INK, SOFT = "var(--ink)", "var(--soft)"
"""Colours in a figure that stand for the page's: of text, and of what is less important."""

Trace = dict[str, Any]
"""One of plotly's traces."""


def scatter(
    name: str, x: Sequence[Any], y: Sequence[Any], mode: str, *, hover: str | None = "", **rest: Any
) -> Trace:
    """A trace of lines, markers, or both.

    Args:
        name: For the legend; empty for a trace that has no place there.
        x: Where it is.
        y: As many.
        mode: plotly's, such as "lines+markers".
        hover: Text under the pointer; empty for nothing, None for plotly's own.
        rest: Other keys of the trace.
    """
    told = {"name": name} if name else {"showlegend": False}
    trace = {"type": "scatter", "mode": mode, "x": x, "y": y, **told}
    if hover is not None:
        trace |= {"hovertemplate": f"{hover}<extra></extra>"} if hover else {"hoverinfo": "skip"}
    return trace | rest


def bars(name: str, hover: str, **rest: Any) -> Trace:
    """A trace of horizontal bars; `rest` are other keys of it, their ends and places among them."""
    look = {"type": "bar", "orientation": "h", "name": name}
    return look | rest | {"hovertemplate": f"{hover}<extra></extra>"}


def gapped(
    curves: Iterable[tuple[int, Sequence[float], Sequence[float]]],
) -> tuple[list[Any], list[Any], list[Any]]:
    """Many curves, each a number with its x and y, as one: x, y and number, a gap between two."""
    at: list[Any] = []
    values: list[Any] = []
    numbers: list[Any] = []
    for number, x, y in curves:
        at += [*x, None]
        values += [*y, None]
        numbers += [*[number] * len(x), None]
    return at, values, numbers


def series_style(place: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Line and marker of the series at a place in the legend."""
    line = {"color": PALETTE[place % len(PALETTE)], "dash": DASHES[place % len(DASHES)]}
    return line, {"symbol": SYMBOLS[place % len(SYMBOLS)]}


def band(x: Sequence[float], low: Sequence[float], high: Sequence[float], strength: float) -> Trace:
    """The area between two curves, in the first colour."""
    x, y = [*x, *x[::-1]], [*high, *low[::-1]]
    colour = f"rgba(0,114,178,{strength})"
    return scatter("", x, y, "lines", fill="toself", fillcolor=colour, line={"width": 0})


def error_bars(
    centers: Sequence[float], lows: Sequence[float], highs: Sequence[float], **style: Any
) -> dict[str, Any]:
    """The interval around each point."""
    below = [max(0.0, center - low) for center, low in zip(centers, lows, strict=True)]
    above = [max(0.0, high - center) for center, high in zip(centers, highs, strict=True)]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def axis(title: str, **rest: Any) -> dict[str, Any]:
    """An axis with its title."""
    return {"title": {"text": title}, **rest}


def panel_axis(title: str, **rest: Any) -> dict[str, Any]:
    """The horizontal axis of a small figure, its title close by."""
    return {"title": {"text": title, "standoff": 6}, **rest}


def rows_axis(labels: Sequence[str], **rest: Any) -> dict[str, Any]:
    """A vertical axis with a name for each row, the first at the bottom."""
    return {"tickvals": list(range(len(labels))), "ticktext": labels, "showgrid": False, **rest}


def vertical_line(x: float, colour: str, *, top: float | None = None, **rest: Any) -> Trace:
    """A line across the whole figure, or from 0 up to a height of its axis."""
    ends = {"yref": "paper", "y0": 0, "y1": 1} if top is None else {"y0": 0, "y1": top}
    style = {"color": colour, "width": 1} | rest.pop("line", {})
    return {"type": "line", "x0": x, "x1": x, **ends, "line": style, **rest}


def plain(value: Any) -> Any:
    """A figure's value as JSON holds it: no tuples, and null for what is not a number."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return typeset(value) if isinstance(value, str) else value
