"""The log of a study's looks at the test split: dev chooses, test is opened once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from slr_tune.study.lock import username

FILE = "test_openings.log"
LOOKING = ".looking-at-test"
"""A mark in the folder, from the first look at the test split until its figures are reported."""


def log_test_opening(folder: Path, reason: str, *, mark: Path | None = None) -> int:
    """Adds a line to the study's log.

    Args:
        folder: The study's folder.
        reason: What the test split is opened for.
        mark: A file that exists until the figures are reported; the caller removes it then. A
            look for the same reason that was interrupted continues under its line.

    Returns:
        How often it has been opened, this time included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    if mark is not None:
        if path.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == reason:
            return _count(path)
        mark.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {username()}: {reason}\n")
    if mark is not None:
        mark.write_text(reason, encoding="utf-8")
    return _count(path)


def opening_line(times: int) -> str:
    """Message when the test split is opened this often."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if times % 100 in (11, 12, 13) else endings.get(times % 10, "th")
    return f"Opening the test split, for the {times}{ending} time in this study"


def _count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
