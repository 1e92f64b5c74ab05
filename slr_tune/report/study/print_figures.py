"""The report's figures for print and for a README: PNG and PDF by matplotlib."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slr_tune.report.page.figures import PALETTE
from slr_tune.report.print_style import (
    DARK,
    FULL,
    GREY,
    figure_name,
    new_panels,
    note,
    ring,
    save,
    title_axis,
)
from slr_tune.report.study.history import best_name, best_word, curve_of, running_best
from slr_tune.report.study.patience import kinks, study_patience
from slr_tune.report.study.sampling import shown
from slr_tune.report.study.simplex import colour_limits, simplex_parameters, weighted
from slr_tune.report.study.study_data import StudyData, TrialData, by_ending
from slr_tune.report.study.temperature import schedules
from slr_tune.report.style import BASELINE, ENDINGS, SCALE, log_ticks, unlearnt_range
from slr_tune.space import SimplexParameter
from slr_tune.study.patience import Patience
from slr_tune.text import metric_title, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as PrintedFigure

_LINES = {
    "asha": ":",
    "failed": "-.",
    "imported": "--",
    "running": "--",
    "patience": "-",
    "max_epochs": "-",
}
_MOST = 240


def print_figures(study: StudyData, folder: Path, width: float = FULL) -> list[Path]:
    """Writes those figures that the study has something for, so many centimetres wide.

    Returns:
        `search`, `weights` and `patience`, each as PNG and PDF.
    """
    paths: list[Path] = []
    if any(curve_of(trial) for trial in study.trials):
        figure, axes = new_panels(2, width=width, height=6.6)
        _history(axes[0], study)
        _curves(axes[1], study)
        paths += save(figure, folder, figure_name("search", width))
    paths += _weights(study, folder, width)
    patience = study_patience(study)
    if patience is not None:
        figure, axes = new_panels(1, width=min(width, 12.0), height=7.0)
        _patience(axes[0], patience)
        paths += save(figure, folder, figure_name("patience", width))
    return paths


def _history(axis: Axes, study: StudyData) -> None:
    drawn = shown(study, [trial for trial in study.trials if trial.best_so_far], 3000)
    size = 20 if len(drawn) < 300 else 5
    for _, ending, members in by_ending(drawn):
        at = [trial.number for trial in members]
        values = [trial.best_so_far[max(trial.best_so_far)] for trial in members]
        axis.scatter(at, values, size, ending.colour, marker=ending.marker, label=ending.label)
    steps = running_best(study)
    if steps:
        line = zip(*steps, (len(study.trials) - 1, steps[-1][1]), strict=True)
        axis.step(*line, where="post", color=DARK, label=f"{best_word(study)} so far")
    if study.baseline is not None and study.baseline.value is not None:
        axis.axhline(study.baseline.value, color=BASELINE, linestyle="--", label="baseline")
    _value_axis(axis, study, [t.best_so_far[max(t.best_so_far)] for t in drawn])
    title_axis(axis, f"{study.view.spec.study}: {len(study.trials)} trials", x="trial")


def _curves(axis: Axes, study: StudyData) -> None:
    drawn = shown(study, [trial for trial in study.trials if curve_of(trial)], _MOST)
    for key, style in _LINES.items():
        members = [trial for trial in drawn if trial.ending == key]
        for place, trial in enumerate(members):
            label = f"{ENDINGS[key].label} ({len(members)})" if place == 0 else None
            _curve(axis, trial, ENDINGS[key].colour, style, 0.8, label)
    if study.baseline is not None and study.baseline is not study.best:
        _curve(axis, study.baseline, BASELINE, "--", 1.7, "baseline")
    if study.best is not None:
        _curve(
            axis,
            study.best,
            DARK,
            "-",
            1.7,
            f"{best_name(study)} (trial {study.best.number})",
        )
    for epoch in study.rungs:
        axis.axvline(epoch, color=GREY, linewidth=0.7, linestyle=":")
        look = {"xycoords": ("data", "axes fraction"), "fontsize": 6.5, "color": "#5b6470"}
        note(axis, f"rung {epoch}", (epoch, 1), (2, -7), **look)
    _value_axis(axis, study, [value for trial in drawn for value in curve_of(trial)])
    title_axis(axis, "Learning curves by how the trial ended", x="epoch")


def _value_axis(axis: Axes, study: StudyData, values: list[float]) -> None:
    """As `style.value_axis`."""
    axis.set_ylabel(metric_title(study.metric))
    finite = [value for value in values if math.isfinite(value)]
    ticks = log_ticks(finite)
    if (unlearnt := unlearnt_range(study.metric, finite)) is not None:
        axis.set_ylim(*unlearnt)
    elif ticks:
        axis.set_yscale("log")
        axis.set_yticks(ticks, [number(tick) for tick in ticks])
        axis.set_yticks([], minor=True)


def _curve(
    axis: Axes, trial: TrialData, colour: str, style: str, width: float, label: str | None
) -> None:
    curve = curve_of(trial)
    at = range(1, len(curve) + 1)
    axis.plot(at, curve, color=colour, linestyle=style, linewidth=width, label=label)


def _weights(study: StudyData, folder: Path, width: float) -> list[Path]:
    """The simplex, and next to it the temperatures where there are some."""
    able = [p for p in simplex_parameters(study) if weighted(study, p)]
    if not able:
        return []
    curves = schedules(study)
    alone = min(width, 11.0)
    figure, axes = new_panels(1 + bool(curves), width=width if curves else alone, height=7.4)
    _triangle(figure, axes[0], study, able[0])
    if curves:
        _temperatures(axes[1], study, curves)
    return save(figure, folder, figure_name("weights", width))


def _triangle(
    figure: PrintedFigure, axis: Axes, study: StudyData, parameter: SimplexParameter
) -> None:
    """The first weight is the upper corner, the others the lower left and right ones."""
    corners = np.array([[0.5, np.sqrt(3) / 2], [0.0, 0.0], [1.0, 0.0]])
    axis.grid(visible=False)
    axis.axis("off")
    axis.set_aspect("equal")
    for share in (0.2, 0.4, 0.6, 0.8):
        for one, two, three in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            ends = [share * corners[one] + (1 - share) * corners[other] for other in (two, three)]
            axis.plot(*zip(*ends, strict=True), color="#d9dee4", linewidth=0.6, zorder=0)
    axis.plot(*np.vstack([corners, corners[:1]]).T, color="#666666", linewidth=0.9, zorder=1)
    drawn, values = shown(study, weighted(study, parameter), 1500), study.matched_values
    places = {
        t.number: np.array(list(parameter.decode(t.params).values())) @ corners for t in drawn
    }
    low, high = colour_limits([values[n] for n in places], smaller=study.view.minimizes)
    ordered = sorted(places, key=lambda n: -study.sign * values[n])
    across, up = np.array([places[n] for n in ordered]).T
    dots = axis.scatter(
        across,
        up,
        c=[values[n] for n in ordered],
        cmap=SCALE.lower() if study.view.minimizes else f"{SCALE.lower()}_r",
        vmin=low,
        vmax=high,
        s=34 if len(ordered) < 300 else 8,
        edgecolors="#5b6470",
        linewidths=0.5,
        zorder=3,
    )
    for trial, colour, marker, name in (
        (study.best, DARK, "o", "best"),
        (study.baseline, BASELINE, "s", "baseline"),
    ):
        if trial is not None and trial.number in places:
            x, y = places[trial.number]
            ring(axis, x, y, 110, colour, linewidths=1.6, marker=marker, label=name)
    sides = ("center", "right", "left")
    for (x, y), name, side in zip(corners, parameter.weights, sides, strict=True):
        note(axis, f"{name} = 1", (x, y), (0, -11 if y == 0 else 5), ha=side, fontsize=8)
    bar = figure.colorbar(dots, ax=axis, shrink=0.75, pad=0.02)
    bar.set_label(f"{metric_title(study.metric)}, epoch {study.matched_epoch}", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_linewidth(0.5)
    axis.set_title(f"The blend of {', '.join(parameter.weights)}", fontsize=9, loc="left", pad=14)
    look: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.12), "ncols": 2}
    axis.legend(fontsize=7, frameon=False, markerscale=0.55, **look)


def _temperatures(axis: Axes, study: StudyData, curves: dict[int, list[float]]) -> None:
    leaders = {trial.number for trial in study.leaders if trial is not study.baseline}
    best = f"the best {len(study.leaders)}"
    strong = {"label": best, "color": PALETTE[0], "linewidth": 1.4, "zorder": 3}
    weak = {"label": "other trials", "color": GREY, "linewidth": 0.7, "alpha": 0.5, "zorder": 2}
    lines: list[tuple[TrialData | None, dict[str, Any]]] = [
        (trial, strong if trial.number in leaders else weak)
        for trial in shown(study, [t for t in study.trials if t.number in curves], 150)
    ]
    top = {"linewidth": 1.8, "zorder": 4}
    lines.append((study.baseline, {"label": "baseline", "color": BASELINE, "ls": "--", **top}))
    lines.append((study.best, {"label": "best", "color": DARK, **top}))
    seen: set[str] = set()
    for trial, look in lines:
        if trial is not None and trial.number in curves:
            curve = curves[trial.number]
            label = None if look["label"] in seen else look["label"]
            axis.plot(range(1, len(curve) + 1), curve, **{**look, "label": label})
            seen.add(look["label"])
    axis.set_ylim(bottom=0)
    title_axis(axis, "Temperature over the epochs", x="epoch", y="temperature, no unit")


def _patience(axis: Axes, found: Patience) -> None:
    shown_at = [p - 1 for p in kinks(found)]
    single = found.epochs[shown_at, :40], found.wers[shown_at, :40]
    axis.plot(*single, color=GREY, lw=0.7, alpha=0.6)
    spent, wers = found.mean_epochs[shown_at], found.mean_wers[shown_at]
    axis.plot(spent, wers, color=PALETTE[0], marker="o", label="mean, by patience")
    apart, last = 0.05 * (max(spent) - min(spent)), -math.inf
    for index, x, y in zip(shown_at, spent, wers, strict=True):
        if x - last >= apart:  # others would overlap
            note(axis, str(index + 1), (x, y), (3, 3), fontsize=7)
            last = x
    if found.recommended is not None:
        x, y = (mean[found.recommended - 1] for mean in (found.mean_epochs, found.mean_wers))
        name = f"recommended: {found.recommended}"
        ring(axis, x, y, 130, DARK, linewidths=1.8, label=name)
    axis.locator_params(axis="both", nbins=6, steps=(1, 2, 5, 10))
    title = f"Patience, over {len(found.runs)} trials"
    title_axis(axis, title, x="epochs spent", y=metric_title("val/wer"))
