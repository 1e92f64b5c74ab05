"""Temperature schedules over epochs, the good ones strong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slr_tune.report.page import HTML, Figure, Part
from slr_tune.report.page.figures import axis
from slr_tune.report.study.sampling import highlighted, shown, thinning_note
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.report.style import LEGEND
from trainables.runs.schedules import temperature_at

_MOST_LINES = 150


def temperature_part(study: StudyData) -> Part | None:
    """None where the run has no temperature, or every trial the same."""
    curves = schedules(study)
    if not curves:
        return None
    able = [trial for trial in study.trials if trial.number in curves]
    drawn = shown(study, able, _MOST_LINES)
    leaders = [trial for trial in study.leaders if trial.number in curves]
    text = (
        f"Distillation temperature per epoch; the {len(leaders)} best trials are blue. It has no "
        "effect where alpha, the weight of the soft targets, is 0."
    )
    note, figure = thinning_note(drawn, able), _figure(study, drawn, curves)
    return Part("Temperature over the epochs", [text, note, figure], formats=HTML)


def schedules(study: StudyData) -> dict[int, list[float]]:
    """Temperature of each epoch by trial; empty where every trial has the same, or none."""
    curves = {t.number: curve for t in study.trials if (curve := schedule(t.record.config))}
    return curves if len({tuple(curve) for curve in curves.values()}) > 1 else {}


def schedule(config: Mapping[str, Any]) -> list[float] | None:
    """Temperature of each epoch, None for a run without one."""
    settings = config.get("temperature")
    if not isinstance(settings, Mapping) or "start" not in settings:
        return None
    length = int(config.get("max_epochs", 1))
    try:
        return [
            temperature_at(
                epoch,
                schedule=settings.get("schedule", "constant"),
                start=settings["start"],
                end=settings.get("end"),
                milestones=settings.get("milestones") or (),
                max_epochs=length,
            )
            for epoch in range(1, length + 1)
        ]
    except (ValueError, TypeError):
        # A user's own run may mean something else by the same name.
        return None


def _figure(study: StudyData, drawn: Sequence[TrialData], curves: dict[int, list[float]]) -> Figure:
    lines = {
        trial.number: (range(1, len(curve) + 1), [round(value, 3) for value in curve])
        for trial in drawn
        if (curve := curves[trial.number])
    }
    layout = {
        "xaxis": axis("epoch"),
        "yaxis": axis("temperature, no unit", rangemode="tozero"),
        "legend": LEGEND,
    }
    message = f"Lines: temperature of {len(drawn)} trials over epochs."
    hover = "trial %{customdata}, epoch %{x}: %{y:.2f}"
    traces = highlighted(study, lines, hover=hover, faint=0.4, strong=2.4)
    return Figure(traces, message, layout, height=360)
