"""One word for each thing: what the glossary rules out stands nowhere that a user reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def ruled_out() -> dict[str, str]:
    """Word -> the term to write in its place."""
    words = {}
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[2] and not set(cells[2]) <= set("-:"):
            words |= {word.strip(): cells[0] for word in cells[2].split(",")}
    words.pop("not")
    return words


def test_the_glossary_is_in_order() -> None:
    """Terms stand once, in alphabetical order."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(terms) > 40 and terms == sorted(terms, key=str.lower) and len(ruled_out()) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_uses_a_word_that_is_ruled_out(page: Path) -> None:
    """The help of the commands is one of the pages."""
    if page.name == "glossary.md":
        return
    text = " ".join(page.read_text(encoding="utf-8").split())
    for word, term in ruled_out().items():
        found = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, flags=re.IGNORECASE)
        near = "" if found is None else text[max(0, found.start() - 40) : found.end() + 40]
        assert found is None, f"{word!r} for {term!r}: ...{near}..."
