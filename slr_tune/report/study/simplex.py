"""Three weights that sum to 1, such as those of the losses, as a triangle."""

from __future__ import annotations

from collections.abc import Sequence

from slr_tune.report.page import HTML, Figure, Part
from slr_tune.report.page.figures import INK, SOFT, Trace, axis
from slr_tune.report.study.sampling import shown, thinning_note
from slr_tune.report.study.study_data import StudyData, TrialData
from slr_tune.report.style import BASELINE, SCALE, plotted
from slr_tune.space import SimplexParameter
from slr_tune.text import metric_title

_MOST_DOTS = 1500


def simplex_parameters(study: StudyData) -> list[SimplexParameter]:
    """Those of the space that have three weights."""
    searched = study.view.spec.space.parameters
    return [p for p in searched if isinstance(p, SimplexParameter) and len(p.weights) == 3]


def simplex_parts(study: StudyData, name: str | None = None) -> list[Part]:
    """One for each simplex of three weights, or for the one that is named."""
    found, epoch = [], study.matched_epoch
    for parameter in simplex_parameters(study):
        if name is not None and parameter.name != name:
            continue
        able = weighted(study, parameter)
        if not able:
            continue
        drawn = shown(study, able, _MOST_DOTS)
        one, two, three = parameter.weights
        text = (
            f"A corner is a trial with that weight alone, the opposite side one without it. Dark "
            f"is good: the colour is the value at epoch {epoch}. The ring marks the best trial of "
            "the search, the square the baseline."
        )
        note, figure = thinning_note(drawn, able), _ternary(study, parameter, drawn)
        title = f"The blend of {one}, {two} and {three}"
        found.append(Part(title, [text, note, figure], formats=HTML))
    return found


def weighted(study: StudyData, parameter: SimplexParameter) -> list[TrialData]:
    """Trials that have the weights, and a value at the epoch at which trials are compared."""
    values, keys = study.matched_values, set(parameter.keys)
    return [t for t in study.trials if t.number in values and keys <= set(t.params)]


def colour_limits(values: Sequence[float], *, smaller: bool) -> tuple[float, float]:
    """The scale's ends: the best, and what nine in ten reach, so that wrecks do not flatten it."""
    ordered = sorted(values, reverse=not smaller)
    ends = ordered[0], ordered[int(0.9 * (len(ordered) - 1))]
    return min(ends), max(ends)


def _ternary(study: StudyData, parameter: SimplexParameter, drawn: Sequence[TrialData]) -> Figure:
    values = study.matched_values
    weights = {trial.number: parameter.decode(trial.params) for trial in drawn}
    one, two, three = parameter.weights
    smaller = study.view.minimizes
    low, high = colour_limits([values[t.number] for t in drawn], smaller=smaller)
    metric = metric_title(study.metric)
    ordered = sorted(drawn, key=lambda trial: -study.sign * values[trial.number])
    traces = [
        {
            **_points(weights, ordered),
            "name": "trials",
            "marker": {
                "size": 11 if len(drawn) < 300 else 6,
                "color": [plotted(values[trial.number]) for trial in ordered],
                "colorscale": SCALE,
                "reversescale": not smaller,
                "cmin": low,
                "cmax": high,
                "line": {"width": 0.6, "color": SOFT},
                "colorbar": {
                    "title": {"text": metric, "side": "bottom"},
                    "orientation": "h",
                    "thickness": 12,
                    "len": 0.7,
                    "y": -0.1,
                    "yanchor": "top",
                },
            },
            "text": [f"trial {t.number}: {study.value_text(values[t.number])}" for t in ordered],
            "hovertemplate": f"%{{text}}<br>{one} %{{a:.2f}}, {two} %{{b:.2f}}, {three} %{{c:.2f}}"
            "<extra></extra>",
        }
    ]
    for trial, name, symbol, colour in (
        (study.best, "best", "circle-open", INK),
        (study.baseline, "baseline", "square-open", BASELINE),
    ):
        if trial is not None and trial.number in weights:
            marker = {"size": 19, "symbol": symbol, "color": colour, "line": {"width": 3}}
            point = _points(weights, [trial])
            traces.append({**point, "name": name, "marker": marker, "hoverinfo": "skip"})
    look = {
        "gridcolor": "var(--rule)",
        "linecolor": SOFT,
        "tickvals": [0.2, 0.4, 0.6, 0.8],
        "tickfont": {"size": 11},
    }
    named = zip("abc", parameter.weights, strict=True)
    axes = {f"{key}axis": axis(name, **look) for key, name in named}
    layout = {
        "ternary": {"bgcolor": "rgba(0,0,0,0)", **axes},
        "showlegend": False,
        "margin": {"l": 45, "r": 60, "t": 35, "b": 95},
    }
    message = f"Triangle of {one}, {two}, {three}: {len(drawn)} trials by {metric}."
    return Figure(traces, message, layout, height=520)


def _points(weights: dict[int, dict[str, float]], trials: Sequence[TrialData]) -> Trace:
    """Each trial's weights, in the order of the parameter's."""
    shares = [weights[trial.number].values() for trial in trials]
    rounded = ([round(share, 4) for share in column] for column in zip(*shares, strict=True))
    columns = dict(zip("abc", rounded, strict=True))
    # A point on a side, with a weight of nothing, must not be cut in half.
    return {"type": "scatterternary", "mode": "markers", "cliponaxis": False, **columns}
