"""The main figure for print: PNG and PDF by matplotlib."""

from __future__ import annotations

import textwrap
from pathlib import Path

from slr_tune.ablation.result import ResultTable
from slr_tune.report.ablation import sentences
from slr_tune.report.ablation.figures import axis_title, interval_of
from slr_tune.report.print_style import DARK, FULL, figure_name, name_rows, new_panels, save

NAME = "differences"
_COLOURS = {
    sentences.BETTER: "#00694a",
    sentences.WORSE: "#b0410a",
    sentences.WITHIN: "#6a3d9a",
    sentences.SAME: "#7a828c",
}
_MARKERS = {"\u25bc": "v", "\u25b2": "^", "=": "|", "\u2248": "s", "\u25d0": "D"}
_SEEDS = "#7a828c"


def print_differences(
    table: ResultTable, folder: Path, width: float = FULL, name: str = NAME
) -> list[Path]:
    """Differences with their intervals; filled triangles were shown, open circles were not.

    Args:
        table: The family.
        folder: Is made where it does not exist.
        width: Of the figure, cm.
        name: Of the files, without their ending.

    Returns:
        `differences.png` and `differences.pdf`; none where there is nothing to compare.
    """
    rows = sentences.compared(table)
    if not rows:
        return []
    figure, (axis,) = new_panels(1, width=width, height=2.4 + 0.76 * len(rows))
    for place, row in enumerate(reversed(rows)):
        center, low, high = interval_of(row)
        sign, colour = sentences.mark(row, table), _COLOURS.get(row.outcome, DARK)
        axis.errorbar(
            center,
            place,
            xerr=[[center - low], [high - center]],
            fmt=_MARKERS.get(sign, "o"),
            color=colour,
            markerfacecolor="white" if sign in ("\u25cb", "\u25d0") else colour,
            markersize=6,
            elinewidth=1.4,
            capsize=3,
            zorder=3,
        )
        axis.plot(
            row.difference_per_seed,
            [place - 0.27] * len(row.difference_per_seed),
            linestyle="",
            marker="|",
            markersize=4,
            color=_SEEDS,
        )
    axis.axvline(0.0, color=DARK, linewidth=0.9, zorder=1)
    for end in [] if table.margin is None else [-table.margin, table.margin]:
        axis.axvline(end, color=_SEEDS, linewidth=0.8, linestyle=":", zorder=1)
    letters = 34 if width > 12 else 18
    labels = [textwrap.fill(row.name, letters, break_long_words=False) for row in rows[::-1]]
    name_rows(axis, labels)
    axis.set_xlabel(f"{axis_title(table)}\n(against {table.baseline}, on {table.split})")
    return save(figure, folder, figure_name(name, width))
