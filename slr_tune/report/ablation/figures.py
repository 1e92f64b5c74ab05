"""The figures of an ablation's page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from slr_tune.ablation.result import AblationResult, ArmRow, ResultTable
from slr_tune.report.ablation import words
from slr_tune.report.page import DASHES, PALETTE, SYMBOLS, Figure
from slr_tune.report.page.figures import INK

SOFT = "var(--soft)"
_LABEL = 24
"""Characters of an arm's name beside a figure before it is broken."""

GROUPS = {
    "shown better": ("var(--better)", 1),
    "shown worse": ("var(--worse)", 1),
    "shown": ("var(--accent)", 1),
    "not shown": (INK, 0),
    "identical": (SOFT, 0),
}
"""Verdict by its colour, and whether its marker is filled."""


def group_of(row: ArmRow) -> str:
    """Which of `GROUPS` a row belongs to."""
    return row.outcome if row.outcome in GROUPS else "not shown"


def compared(table: ResultTable) -> list[ArmRow]:
    """The rows that have a difference."""
    return [row for row in table.rows if row.difference is not None]


def axis_title(table: ResultTable) -> str:
    """The axis of differences, with the side that is better."""
    left, right = ("better", "worse") if table.minimize else ("worse", "better")
    unit = words.unit_word(table)
    return f"\u2190 {left}    {unit}    {right} \u2192"


def difference_figure(table: ResultTable) -> Figure:
    """Differences to the baseline with their intervals, in the order of the table."""
    rows = compared(table)
    places = {row.name: len(rows) - 1 - place for place, row in enumerate(rows)}
    traces = [_seed_marks(rows, places)] if any(row.difference_per_seed for row in rows) else []
    for group, (colour, filled) in GROUPS.items():
        members = [row for row in rows if group_of(row) == group]
        if members:
            traces.append(_intervals(members, places, table, group, colour, bool(filled)))
    layout = {
        "xaxis": {"title": {"text": axis_title(table), "standoff": 6}, "zeroline": False},
        "yaxis": {
            "tickvals": list(places.values()),
            "ticktext": [wrapped(name) for name in places],
            "range": [-0.6, len(rows) - 0.4],
            "showgrid": False,
            "zeroline": False,
        },
        "shapes": [
            {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
             "line": {"color": INK, "width": 1.2}}
        ],
        "margin": {"l": 10, "r": 12, "t": 28, "b": 42},
        "legend": {"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    }  # fmt: skip
    said = "; ".join(
        f"{row.name} {' '.join(words.difference_texts(row, table))}, {row.outcome}" for row in rows
    )
    return Figure(
        traces,
        f"Differences to {table.baseline} with 95 % intervals: {said}.",
        layout,
        height=rows_height([row.name for row in rows]),
    )


def _seed_marks(rows: Sequence[ArmRow], places: dict[str, int]) -> dict[str, Any]:
    points = [(value, places[row.name]) for row in rows for value in row.difference_per_seed]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "each seed",
        "x": [value for value, _ in points],
        "y": [place - 0.24 for _, place in points],
        "marker": {"symbol": "line-ns-open", "size": 7, "color": SOFT, "line": {"width": 1.5}},
        "hovertemplate": "one seed: %{x:+.2f}<extra></extra>",
    }


def _intervals(
    rows: Sequence[ArmRow],
    places: dict[str, int],
    table: ResultTable,
    group: str,
    colour: str,
    filled: bool,
) -> dict[str, Any]:
    centers = [row.difference or 0.0 for row in rows]
    highs = [row.difference if row.high is None else row.high for row in rows]
    lows = [row.difference if row.low is None else row.low for row in rows]
    symbol = {"\u25bc": "triangle-down", "\u25b2": "triangle-up"}.get(
        words.mark(rows[0], table), "circle" if filled else "circle-open"
    )
    return {
        "type": "scatter",
        "mode": "markers",
        "name": group,
        "x": centers,
        "y": [places[row.name] for row in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [(high or 0.0) - center for high, center in zip(highs, centers, strict=True)],
            "arrayminus": [
                center - (low or 0.0) for low, center in zip(lows, centers, strict=True)
            ],
            "color": colour,
            "thickness": 2,
            "width": 5,
        },
        "marker": {"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2}},
        "customdata": [
            [row.name, " ".join(words.difference_texts(row, table)), words.p_value_text(row.holm_p)]
            for row in rows
        ],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]}<br>p %{customdata[2]}, "
        f"{group}<extra></extra>",
    }


def path_figure(result: AblationResult, table: ResultTable) -> Figure:
    """The mean after each step of the measured path."""
    start = table.row(table.baseline).mean
    labels = ["baseline", *(f"{n}. {step.parameter}" for n, step in enumerate(result.steps, 1))]
    means = [start, *(step.mean for step in result.steps)]
    trace = {
        "type": "scatter",
        "mode": "lines+markers+text",
        "x": [wrapped(label, 14) for label in labels],
        "y": means,
        "text": [words.value_text(mean, table) for mean in means],
        "textposition": "top right",
        "line": {"color": PALETTE[0], "width": 2},
        "marker": {"size": 9, "color": PALETTE[0]},
        "cliponaxis": False,
        "hovertemplate": "%{x}: %{y:.2f}<extra></extra>",
    }
    layout = {
        "xaxis": {"type": "category", "showgrid": False},
        "yaxis": {"title": {"text": f"mean {words.measure_name(table)}"}},
        "margin": {"l": 55, "r": 45, "t": 25, "b": 60},
    }
    return Figure([trace], "Steps: the mean after each change.", layout, height=300)


def interaction_figure(result: AblationResult) -> Figure | None:
    """Means by the level of one factor, a line for each level of the other."""
    facts = {arm.name: arm for arm in result.arms if arm.part == result.main.role}
    names = list(dict.fromkeys(name for arm in facts.values() for name in arm.levels))
    if len(names) != 2:
        return None
    cells: dict[str, dict[str, float]] = {}
    for row in result.main.rows:
        levels = facts[row.name].levels if row.name in facts else {}
        if len(levels) == 2:
            cells.setdefault(levels[names[1]], {})[levels[names[0]]] = row.mean
    if not cells:
        return None
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": other,
            "x": [wrapped(level, 14) for level in means],
            "y": list(means.values()),
            "line": {"color": PALETTE[n % len(PALETTE)], "dash": DASHES[n % len(DASHES)]},
            "marker": {"symbol": SYMBOLS[n % len(SYMBOLS)], "size": 9},
        }
        for n, (other, means) in enumerate(cells.items())
    ]
    layout = {
        "xaxis": {"type": "category", "title": {"text": names[0], "standoff": 6}},
        "yaxis": {"title": {"text": f"mean {words.measure_name(result.main)}"}},
        "legend": {"orientation": "h", "y": -0.3, "title": {"text": f"{names[1]}: "}},
        "showlegend": True,
    }
    said = f"Mean by {names[0]}, a line for each {names[1]}; parallel lines: no interaction."
    return Figure(traces, said, layout, height=340 + 12 * len(cells))


def rows_height(names: Sequence[str]) -> int:
    """Pixels of a figure with one row for each name, with room for three lines of legend."""
    return 115 + sum(14 + 16 * (1 + wrapped(name).count("<br>")) for name in names)


def wrapped(text: str, width: int = _LABEL) -> str:
    """Broken between words where it is long."""
    return "<br>".join(textwrap.wrap(text, width, break_long_words=False)) or text
