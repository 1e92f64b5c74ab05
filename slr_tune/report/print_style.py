"""matplotlib as all printed figures use it: no display, one style, PNG and PDF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.files.atomic import partial_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as PrintedFigure

_LEGEND_COLUMNS = 2
_LEGEND_LINE = 10.0
"""Height of a line of a legend, points."""

LINES = ("-", "--", ":", "-.", (0, (6, 2)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "D", "^", "P", "X", "*", "v")
"""A line differs from the others in these too, so that a figure is readable without colour."""

DARK, GREY = "#1b1f24", "#8A929C"
"""Colours of what matters most and least, on white."""

COLUMN, FULL = 8.5, 17.4
"""Widths of a figure, cm: of a column, and of a page of two columns."""

_CM = 1 / 2.54
_NARROW = 12.0
"""Width, cm, below which panels are stacked."""

_STYLE = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#d9dee4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    # A file made twice from the same study has the same bytes.
    "svg.hashsalt": "slr-tune",
}


def new_figure(
    rows: int, columns: int, *, size: tuple[float, float], **options: Any
) -> tuple[PrintedFigure, list[Axes]]:
    """A figure and its axes, row by row.

    Args:
        rows: Of panels.
        columns: Of panels.
        size: Inches, width and height.
        options: Of matplotlib's `Figure.subplots`.
    """
    # Where the home cannot be written to it says so on its first import; nothing follows from it.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.flat)


def new_panels(
    count: int, *, width: float, height: float, ratios: Sequence[float] = (), **options: Any
) -> tuple[PrintedFigure, list[Axes]]:
    """Panels side by side, or below each other in a column.

    Args:
        count: Of panels.
        width: Of the figure, cm.
        height: Of a panel, cm.
        ratios: Of the panels' widths where they are side by side; empty for the same.
        options: Of matplotlib's `Figure.subplots`.
    """
    narrow = width < _NARROW
    rows, columns = (count, 1) if narrow else (1, count)
    size = (width * _CM, height * rows * _CM)
    shares = {"width_ratios": ratios} if ratios and not narrow else {}
    return new_figure(rows, columns, size=size, **shares, **options)


def figure_name(name: str, width: float) -> str:
    """Of a figure's files: `search`, and `search-85mm` where the width is not a page's.

    In millimetres, as LaTeX takes what follows a dot for the kind of file.
    """
    return name if width == FULL else f"{name}-{10 * width:.0f}mm"


def title_axis(axis: Axes, title: str, *, x: str = "", y: str = "", legend: bool = True) -> None:
    """A panel's title at the left, its axes' titles, and a legend between title and panel."""
    entries = len(axis.get_legend_handles_labels()[1]) if legend else 0
    lines = -(-entries // _LEGEND_COLUMNS)
    axis.set_title(title, fontsize=9, loc="left", pad=6 + _LEGEND_LINE * lines)
    if x:
        axis.set_xlabel(x)
    if y:
        axis.set_ylabel(y)
    if entries:
        drawn = axis.legend(
            fontsize=7,
            frameon=False,
            ncols=_LEGEND_COLUMNS,
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            borderpad=0.1,
            borderaxespad=0.2,
            labelspacing=0.25,
            columnspacing=0.9,
            handlelength=1.6,
            handletextpad=0.5,
        )
        drawn.set_in_layout(False)  # a long entry must not push the panel together


def note(
    axis: Axes, text: str, place: tuple[float, float], offset: tuple[float, float], **look: Any
) -> None:
    """A text next to a place of a panel, so many points away."""
    axis.annotate(text, place, xytext=offset, textcoords="offset points", **look)


def ring(axis: Axes, x: float, y: float, size: float, colour: str, **look: Any) -> None:
    """A ring around a place, on top of all else."""
    axis.scatter(x, y, s=size, facecolors="none", edgecolors=colour, zorder=4, **look)


def name_rows(axis: Axes, names: Sequence[str]) -> None:
    """A vertical axis with a name for each row, the first at the bottom."""
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.set_ylim(-0.6, len(names) - 0.4)


def save(figure: PrintedFigure, folder: Path, name: str) -> list[Path]:
    """Writes `name.png` and `name.pdf`; returns their paths."""
    from matplotlib import rc_context

    paths = [folder / f"{name}.png", folder / f"{name}.pdf"]
    with rc_context(_STYLE):  # type: ignore[arg-type]
        with partial_file(paths[0]) as partial:
            figure.savefig(partial, format="png")
        with partial_file(paths[1]) as partial:
            figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
    return paths
