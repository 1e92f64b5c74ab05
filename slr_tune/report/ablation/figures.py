"""The figures of an ablation's page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from slr_tune.ablation.result import AblationResult, ArmRow, ResultTable
from slr_tune.report.ablation import sentences
from slr_tune.report.page import Figure
from slr_tune.report.page.figures import (
    INK,
    PALETTE,
    SOFT,
    Trace,
    axis,
    error_bars,
    panel_axis,
    rows_axis,
    scatter,
    series_style,
    vertical_line,
)

_LABEL = 24
"""Characters of an arm's name next to a figure before it is broken."""

GROUPS = {
    "better": ("var(--better)", 1),
    "worse": ("var(--worse)", 1),
    sentences.WITHIN: ("var(--same)", 1),
    **dict.fromkeys(sentences.MIXED, ("var(--accent)", 0)),
    "interaction": ("var(--accent)", 1),
    "no clear difference": (INK, 0),
    "identical": (SOFT, 0),
}
"""Verdict by its colour, and whether its marker is filled."""

ROW_LEGEND = {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}
"""Legend of a figure with one row for each arm."""


def interval_of(row: ArmRow) -> tuple[float, float, float]:
    """A difference and its ends, which are itself where no interval is known."""
    center = row.difference or 0.0
    return center, center if row.low is None else row.low, center if row.high is None else row.high


def axis_title(table: ResultTable) -> str:
    """The axis of differences, with the side that is better."""
    left, right = ("better", "worse") if table.minimize else ("worse", "better")
    return f"\u2190 {left}    {sentences.unit_word(table)}    {right} \u2192"


def difference_figure(table: ResultTable) -> Figure:
    """Differences to the baseline with their intervals, in the order of the table."""
    rows = sentences.compared(table)
    names = [row.name for row in rows][::-1]
    places = {name: place for place, name in enumerate(names)}
    each = "run" if table.orders > 1 else "seed"
    differ = any(row.difference_per_seed for row in rows)
    traces = [_seed_marks(rows, places, each)] if differ else []
    for group in GROUPS:
        members = [
            row
            for row in rows
            if (row.outcome if row.outcome in GROUPS else "no clear difference") == group
        ]
        if members:
            traces.append(_intervals(members, places, table, group))
    ends = [-0.6, len(rows) - 0.4]
    layout = {
        "xaxis": panel_axis(axis_title(table), zeroline=False),
        "yaxis": rows_axis(list(map(wrapped, names)), range=ends, zeroline=False),
        "shapes": [
            vertical_line(0, INK, layer="below", line={"width": 1.2}),
            *(
                vertical_line(end, SOFT, layer="below", line={"width": 1, "dash": "dot"})
                for end in ([] if table.margin is None else [-table.margin, table.margin])
            ),
        ],
        "margin": {"l": 10, "r": 12, "t": 28, "b": 42},
        "legend": ROW_LEGEND,
    }
    message = "; ".join(f"{row.name} {_text(row, table)}, {row.outcome}" for row in rows)
    about = f"Differences to {table.baseline} with 95 % intervals: {message}."
    height = rows_height(names)
    least = max(225, 70 + sum(6 + 13 * (1 + wrapped(name).count("<br>")) for name in names))
    return Figure(traces, about, layout, height, least=least)


def _text(row: ArmRow, table: ResultTable) -> str:
    return " ".join(sentences.difference_texts(row, table))


def _seed_marks(rows: Sequence[ArmRow], places: dict[str, int], each: str) -> Trace:
    points = [(value, places[row.name] - 0.24) for row in rows for value in row.difference_per_seed]
    x, y = zip(*points, strict=True)
    marker = {"symbol": "line-ns-open", "size": 7, "color": SOFT, "line": {"width": 1.5}}
    hover = f"one {each}: %{{x:+.2f}}"
    return scatter(f"each {each}", x, y, "markers", hover=hover, marker=marker)


def _intervals(
    rows: Sequence[ArmRow], places: dict[str, int], table: ResultTable, group: str
) -> Trace:
    colour, filled = GROUPS[group]
    symbol = {"\u25bc": "triangle-down", "\u25b2": "triangle-up", "\u2248": "square"}.get(
        sentences.mark(rows[0], table), "circle" if filled else "circle-open"
    )
    centers, lows, highs = zip(*map(interval_of, rows), strict=True)
    return scatter(
        group,
        centers,
        [places[row.name] for row in rows],
        "markers",
        hover=f"%{{customdata[0]}}: %{{customdata[1]}}<br>p %{{customdata[2]}}, {group}",
        error_x=error_bars(centers, lows, highs, color=colour, thickness=2, width=5),
        marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2}},
        customdata=[
            [row.name, _text(row, table), sentences.p_value_text(row.holm_p)] for row in rows
        ],
    )


def path_figure(result: AblationResult, table: ResultTable) -> Figure:
    """The mean after each step of the measured path."""
    labels = ["baseline", *(f"{n}. {step.parameter}" for n, step in enumerate(result.steps, 1))]
    means = [table.row(table.baseline).mean, *(step.mean for step in result.steps)]
    trace = scatter(
        "",
        [wrapped(label, 14) for label in labels],
        means,
        "lines+markers+text",
        hover="%{x}: %{y:.2f}",
        text=[sentences.value_text(mean, table) for mean in means],
        textposition="top right",
        line={"color": PALETTE[0], "width": 2},
        marker={"size": 9, "color": PALETTE[0]},
        cliponaxis=False,
    )
    layout = {
        "xaxis": {"type": "category", "showgrid": False},
        "yaxis": axis(f"mean {sentences.measure_name(table)}"),
        "margin": {"l": 55, "r": 45, "t": 25, "b": 60},
    }
    return Figure([trace], "Steps: the mean after each change.", layout, height=300)


def interaction_figure(result: AblationResult) -> Figure | None:
    """Means by the level of one factor, a line for each level of the other."""
    levels = {arm.name: arm.levels for arm in result.arms if arm.part == result.main.role}
    names = list(dict.fromkeys(name for own in levels.values() for name in own))
    if len(names) != 2:
        return None
    cells: dict[str, dict[str, float]] = {}
    for row in result.main.rows:
        if len(own := levels.get(row.name, {})) == 2:
            cells.setdefault(own[names[1]], {})[own[names[0]]] = row.mean
    if not cells:
        return None
    traces = []
    for place, (other, means) in enumerate(cells.items()):
        line, marker = series_style(place)
        x, y = [wrapped(level, 14) for level in means], list(means.values())
        style = {"line": line, "marker": {**marker, "size": 9}}
        traces.append(scatter(other, x, y, "lines+markers", hover=None, **style))
    layout = {
        "xaxis": panel_axis(names[0], type="category"),
        "yaxis": axis(f"mean {sentences.measure_name(result.main)}"),
        "legend": {**ROW_LEGEND, "title": {"text": f"{names[1]}: "}},
        "showlegend": True,
    }
    message = f"Mean by {names[0]}, one line per {names[1]}; parallel lines mean no interaction."
    return Figure(traces, message, layout, height=340 + 12 * len(cells))


def rows_height(names: Sequence[str]) -> int:
    """Pixels of a figure with one row for each name, with room for three lines of legend."""
    return 115 + sum(14 + 16 * (1 + wrapped(name).count("<br>")) for name in names)


def wrapped(text: str, width: int = _LABEL) -> str:
    """Broken between words where it is long."""
    return "<br>".join(textwrap.wrap(text, width, break_long_words=False)) or text
