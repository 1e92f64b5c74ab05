"""What a printer reads of a figure: its size, and whether its fonts are inside."""

from __future__ import annotations

import re
from pathlib import Path

POINTS_PER_CM = 72 / 2.54


def pdf_width(path: Path) -> float:
    """Width of the page, cm."""
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", path.read_bytes())
    assert box is not None
    return float(box[1]) / POINTS_PER_CM


def brings_its_fonts(path: Path) -> bool:
    """Whether there are fonts, each with its outlines, and none drawn as pictures (Type 3)."""
    content = path.read_bytes()
    fonts = content.count(b"/Type /FontDescriptor")
    return fonts > 0 and content.count(b"/FontFile2") == fonts and b"/Type3" not in content


def png_width(path: Path) -> int:
    """Width, pixels."""
    return int.from_bytes(path.read_bytes()[16:20])
