"""The same figures for print and for a README: PNG and PDF by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slr_tune.importance import StudyImportance
from slr_tune.importance.analysis import Bar
from slr_tune.importance.effects import Marginal
from slr_tune.report.importance.figures import (
    BAR,
    PART,
    bar_label,
    drawn_bars,
    is_seen,
    marginal_limits,
    open_text,
    rung_shares,
)
from slr_tune.report.page.figures import PALETTE
from slr_tune.report.print_style import (
    FULL,
    LINES,
    MARKERS,
    figure_name,
    name_rows,
    new_figure,
    new_panels,
    note,
    save,
    title_axis,
)
from slr_tune.text import metric_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL = 4.2
"""Width of a panel of the marginal effects, cm, about."""


def print_bars(found: StudyImportance, folder: Path, width: float = FULL) -> list[Path]:
    """Bars with intervals, and the units over the rungs where there are several.

    Returns:
        `importance.png` and `importance.pdf`.
    """
    rows = drawn_bars(found)[::-1]
    several = len(found.over_rungs) > 1 and any(map(is_seen, found.main.units))
    height = 2.8 + 0.6 * max(len(rows), 5)
    ratios = (1.25, 1) if several else ()
    figure, axes = new_panels(1 + several, width=width, height=height, ratios=ratios)
    _bars(axes[0], found, rows)
    if several:
        _rungs(axes[1], found)
    return save(figure, folder, figure_name("importance", width))


def print_marginals(found: StudyImportance, folder: Path, width: float = FULL) -> list[Path]:
    """Marginal effects as small panels on one vertical scale.

    Returns:
        `marginals.png` and `marginals.pdf`.
    """
    count = len(found.marginals)
    columns = min(max(2, round(width / _PANEL)), count)
    lines = -(-count // columns)
    size = (width / 2.54, 1.5 * lines + 0.3)
    figure, axes = new_figure(lines, columns, size=size, sharey=True)
    limits = marginal_limits(found)
    for axis in axes[count:]:
        axis.set_visible(False)
    for axis, marginal in zip(axes, found.marginals, strict=False):
        _marginal(axis, marginal)
        axis.set_ylim(*limits)
    for axis in axes[:count:columns]:
        axis.set_ylabel(metric_title(found.metric))
    title = "Expected value, averaged over all other parameters; 90 % band"
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return save(figure, folder, figure_name("marginals", width))


def _bars(axis: Axes, found: StudyImportance, rows: list[Bar]) -> None:
    for place, bar in enumerate(rows):
        if not bar.group and not is_seen(bar):
            axis.barh(
                place, 100 * bar.high, height=0.5, color="#dfeaf3", edgecolor="#9db4c8", lw=0.6
            )
            look = {"fontsize": 7, "va": "center", "color": "#5b6470"}
            note(axis, open_text(bar), (100 * bar.high, place), (3, 0), **look)
            continue
        axis.barh(
            place,
            100 * bar.share,
            height=0.72 if not bar.group else 0.5,
            color=PART if bar.group else BAR,
            xerr=[[100 * (bar.share - bar.low)], [100 * (bar.high - bar.share)]],
            error_kw={"elinewidth": 0.9, "capsize": 2, "ecolor": "#333333"},
        )
    name_rows(axis, [bar_label(bar) for bar in rows])
    for label, bar in zip(axis.get_yticklabels(), rows, strict=True):
        if bar.group:
            label.set(color="#5b6470", fontsize=7)
    axis.set_xlim(0, 112)
    axis.set_xticks(range(0, 101, 20))
    title = f"{found.study}: {found.main.trials} trials, epoch {found.main.epoch}"
    open_ones = [bar for bar in rows if not is_seen(bar) and not bar.group]
    if len(open_ones) == len(rows):
        title = f"{found.main.trials} trials cannot say which matters"
    title_axis(axis, title, x="share of the differences, %", legend=False)


def _rungs(axis: Axes, found: StudyImportance) -> None:
    epochs = [f"{one.epoch}\n{one.reached} trials" for one in found.over_rungs]
    for place, unit in enumerate(found.main.units):
        axis.plot(
            epochs,
            rung_shares(found, unit.name),
            color=PALETTE[place % len(PALETTE)],
            linestyle=LINES[place % len(LINES)],
            marker=MARKERS[place % len(MARKERS)],
            label=unit.name,
        )
    axis.set_ylim(bottom=0)
    title = "Over the rungs"
    title_axis(axis, title, x="epoch", y="share of importance, %")


def _marginal(axis: Axes, marginal: Marginal) -> None:
    if marginal.labels:
        mean, low, high = map(np.array, (marginal.mean, marginal.low, marginal.high))
        errors = [mean - low, high - mean]
        axis.errorbar(marginal.labels, mean, yerr=errors, fmt="o", color=BAR, capsize=2, ms=4)
        axis.set_xlim(-0.5, len(marginal.labels) - 0.5)
        if len(marginal.labels) > 3:
            axis.tick_params(axis="x", labelsize=6.5)
    else:
        axis.fill_between(marginal.at, marginal.low, marginal.high, color=BAR, alpha=0.2, lw=0)
        axis.plot(marginal.at, marginal.mean, color=BAR)
        if marginal.log:
            axis.set_xscale("log")
        else:
            axis.locator_params(axis="x", nbins=4, steps=(1, 2, 5, 10))
    axis.set_xlabel(marginal.name)
