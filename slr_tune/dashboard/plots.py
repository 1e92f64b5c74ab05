"""The report's figures as the dashboard's own plots."""

from __future__ import annotations

from slr_tune.dashboard.optuna_dashboard_private import plot_attributes
from slr_tune.report.importance.figures import bars_figure, rungs_figure
from slr_tune.report.page import Figure
from slr_tune.report.page.standalone import plotly_json
from slr_tune.report.study.simplex import simplex_parts
from slr_tune.report.study.study_data import StudyData
from slr_tune.report.study.temperature import temperature_part


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
