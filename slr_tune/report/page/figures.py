"""Figures for a page: plain plotly descriptions that take the page's colours, light or dark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from slr_tune.report.page.tables import typeset

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8C6D31",
    "#7F7F7F",
)
"""Colours that colour-blind people tell apart, on white and on dark. Source: Okabe and Ito 2008."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
"""A series differs in these too, so that a figure is readable without colour."""

INK = "var(--ink)"
"""A colour in a figure that stands for the page's text colour."""


@dataclass(frozen=True)
class Figure:
    """A figure of a page.

    Attributes:
        traces: plotly's traces as plain mappings.
        description: What it shows, for those who do not see it.
        layout: plotly's layout; colours of text and grid are the page's.
        height: Pixels.
    """

    traces: Sequence[Mapping[str, Any]]
    description: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320


def figure_html(figure: Figure) -> Markup:
    """The figure's place in a page; the page's script draws it."""
    spec = {"data": list(figure.traces), "layout": dict(figure.layout)}
    # NaN is no JSON; a "</script>" in a label must not end the element.
    text = json.dumps(plain(spec), ensure_ascii=False).replace("</", "<\\/")
    html = Markup('<figure role="img" aria-label="{}" style="min-height:{}px">').format(
        typeset(figure.description), figure.height
    )
    return html + Markup(
        f'<div class="plot" style="height:{int(figure.height)}px"></div>'
        f'<script type="application/json">{text}</script></figure>'
    )


def plain(value: Any) -> Any:
    """A figure's value as JSON holds it: no tuples, and null for what is no number."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return typeset(value) if isinstance(value, str) else value
