"""The report's figures as the dashboard's own plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slr_tune.dashboard.optuna_dashboard_private import plot_attributes
from slr_tune.report.importance.figures import bars_figure, rungs_figure
from slr_tune.report.page import Figure
from slr_tune.report.page.figures import plain
from slr_tune.report.study.simplex import simplex_parts
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.study.temperature import temperature_part

_COLOURS = {
    "var(--ink)": "#1b1f24",
    "var(--soft)": "#5b6470",
    "var(--rule)": "#d9dee4",
    "var(--tint)": "#f3f5f8",
    "var(--paper)": "#ffffff",
}
"""The page's light colours: a plot of the dashboard does not follow its dark mode."""


def study_plots(study: StudyData) -> dict[str, str]:
    """Plots as Optuna Dashboard stores them, each in one piece."""
    figures: dict[str, tuple[str, Figure]] = {}
    found = study.importance
    if found is not None and found.main.units:
        title = f"Importance from all trials: {found.evaluator} at epoch {found.main.epoch}"
        title += f", {found.main.trials} trials, 90 % bands"
        figures["importance-from-all-trials"] = (title, bars_figure(found))
        if len(found.over_rungs) > 1:
            title = f"Importance over the rungs: {found.evaluator}"
            figures["importance-over-rungs"] = (title, rungs_figure(found))
    for number, part in enumerate(simplex_parts(study)):
        figures[f"simplex-{number}"] = (part.title, part.figures[0])
    schedules = temperature_part(study)
    if schedules is not None:
        figures["temperature-schedules"] = (schedules.title, schedules.figures[0])
    attributes: dict[str, str] = {}
    for name, (title, figure) in figures.items():
        attributes |= plot_attributes(name, plotly_json(figure, title))
    return attributes


def plotly_json(figure: Figure, title: str) -> dict[str, Any]:
    """A page's figure as plotly takes it outside of the page: colours and title set."""
    layout = {
        "paper_bgcolor": _COLOURS["var(--paper)"],
        "plot_bgcolor": _COLOURS["var(--paper)"],
        "font": {"color": _COLOURS["var(--ink)"], "size": 12},
        **figure.layout,
        "title": {"text": title, "font": {"size": 15}, "x": 0.02, "xanchor": "left"},
    }
    # The dashboard's own buttons stand above a plot, where its title is.
    layout["modebar"] = {"orientation": "v", "bgcolor": "rgba(255,255,255,0)"}
    layout["legend"] = {"orientation": "h", "y": -0.2, "yanchor": "top"}
    layout["margin"] = {"l": 60, "b": 50, **layout.get("margin", {}), "t": 55, "r": 45}
    for key in {"xaxis", "yaxis"} & set(layout):
        layout[key] = {"automargin": True, "gridcolor": _COLOURS["var(--rule)"], **layout[key]}
    return {"data": _painted(plain(list(figure.traces))), "layout": _painted(plain(layout))}


def _painted(value: Any) -> Any:
    if isinstance(value, str):
        return _COLOURS.get(value, value)
    if isinstance(value, Mapping):
        return {key: _painted(item) for key, item in value.items()}
    return [_painted(item) for item in value] if isinstance(value, list) else value
