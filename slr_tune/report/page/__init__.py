"""The design that all reports share: one page of parts, one kind of table, one kind of figure.

A page is written as a single HTML file that opens from disk and asks no server for anything, as
Markdown, as tables in LaTeX, and printed on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

HTML, MARKDOWN, LATEX, TERMINAL = ("html",), ("markdown",), ("latex",), ("terminal",)
WRITTEN = HTML + MARKDOWN
READ = WRITTEN + TERMINAL
"""What a person reads; LaTeX is made of the tables alone that a page names for it."""


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    Attributes:
        heading: Its heading, with the unit where there is one.
        numeric: Whether it holds numbers, which are set to the right.
        secondary: Whether a phone's page may leave it out; it must then be elsewhere too.
        essential: Whether a narrow terminal keeps it whole, and drops other columns for it.
        pinned: Whether it stays in view at the right edge of a page while the others scroll.
    """

    heading: str
    numeric: bool = False
    secondary: bool = False
    essential: bool = False
    pinned: bool = False


def texts(*headings: str, essential: bool = False, pinned: bool = False) -> list[TableColumn]:
    """Columns of text."""
    return [TableColumn(heading, essential=essential, pinned=pinned) for heading in headings]


def numbers(*headings: str, secondary: bool = False, essential: bool = False) -> list[TableColumn]:
    """Columns of numbers."""
    return [TableColumn(heading, True, secondary, essential) for heading in headings]


@dataclass(frozen=True)
class Table:
    """A table of plain text; each format escapes it in its own way.

    Attributes:
        columns: Its columns.
        rows: Cells, as many in each row as there are columns.
        caption: What it shows, a sentence; may be empty.
        emphasis: Numbers of rows that stand out, such as the baseline's.
        links: Address to which a row's first cell leads on a page, by the row's number.
    """

    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    emphasis: frozenset[int] = frozenset()
    links: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks the rows' lengths.

        Raises:
            ValueError: A row has more or fewer cells than there are columns.
        """
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"row {number} has {len(row)} cells, the table {len(self.columns)} columns"
                )


def typeset(text: str) -> str:
    """Plain text as a page shows it: no line break in an arrow, or between number and percent."""
    return text.replace("->", "\u2192").replace(" %", "\u00a0%")


@dataclass(frozen=True)
class Figure:
    """A figure of a page.

    Attributes:
        traces: plotly's traces as plain mappings.
        description: What it shows, for those who do not see it.
        layout: plotly's layout; colours of text and grid are the page's.
        height: Pixels.
        wide: Pixels that it needs; on a narrower screen it scrolls. 0 where it adapts.
        least: Pixels of height that it needs on a phone's first screen.
    """

    traces: Sequence[Mapping[str, Any]]
    description: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320
    wide: int = 0
    least: int = 225


@dataclass(frozen=True)
class Bullets:
    """A list of lines.

    Attributes:
        items: Lines, each by itself or with what to type.
        elsewhere: (what to type) -> the same for a file, which is read in any folder; None for the
            same.
    """

    items: Sequence[str | tuple[str, str]]
    elsewhere: Callable[[str], str] | None = None

    def pairs(self) -> list[tuple[str, str]]:
        """Each line with what to type here, empty where there is nothing to type."""
        return [(item, "") if isinstance(item, str) else item for item in self.items]

    def written(self) -> list[tuple[str, str]]:
        """The same for a file."""
        moved = self.elsewhere or str
        return [(text, moved(line) if line else "") for text, line in self.pairs()]


@dataclass(frozen=True)
class Code:
    """Text as it is, such as a command."""

    text: str


@dataclass(frozen=True)
class Panels:
    """Small figures side by side."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Part:
    """A heading with its content.

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
class Answer:
    """An answer on a page's first screen.

    Attributes:
        question: What a reader asks, such as "Is it real?".
        text: The answer, one or two sentences.
        value: The figure that it is about, shown large; may be empty.
        lines: What it lists, a short line each, such as changed settings.
        command: What to type, with a button that copies it; may be empty.
        elsewhere: The same for any folder, which is what is copied; empty for the same.
    """

    question: str
    text: str
    value: str = ""
    command: str = ""
    elsewhere: str = ""
    lines: Sequence[str] = ()


TONES = ("better", "worse", "shown", "equivalent", "inconclusive")
"""Marks of a verdict, each with a colour and a sign: a gain, a loss or a warning, a difference in
either direction, no difference beyond a margin, undecided."""


@dataclass(frozen=True)
class Page:
    """All that a command has to say.

    Attributes:
        title: Of the page and of the window.
        subtitle: One line below it: which study, what data.
        verdict: The one sentence a reader came for.
        parts: In order.
        answers: Content of the first screen below the verdict.
        chart: The one figure next to the answers.
        beside: A second, smaller figure next to the chart, which a phone shows below it.
        lead: The verdict as the first screen has it, where the answers say the rest; else empty.
        tone: How the verdict is marked: one of `TONES`, or "" for no mark.
        links: Where else to go from a page that a server gives, each a text and an address.
    """

    title: str
    subtitle: str
    verdict: str
    parts: Sequence[Part]
    answers: Sequence[Answer] = ()
    chart: Figure | None = None
    beside: Figure | None = None
    lead: str = ""
    tone: str = ""
    links: Sequence[tuple[str, str]] = ()

    def parts_in(self, form: str) -> list[Part]:
        """The parts that a format has."""
        return [part for part in self.parts if form in part.formats]
