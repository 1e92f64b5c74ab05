"""A part of the report: said once, written as HTML and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from slr_tune.report.page import (
    Figure,
    Section,
    Table,
    figure_html,
    markdown_table,
    table_html,
    text_html,
)
from slr_tune.report.style import grid_html


@dataclass(frozen=True)
class Part:
    """A heading with what stands below it, in this order.

    Attributes:
        title: The heading.
        text: Paragraphs; the first says what to see.
        items: A list of lines, each with what to type; empty where there is nothing to type.
        figures: One below the other.
        panels: Small figures side by side.
        tables: Tables.
        folded: Whether it opens on a click.
        pictorial: Whether its text only explains its figures, so that it says nothing without them.
        wide: Pixels that the figures need; on a narrower screen they scroll. 0 where they adapt.
    """

    title: str
    text: Sequence[str] = ()
    items: Sequence[tuple[str, str]] = ()
    figures: Sequence[Figure] = ()
    panels: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    folded: bool = False
    pictorial: bool = False
    wide: int = 0

    def section(self) -> Section:
        """As HTML."""
        parts = [text_html(*self.text)]
        if self.items:
            parts.append(Markup("<ul>{}</ul>").format(Markup("").join(map(_item, self.items))))
        figures = Markup("\n").join(figure_html(figure) for figure in self.figures)
        if self.wide:
            frame = Markup('<div class="table"><div style="min-width:{}px">{}</div></div>')
            figures = frame.format(self.wide, figures)
        parts.append(figures)
        if self.panels:
            parts.append(grid_html(figure_html(figure) for figure in self.panels))
        parts += [table_html(table) for table in self.tables]
        return Section(self.title, Markup("\n").join(parts), folded=self.folded)

    def markdown(self) -> str:
        """As Markdown, without figures; empty for a part that says nothing without them."""
        if self.pictorial:
            return ""
        lines = [f"## {self.title}", "", *(f"{text}\n" for text in self.text)]
        for text, command in self.items:
            lines.append(f"- {text}" + (f"\n\n      {command}\n" if command else ""))
        lines += [""] if self.items else []
        lines += [markdown_table(table) for table in self.tables]
        return "\n".join(lines)


def _item(item: tuple[str, str]) -> Markup:
    text, command = item
    typed = Markup("<br><code>{}</code>").format(command) if command else Markup("")
    return Markup("<li>{}{}</li>").format(text, typed)
