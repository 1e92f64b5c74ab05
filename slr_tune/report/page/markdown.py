"""A page in GitHub's Markdown, without its figures."""

from __future__ import annotations

from collections.abc import Collection

from slr_tune.report.page import Answer, Block, Bullets, Code, Page, Part, Table

HEAD = ("title", "subtitle")


def render_markdown(page: Page, *, head: Collection[str] = HEAD) -> str:
    """The whole text.

    Args:
        page: The page.
        head: Which of the page's lines are above the verdict.
    """
    lines = [f"# {page.title}"] if "title" in head else []
    lines += [page.subtitle] if "subtitle" in head else []
    lines += [f"**{page.verdict}**"] if page.verdict else []
    if page.answers:
        lines.append("\n".join(map(_answer, page.answers)))
    parts = [_part(part, "##") for part in page.parts_in("markdown")]
    return "\n\n".join([*lines, *filter(None, parts)]).rstrip() + "\n"


def _answer(answer: Answer) -> str:
    listed = f"{'; '.join(answer.lines)}." if answer.lines else ""
    message = " ".join(filter(None, (answer.value, answer.text, listed)))
    typed = f"\n\n      {answer.elsewhere or answer.command}\n" if answer.command else ""
    return f"- {answer.question} {message}{typed}"


def _part(part: Part, mark: str) -> str:
    """Empty for a part that needs its figures."""
    blocks = [text for block in part.blocks_in("markdown") if (text := _block(block))]
    heading = [f"{mark} {part.title}"] if part.title and blocks else []
    return "\n\n".join(heading + blocks)


def _block(block: Block) -> str:
    match block:
        case str():
            return block
        case Bullets():
            lines = (f"- {t}" + (f"\n\n      {c}\n" if c else "") for t, c in block.written())
            return "\n".join(lines)
        case Code():
            return f"```\n{block.text}\n```"
        case Table():
            return _table(block)
        case Part():
            return _part(block, "###")
        case _:
            return ""


def _table(table: Table) -> str:
    """The table, its caption as a paragraph below."""
    lines = [
        [_escaped(column.heading) for column in table.columns],
        ["---:" if column.numeric else "---" for column in table.columns],
    ]
    for number, row in enumerate(table.rows):
        cells = [_escaped(cell) for cell in row]
        if number in table.emphasis and cells[0]:
            cells[0] = f"**{cells[0]}**"
        lines.append(cells)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\n{table.caption}" if table.caption else text


def _escaped(text: str) -> str:
    """Escapes what would end a cell or start markup."""
    for mark in "\\|*_<":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
