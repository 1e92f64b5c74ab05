"""Alignments of hypotheses with their references, laid out for a person."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from slr_tune.text import counted
from trainables.scoring.alignment import Edit, count_errors

_LINE = 100
_ROWS = ("REF ", "HYP ", "    ")
_MARKS = {"equal": "", "substitute": "S", "delete": "D", "insert": "I"}
_NO_WORD = "*"


def alignment_text(name: str, edits: Sequence[Edit]) -> str:
    """An utterance: reference, hypothesis and marks under each other.

    A long one is broken into blocks that a terminal can hold.
    """
    counts = count_errors(edits)
    room = min(_LINE, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _LINE
    lines = [f"{name}: {counted(counts.errors, 'error')} in {counted(counts.words, 'word')}"]
    rows = list(_ROWS)
    for edit in edits:
        cells = (edit.reference or _NO_WORD, edit.hypothesis or _NO_WORD, _MARKS[edit.operation])
        width = max(map(len, cells))
        if len(rows[0]) > len(_ROWS[0]) and len(rows[0]) + 1 + width > room:
            lines += rows
            rows = list(_ROWS)
        rows = [f"{row} {cell:<{width}}" for row, cell in zip(rows, cells, strict=True)]
    if edits:
        lines += rows
    return "\n".join(line.rstrip() for line in lines)
