"""What a worker reports of its trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Report:
    """What a worker sends after some epochs, or when it resumed a trial.

    Attributes:
        rows: The newest rows of the curve; all of them from epoch 1 where `history` is set.
        history: Whether this is a run's account of itself after a restart, nothing trained.
        ended_by: The run's own reason to end, or "error", "oom", "disk_full", "unreadable",
            "missing_folder"; None to continue.
        error: Text of the error.
        facts: What the run reports about itself: parameters, memory, remedies.
        checkpoint: Best checkpoint, relative to the trial's folder.
        notice: What a person should know meanwhile.
        refused: Whether the run's own code breaks the protocol, which no configuration fixes.
    """

    rows: Sequence[Mapping[str, float]]
    history: bool = False
    ended_by: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] | None = None
    checkpoint: str | None = None
    notice: str | None = None
    refused: bool = False


def is_blameless(report: Report, *, epochs: int) -> bool:
    """Whether an end has nothing to do with the configuration: there was no room, or no folder."""
    begun = bool(report.rows or epochs)
    return report.ended_by == "missing_folder" or (report.ended_by == "oom" and not begun)


def not_ended(report: Report) -> Report:
    """Its epochs alone: the trial waits for the next start."""
    return replace(report, ended_by=None, error=None)


def last_word(error: str) -> str:
    """What an error says: a traceback's last line, the whole of a message."""
    lines = error.strip().splitlines() or ["no text"]
    return lines[-1] if lines[0].startswith("Traceback") else "\n  ".join(lines)
