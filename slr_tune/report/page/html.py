"""One self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from slr_tune.report.page.tables import Column, Table, typeset

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: Its heading; empty for none.
        body: HTML that is safe.
        folded: Whether it opens on a click.
        anchor: Its id in the page, for a link to it or a script; empty for none.
    """

    title: str
    body: Markup
    folded: bool = False
    anchor: str = ""


def render_page(
    *, title: str, subtitle: str, verdict: str, sections: Sequence[Section], footer: str = ""
) -> str:
    """The whole file.

    Args:
        title: Of the page and of the window.
        subtitle: One line below it: which study, what data.
        verdict: The one sentence a reader came for; it stands at the top.
        sections: In order.
        footer: One line at the end, plain text.

    Returns:
        HTML with style and script inside. plotly is inside where a section has a figure.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_read("page.html"))
    has_figures = any("<figure" in section.body for section in sections)
    return template.render(
        title=typeset(title),
        subtitle=typeset(subtitle),
        verdict=typeset(verdict),
        sections=sections,
        footer=footer,
        style=Markup(_read("page.css")),
        plotly=Markup(_plotly()) if has_figures else "",
        script=Markup(_read("page.js")) if has_figures else "",
    )


def table_html(table: Table) -> Markup:
    """A table that scrolls sideways by itself where the screen is narrow."""
    parts = [Markup('<div class="table"><table>')]
    if table.caption:
        parts.append(Markup("<caption><span>{}</span></caption>").format(typeset(table.caption)))
    heads = (_cell("th", column.heading, column) for column in table.columns)
    parts.append(Markup("<thead><tr>{}</tr></thead><tbody>").format(Markup("").join(heads)))
    for number, row in enumerate(table.rows):
        opening = '<tr class="emphasis">' if number in table.emphasis else "<tr>"
        cells = [_cell("td", cell, column) for cell, column in zip(row, table.columns, strict=True)]
        parts.append(Markup(opening) + Markup("").join(cells) + Markup("</tr>"))
    parts.append(Markup("</tbody></table></div>"))
    return Markup("\n").join(parts)


def text_html(*paragraphs: str) -> Markup:
    """Paragraphs of plain text."""
    return Markup("\n").join(Markup("<p>{}</p>").format(typeset(text)) for text in paragraphs)


def list_html(items: Iterable[str]) -> Markup:
    """A list of plain lines."""
    lines = Markup("").join(Markup("<li>{}</li>").format(typeset(item)) for item in items)
    return Markup("<ul>{}</ul>").format(lines)


def code_html(text: str) -> Markup:
    """Text as it stands, such as a command."""
    return Markup("<pre><code>{}</code></pre>").format(text)


def folded_html(title: str, body: Markup) -> Markup:
    """A part of a section that opens on a click."""
    return Markup("<details><summary>{}</summary>\n{}\n</details>").format(title, body)


def _cell(tag: str, text: str, column: Column) -> Markup:
    kinds = ["number"] * column.numeric + ["secondary"] * column.secondary
    kind = Markup(' class="{}"').format(" ".join(kinds)) if kinds else ""
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), kind, typeset(text))


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _plotly() -> Any:
    from plotly.offline import get_plotlyjs

    # A closing tag in a string of the library must not end the element.
    return get_plotlyjs().replace("</script", "<\\/script")
