"""The dated list of dependencies in SECURITY.md, held to what is installed."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_pinned_package_is_in_the_reviewed_list() -> None:
    """A version that was changed was not reviewed: look up its advisories, then change the list."""
    pinned = set(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    text = (ROOT / "SECURITY.md").read_text().split("| packages and versions |")[1]
    cells = [line.split("|")[2] for line in text.splitlines() if line.startswith("| ")]
    listed = {tuple(one.split()) for cell in cells for one in cell.split(",")}
    assert len(pinned) > 100
    assert listed == pinned


def test_the_list_is_dated() -> None:
    text = " ".join((ROOT / "SECURITY.md").read_text().split())
    found = re.search(r"Reviewed on (\d{4}-\d\d-\d\d)", text)
    assert found is not None
    assert date.fromisoformat(found[1]) <= date.today()
