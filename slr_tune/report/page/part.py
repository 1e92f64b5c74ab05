"""What a report is before it is written: a page of parts, the same for every format."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from slr_tune.report.page.figures import Figure
from slr_tune.report.page.tables import Table

HTML, MARKDOWN, LATEX, TERMINAL = ("html",), ("markdown",), ("latex",), ("terminal",)
WRITTEN = HTML + MARKDOWN
READ = WRITTEN + TERMINAL
"""What a person reads; LaTeX is made of the tables alone that a page names for it."""


@dataclass(frozen=True)
class Bullets:
    """A list of lines.

    Attributes:
        items: Lines, each by itself or with what to type.
    """

    items: Sequence[str | tuple[str, str]]

    def pairs(self) -> list[tuple[str, str]]:
        """Each line with what to type, empty where there is nothing to type."""
        return [(item, "") if isinstance(item, str) else item for item in self.items]


@dataclass(frozen=True)
class Code:
    """Text as it stands, such as a command."""

    text: str


@dataclass(frozen=True)
class Panels:
    """Small figures side by side."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Part:
    """A heading with what stands below it.

    Attributes:
        title: The heading; empty for none.
        blocks: In order. A string is a paragraph; a part inside is a group without a heading, or
            opens on a click.
        folded: Whether it opens on a click.
        anchor: Its id in the page and the end of its tables' LaTeX labels; empty for none.
        formats: The formats that have it.
    """

    title: str
    blocks: Sequence[Block]
    folded: bool = False
    anchor: str = ""
    formats: Collection[str] = READ

    def blocks_in(self, form: str) -> Iterator[Block]:
        """What a format has of it, the groups without a heading taken apart."""
        for block in self.blocks:
            if not isinstance(block, Part):
                yield block
            elif form in block.formats:
                yield from [block] if block.title else block.blocks_in(form)

    @property
    def figures(self) -> list[Figure]:
        """All of them, those side by side too."""
        several = [block.figures for block in self.blocks if isinstance(block, Panels)]
        return [block for block in self.blocks if isinstance(block, Figure)] + [
            figure for figures in several for figure in figures
        ]

    @property
    def tables(self) -> list[Table]:
        """All of them."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def text(self) -> list[str]:
        """Its paragraphs."""
        return [block for block in self.blocks if isinstance(block, str)]


Block: TypeAlias = str | Bullets | Code | Figure | Panels | Table | Part


@dataclass(frozen=True)
class Page:
    """All that a command has to say.

    Attributes:
        title: Of the page and of the window.
        subtitle: One line below it: which study, what data.
        verdict: The one sentence a reader came for.
        parts: In order.
    """

    title: str
    subtitle: str
    verdict: str
    parts: Sequence[Part]

    def parts_in(self, form: str) -> list[Part]:
        """The parts that a format has."""
        return [part for part in self.parts if form in part.formats]
