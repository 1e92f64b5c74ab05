"""Ablations that were begun and have no result yet: what they have trained is still needed."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from trainables.files.atomic import replace_file

_FILE = "unfinished"
LOCK = ".lock"
"""Below a study's ablations: held by the one that is running."""


def mark_unfinished(folder: Path, command: str) -> None:
    """Notes that an ablation was begun.

    Args:
        folder: Where its result will be.
        command: That continues it.
    """
    replace_file(folder / _FILE, command.encode())


def mark_finished(folder: Path) -> None:
    """Notes that its result is there."""
    (folder / _FILE).unlink(missing_ok=True)


def unfinished_ablations(study: Path) -> dict[str, str]:
    """Commands that continue the unfinished ablations of a study's folder, by their folders' names.

    Those that were interrupted before there was this mark are not known.
    """
    paths = sorted((study / "ablations").glob(f"*/{_FILE}"))
    return {path.parent.name: path.read_text(encoding="utf-8") for path in paths}


def give_up_unfinished(study: Path) -> None:
    """Forgets the unfinished ablations of a study's folder: what they had trained is removed."""
    for path in (study / "ablations").glob(f"*/{_FILE}"):
        path.unlink(missing_ok=True)


def is_ablating(study: Path) -> bool:
    """Whether an ablation of a study's folder is running."""
    lock = study / "ablations" / LOCK
    if not lock.exists():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except Timeout:
        return True
