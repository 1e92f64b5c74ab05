"""Files of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainables.files.atomic import replace_file


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Writes each text under its name; who reads one meanwhile does not meet half of it.

    Args:
        folder: Is made where it does not exist.
        texts: By the name of the file.

    Returns:
        The files, in order.
    """
    for name, text in texts.items():
        replace_file(folder / name, text.encode())
    return [folder / name for name in texts]
