"""What can go wrong in a run because of its input.

TrainablesError
├── ConfigError        a setting is unknown, out of range, or contradicts another
├── DataError          a data set is missing, malformed, or too small
├── CheckpointError    a checkpoint is missing, damaged, unsafe, or of another model
│   └── CheckpointUnreadable   it cannot be read now, and may be sound
└── FolderGone         exit code 1: a run's folder was deleted while it was trained
"""

from __future__ import annotations


class TrainablesError(Exception):
    """Base of every error that a user can cause.

    Attributes:
        message: What is wrong, with the place and the value.
        hint: The way out; empty where the message already says it.
        exit_code: What a command line ends with: 2, bad input.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keeps the two parts apart, so that a caller can lay them out."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, and the hint indented below it."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says something; its type where there is none."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)


class ConfigError(TrainablesError):
    """A setting is unknown, out of range, or contradicts another."""


class DataError(TrainablesError):
    """A data set is missing, malformed, or too small."""


class FolderGone(TrainablesError):
    """A run's folder was deleted while it was trained; what the process held is written again."""

    exit_code = 1


class CheckpointError(TrainablesError):
    """A checkpoint is missing, damaged, unsafe to load, or of another model."""


class CheckpointUnreadable(CheckpointError):
    """A checkpoint cannot be read now: the disk or the system refuses. The file may be intact."""
