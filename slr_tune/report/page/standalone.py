"""A page's figure by itself: for the dashboard, a notebook, another program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slr_tune.report.page import Figure
from slr_tune.report.page.figures import plain

_COLOURS = {
    "var(--ink)": "#1b1f24",
    "var(--soft)": "#5b6470",
    "var(--rule)": "#d9dee4",
    "var(--tint)": "#f3f5f8",
    "var(--paper)": "#ffffff",
}
"""The page's light colours: outside of the page nothing follows its dark mode."""

_GAP = 0.1
"""Between two figures side by side, as a share of the width."""


def plotly_json(figure: Figure, title: str) -> dict[str, Any]:
    """A page's figure as plotly takes it outside of the page: colours and title set."""
    layout = {
        "paper_bgcolor": _COLOURS["var(--paper)"],
        "plot_bgcolor": _COLOURS["var(--paper)"],
        "font": {"color": _COLOURS["var(--ink)"], "size": 12},
        **figure.layout,
        "title": {"text": title, "font": {"size": 15}, "x": 0.02, "xanchor": "left"},
    }
    # The dashboard's own buttons are above a plot, where its title is.
    layout["modebar"] = {"orientation": "v", "bgcolor": "rgba(255,255,255,0)"}
    layout["legend"] = {"orientation": "h", "y": -0.2, "yanchor": "top"}
    layout["margin"] = {"l": 60, "b": 50, **layout.get("margin", {}), "t": 55, "r": 45}
    for key in layout:
        if key.startswith(("xaxis", "yaxis")):
            rule = _COLOURS["var(--rule)"]
            layout[key] = {"automargin": True, "gridcolor": rule, **layout[key]}
    return {"data": _painted(plain(list(figure.traces))), "layout": _painted(plain(layout))}


def side_by_side(figures: Sequence[Figure]) -> Figure:
    """Figures of one kind in a row, as one; a name is in the legend once.

    Args:
        figures: At least one, each with an `xaxis`, a `yaxis`, and nothing drawn over both.
    """
    if len(figures) == 1:
        return figures[0]
    width = (1 - _GAP * (len(figures) - 1)) / len(figures)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {**figures[0].layout}
    named: set[str] = set()
    for place, figure in enumerate(figures):
        end = "" if place == 0 else str(place + 1)
        left = place * (width + _GAP)
        layout[f"xaxis{end}"] = {
            **figure.layout.get("xaxis", {}),
            "domain": [left, min(1.0, left + width)],
            "anchor": f"y{end}",
        }
        layout[f"yaxis{end}"] = {**figure.layout.get("yaxis", {}), "anchor": f"x{end}"}
        for trace in figure.traces:
            name = str(trace.get("name", ""))
            shared = {"legendgroup": name, "showlegend": bool(name) and name not in named}
            traces.append({**trace, "xaxis": f"x{end}", "yaxis": f"y{end}", **shared})
            named.add(name)
    message = " ".join(figure.description for figure in figures)
    return Figure(traces, message, layout, max(figure.height for figure in figures))


def _painted(value: Any) -> Any:
    if isinstance(value, str):
        return _COLOURS.get(value, value)
    if isinstance(value, Mapping):
        return {key: _painted(item) for key, item in value.items()}
    return [_painted(item) for item in value] if isinstance(value, list) else value
