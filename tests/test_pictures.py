"""Every picture of the documents is there, and a command in the repository makes it."""

from __future__ import annotations

import re
import runpy

from written_commands import ROOT

PICTURES = ROOT / "docs" / "pictures"


def test_every_picture_is_there_and_is_made_by_a_command() -> None:
    """A reader sees no empty frame, and no picture stays as it was when its command changes."""
    texts = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    shown = {
        name
        for text in texts
        for name in re.findall(r"!\[[^]]+\]\((?:docs/)?pictures/([\w.-]+)\)", text.read_text())
    }
    made = {f"{name}.png" for name in runpy.run_path(str(ROOT / "docs/make_pictures.py"))["NAMES"]}
    assert shown == {*made, "report.png", "strategies.png"} == {p.name for p in PICTURES.iterdir()}
    assert "--figure docs/pictures" in (ROOT / "docs/search.md").read_text()
