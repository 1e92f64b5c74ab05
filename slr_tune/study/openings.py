"""The log of a study's looks at the test split: dev chooses, test is opened once."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path

FILE = "test_openings.log"


def log_test_opening(folder: Path, reason: str) -> int:
    """Adds a line to the study's log.

    Args:
        folder: The study's folder.
        reason: What the test split is opened for.

    Returns:
        How often it has been opened, this time included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {user}: {reason}\n")
    return len(path.read_text(encoding="utf-8").splitlines())
