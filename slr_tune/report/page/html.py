"""A page as one self-contained HTML file."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup, escape

from slr_tune.report.page import (
    Answer,
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
_WIDE = 9
"""Columns above which a table scrolls anyway, so that its cells need not be broken."""
_OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*)")
_GRID = "display:grid;gap:0 1rem;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr))"
"""Figures side by side where there is room, below each other where there is none."""


def render_html(page: Page) -> str:
    """HTML with style and script inside; plotly is inside where the page has a figure."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_read("page.html"))
    parts = [(part, blocks_html(part)) for part in page.parts_in("html")]
    chart = _joined(_figure(figure) for figure in (page.chart, page.beside) if figure)
    has_figures = bool(chart) or any("<figure" in body for _, body in parts)
    scripts = [_read("reader.js")]
    scripts += [_plotly(), _read("page.js")] if has_figures else []
    return template.render(
        title=typeset(page.title),
        subtitle=typeset(page.subtitle),
        verdict=_running(page.lead or page.verdict),
        tone=page.tone,
        parts=[(part, body, part.anchor or f"part-{n}") for n, (part, body) in enumerate(parts)],
        answers=[(a, _answer(a)) for a in page.answers],
        chart=chart,
        two_charts=page.beside is not None,
        links=page.links,
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
    """Content below a part's heading."""
    return _joined(block_html(block) for block in part.blocks_in("html"))


def block_html(block: Block) -> Markup:
    """A block; empty for one without content."""
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
            return Markup("<p>{}</p>").format(_running(block)) if block else Markup("")


def _running(text: str) -> Markup:
    """A sentence, in which no line ends inside an option such as `--study`."""
    return Markup(_OPTION.sub(r'<span class="whole">\1</span>', str(escape(typeset(text)))))


def _answer(answer: Answer) -> Markup:
    """Figure, text, lines and command of an answer."""
    value = Markup('<span class="value">{}</span> ').format(typeset(answer.value))
    lines = Markup("").join(Markup("<li>{}</li>").format(typeset(one)) for one in answer.lines)
    listed = Markup('<ul class="lines">{}</ul>').format(lines) if lines else Markup("")
    command = _command(answer.command, answer.elsewhere)
    return (value if answer.value else Markup("")) + _running(answer.text) + listed + command


def _item(item: tuple[str, str]) -> Markup:
    text, command = item
    return Markup("<li>{}{}</li>").format(_running(text), _command(command))


def _command(command: str, elsewhere: str = "") -> Markup:
    """A command whose lines end between its words only, with a button that copies it."""
    if not command:
        return Markup("")
    words = Markup(" ").join(Markup("<span>{}</span>").format(w) for w in command.split(" "))
    return Markup(
        '<div class="command"><code tabindex="0" title="{0}">{1}</code>'
        '<button type="button" data-command="{0}">Copy</button></div>'
    ).format(elsewhere or command, words)


def _figure(figure: Figure) -> Markup:
    """The figure's place in a page; the page's script draws it."""
    spec = {"data": list(figure.traces), "layout": dict(figure.layout)}
    # NaN is not JSON; "</script>" or "<!--" in a label must not end the element or open a comment.
    text = json.dumps(plain(spec), ensure_ascii=False).replace("<", "\\u003c")
    html = Markup(
        '<figure role="img" aria-label="{}" style="min-height:{}px; --least:{}px">'
        '<div class="plot" style="height:{}px"></div>'
        '<script type="application/json">{}</script></figure>'
    ).format(
        typeset(figure.description), figure.height, figure.least, int(figure.height), Markup(text)
    )
    if not figure.wide:
        return html
    frame = Markup('<div class="table"><div style="min-width:{}px">{}</div></div>')
    return frame.format(figure.wide, html)


def _table(table: Table) -> Markup:
    """A table that scrolls sideways by itself where the screen is narrow."""
    wide = Markup(' class="wide"') if len(table.columns) > _WIDE else Markup("")
    parts = [Markup('<div class="table"><table{}>').format(wide)]
    if table.caption:
        parts.append(Markup("<caption><span>{}</span></caption>").format(_running(table.caption)))
    heads = (_cell("th", column.heading, column) for column in table.columns)
    parts.append(Markup("<thead><tr>{}</tr></thead><tbody>").format(Markup("").join(heads)))
    for number, row in enumerate(table.rows):
        opening = '<tr class="emphasis">' if number in table.emphasis else "<tr>"
        linked = [table.links.get(number, ""), *[""] * len(row)]
        cells = [_cell("td", *one) for one in zip(row, table.columns, linked, strict=False)]
        parts.append(Markup(opening) + Markup("").join(cells) + Markup("</tr>"))
    return _joined([*parts, Markup("</tbody></table></div>")])


def _cell(tag: str, text: str, column: TableColumn, address: str = "") -> Markup:
    kinds = ["number"] * column.numeric + ["secondary"] * column.secondary
    kinds += ["pinned"] * column.pinned
    kind = Markup(' class="{}"').format(" ".join(kinds)) if kinds else ""
    inner = Markup('<a href="{}">{}</a>') if address else Markup("{1}")
    content = inner.format(address, typeset(text))
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), kind, content)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("\n").join(part for part in parts if part)


@cache
def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    # A closing tag in a string of the library must not end the element.
    return str(get_plotlyjs()).replace("</script", "<\\/script")
