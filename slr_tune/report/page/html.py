"""A page as one self-contained HTML file."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup

from slr_tune.report.page import (
    Block,
    Bullets,
    Code,
    Figure,
    Page,
    Panels,
    Part,
    Table,
    TableColumn,
    typeset,
)
from slr_tune.report.page.figures import plain

_HERE = Path(__file__).parent
_GRID = "display:grid;gap:0 1rem;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr))"
"""Figures side by side where there is room, below each other where there is none."""


def render_html(page: Page) -> str:
    """HTML with style and script inside; plotly is inside where the page has a figure."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_read("page.html"))
    parts = [(part, blocks_html(part)) for part in page.parts_in("html")]
    chart = Markup("") if page.chart is None else _figure(page.chart)
    has_figures = bool(chart) or any("<figure" in body for _, body in parts)
    scripts = [_read("reader.js")]
    scripts += [_plotly(), _read("page.js")] if has_figures else []
    return template.render(
        title=typeset(page.title),
        subtitle=typeset(page.subtitle),
        verdict=typeset(page.lead or page.verdict),
        parts=[(part, body, part.anchor or f"part-{n}") for n, (part, body) in enumerate(parts)],
        answers=[(a, typeset(a.text), _command(a.command, a.elsewhere)) for a in page.answers],
        chart=chart,
        style=Markup(_read("page.css")),
        policy=_policy(scripts),
        scripts=[Markup(script) for script in scripts],
    )


def _policy(scripts: Sequence[str]) -> str:
    """What a browser may do with a page: run these scripts, show what is in it, ask nobody."""
    hashes = [
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    ]
    allowed = " ".join(hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def blocks_html(part: Part) -> Markup:
    """What stands below a part's heading."""
    return _joined(block_html(block) for block in part.blocks_in("html"))


def block_html(block: Block) -> Markup:
    """A block; empty for one that says nothing."""
    match block:
        case Bullets():
            lines = Markup("").join(map(_item, block.written()))
            return Markup("<ul>{}</ul>").format(lines) if lines else lines
        case Code():
            return Markup("<pre><code>{}</code></pre>").format(block.text)
        case Figure():
            return _figure(block)
        case Panels():
            figures = _joined(map(_figure, block.figures))
            grid = Markup('<div style="{}">{}</div>')
            return grid.format(_GRID, figures) if figures else figures
        case Table():
            return _table(block)
        case Part():
            opening = Markup("<details><summary>{}</summary>\n{}\n</details>")
            return opening.format(block.title, blocks_html(block))
        case _:
            return Markup("<p>{}</p>").format(typeset(block)) if block else Markup("")


def _item(item: tuple[str, str]) -> Markup:
    text, command = item
    return Markup("<li>{}{}</li>").format(typeset(text), _command(command))


def _command(command: str, elsewhere: str = "") -> Markup:
    """A command that scrolls where it is too long, with a button that copies it."""
    if not command:
        return Markup("")
    return Markup(
        '<div class="command"><code tabindex="0" title="{0}">{1}</code>'
        '<button type="button" data-command="{0}">Copy</button></div>'
    ).format(elsewhere or command, command)


def _figure(figure: Figure) -> Markup:
    """The figure's place in a page; the page's script draws it."""
    spec = {"data": list(figure.traces), "layout": dict(figure.layout)}
    # NaN is not JSON; "</script>" or "<!--" in a label must not end the element or open a comment.
    text = json.dumps(plain(spec), ensure_ascii=False).replace("<", "\\u003c")
    html = Markup(
        '<figure role="img" aria-label="{}" style="min-height:{}px">'
        '<div class="plot" style="height:{}px"></div>'
        '<script type="application/json">{}</script></figure>'
    ).format(typeset(figure.description), figure.height, int(figure.height), Markup(text))
    if not figure.wide:
        return html
    frame = Markup('<div class="table"><div style="min-width:{}px">{}</div></div>')
    return frame.format(figure.wide, html)


def _table(table: Table) -> Markup:
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
    return _joined([*parts, Markup("</tbody></table></div>")])


def _cell(tag: str, text: str, column: TableColumn) -> Markup:
    kinds = ["number"] * column.numeric + ["secondary"] * column.secondary
    kind = Markup(' class="{}"').format(" ".join(kinds)) if kinds else ""
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), kind, typeset(text))


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("\n").join(part for part in parts if part)


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    # A closing tag in a string of the library must not end the element.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
