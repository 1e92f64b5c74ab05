"""Temperature schedules over epochs, the good ones strong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from slr_tune.report.page import PALETTE, Figure
from slr_tune.report.page.figures import INK
from slr_tune.report.page.part import Part
from slr_tune.report.study.facts import StudyFacts, TrialFacts
from slr_tune.report.study.sampling import shown, thinning_note
from slr_tune.report.style import BASELINE, LEGEND
from trainables.runs.schedules import temperature_at

_MOST_LINES = 150
_OTHER = "rgba(128,138,148,0.4)"


def temperature_part(facts: StudyFacts) -> Part | None:
    """None where the run has no temperature, or every trial the same."""
    curves = {t.number: curve for t in facts.trials if (curve := schedule(t.config))}
    if len({tuple(curve) for curve in curves.values()}) < 2:
        return None
    drawn = shown(facts, [trial for trial in facts.trials if trial.number in curves], _MOST_LINES)
    leaders = [trial for trial in facts.leaders if trial.number in curves]
    text = [
        f"The softening that each trial was taught with; blue are the best {len(leaders)}. It "
        "counts for nothing where the weight of the soft targets is 0.",
        thinning_note(len(drawn), len(curves)),
    ]
    figure = _figure(facts, drawn, leaders, curves)
    said = [t for t in text if t]
    return Part("Temperature over the epochs", said, figures=[figure], pictorial=True)


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


def _figure(
    facts: StudyFacts,
    drawn: Sequence[TrialFacts],
    leaders: Sequence[TrialFacts],
    curves: dict[int, list[float]],
) -> Figure:
    strong = {trial.number for trial in leaders}
    special = {trial.number for trial in (facts.best, facts.baseline) if trial is not None}
    rest = [trial.number for trial in drawn if trial.number not in strong | special]
    traces = [
        _trace("other trials", rest, curves, _OTHER, 1.0, "solid"),
        _trace(
            f"the best {len(leaders)}", sorted(strong - special), curves, PALETTE[0], 2.4, "solid"
        ),
    ]
    if facts.baseline is not None and facts.baseline.number in curves:
        traces.append(_trace("baseline", [facts.baseline.number], curves, BASELINE, 3.0, "dash"))
    if facts.best is not None and facts.best.number in curves and facts.best != facts.baseline:
        name = f"best (trial {facts.best.number})"
        traces.append(_trace(name, [facts.best.number], curves, INK, 3.0, "solid"))
    layout = {
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "temperature, no unit"}, "rangemode": "tozero"},
        "legend": LEGEND,
    }
    return Figure(
        [trace for trace in traces if trace["x"]],
        f"Lines: temperature of {len(drawn)} trials over epochs.",
        layout,
        height=360,
    )


def _trace(
    name: str,
    numbers: Sequence[int],
    curves: dict[int, list[float]],
    colour: str,
    width: float,
    dash: str,
) -> dict[str, Any]:
    at: list[int | None] = []
    values: list[float | None] = []
    labels: list[int | None] = []
    for number in numbers:
        at += [*range(1, len(curves[number]) + 1), None]
        values += [*(round(value, 3) for value in curves[number]), None]
        labels += [*[number] * len(curves[number]), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": at,
        "y": values,
        "customdata": labels,
        "line": {"color": colour, "width": width, "dash": dash},
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y:.2f}<extra></extra>",
    }
