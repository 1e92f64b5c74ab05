"""One word for each thing, in plain English: what the glossary rules out stands nowhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if page != GLOSSARY),
]
PACKAGES = ("slr_tune", "trainables")
OLD_NAMES = ROOT / "slr_tune" / "ablation" / "result_files.py"
"""Reads the verdicts of older versions by the names that they had."""
_ANY_WORD = r"(?!longer\b|more\b|less\b|time\b)[\w-]+"
"""Any word, except in "is no longer" and its like."""


def rows() -> list[list[str]]:
    """Cells of every row of both tables, without their headings."""
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if row[-1] != "not" and not set(row[0]) <= set("-:")]


def ruled_out() -> dict[str, str]:
    """Phrase -> what to write in its place."""
    return {phrase.strip(): row[0] for row in rows() if row[-1] for phrase in row[-1].split(",")}


def _pattern(phrases: dict[str, str]) -> re.Pattern[str]:
    """Any of the phrases; "there is no baseline" is plain, "is no baseline" is not."""
    parts = sorted((re.escape(one).replace("WORD", _ANY_WORD) for one in phrases), key=len)
    anywhere = "|".join(reversed(parts))
    return re.compile(rf"(?<!there )(?<![\w-])(?:{anywhere})(?![\w-])", flags=re.IGNORECASE)


def _found(text: str) -> list[str]:
    """Each phrase that is ruled out, with the words around it."""
    text = " ".join(text.split())
    hits = _pattern(ruled_out()).finditer(text)
    return [text[max(0, hit.start() - 40) : hit.end() + 40] for hit in hits]


def _messages(source: str) -> list[tuple[int, str]]:
    """Line and text of every string that is not a docstring, of f-strings too."""
    tree, texts, inner = ast.parse(source), [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            inner |= {id(part) for part in parts}
            text = "".join(part.value if part in parts else "0" for part in node.values)  # type: ignore[attr-defined]
            texts.append((node.lineno, text))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            texts.append((node.lineno, node.value))
    return texts


def test_the_glossary_is_in_order() -> None:
    """Terms stand once, in alphabetical order."""
    terms = [row[0] for row in rows() if len(row) == 3][1:]
    assert len(terms) > 40 and terms == sorted(set(terms), key=str.lower) and len(ruled_out()) > 60


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("'3' is no number", True),
        ("the same command goes on where it was", True),
        ("Print CSV, a line a system.", True),
        ("9.3 s an epoch", True),
        ("there is no baseline, and it is no longer needed", False),
        ("one row per system, at a time", False),
        ("--untold and beside_it are names", False),
    ],
)
def test_what_is_ruled_out_is_found(text: str, found: bool) -> None:
    """If these passed unseen, the tests below would say nothing."""
    assert bool(_found(text)) is found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_no_page_uses_a_word_that_is_ruled_out(page: Path) -> None:
    """The help of the commands is one of the pages. Names of tests and of files are not words."""
    text = re.sub(r"`(tests|benchmarks)/[^`]*`", "", page.read_text(encoding="utf-8"))
    assert not _found(text)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_message_uses_a_word_that_is_ruled_out(package: str) -> None:
    """Errors, hints, reports and progress: every string of the code that is not a docstring."""
    bad = [
        f"{path.relative_to(ROOT)}:{line}: ...{near}..."
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != OLD_NAMES
        for line, text in _messages(path.read_text(encoding="utf-8"))
        if " " in text
        for near in _found(text)
    ]
    assert not bad, "\n".join(bad)
