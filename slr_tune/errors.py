"""Every error that slr-tune raises for what a user can cause or must know.

TrainablesError (of the runs)         exit code 2
└── SlrTuneError
    ├── SpecError                     a search-space file has problems, all of them listed
    ├── StudyError                    a study is missing, or is of another kind
    │   ├── StudyMissing              there is none of that name
    │   ├── StudyChanged              its stored space differs from the file's
    │   └── StudyLocked               another driver works on it
    ├── StorageError    exit code 1   the database does not answer or cannot be used
    │   └── StorageUnusable     code 2   what was named is not a database, or none for us
    │       └── StorageMissing        it is a file that is not there yet
    └── RunFailed       exit code 1   the run could not continue; the study can be resumed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from trainables.errors import TrainablesError

_MOST_NAMES = 30
"""Names listed where none is near."""


class SlrTuneError(TrainablesError):
    """Base of this package's errors: a message and the way out."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file.

    Attributes:
        where: `file:line:column`, or a path into the file such as `space.dropout`.
        message: What is wrong, with the value and the rule.
        hint: The way out, may be empty.
    """

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`where: message` with the hint indented below it."""
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n  {self.hint}" if self.hint else head


class SpecError(SlrTuneError):
    """A search-space file has problems; `problems` lists all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Joins the problems, one below the other."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class StudyError(SlrTuneError):
    """A study is missing, or cannot be read as one of this project's."""


class StudyMissing(StudyError):
    """There is no study of that name, or none at all."""


class StudyChanged(StudyError):
    """The stored study was made with another space."""


class StudyLocked(StudyError):
    """Another driver works on the study."""


class StorageError(SlrTuneError):
    """The database does not answer, or refuses the work."""

    exit_code = 1


class StorageUnusable(StorageError):
    """What was named as database is none: its URL, its driver, its file or its folder."""

    exit_code = 2


class StorageMissing(StorageUnusable):
    """The database is a file that is not there: no search was run yet."""


class RunFailed(SlrTuneError):
    """The run could not continue. What was finished is stored; the same command resumes it."""

    exit_code = 1


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`Did you mean dropout?`, empty where no known name is near.

    Args:
        name: As it was written.
        known: What it could have been.
        cutoff: How alike the two must be, from 0 to 1, as `difflib` has it.
    """
    lowered = {known_name.lower(): known_name for known_name in known}
    near = get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return f"Did you mean {lowered[near[0]]}?" if near else ""


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """The nearest name, or what is known where none is near."""
    names = list(known)
    more = ", ..." if len(names) > _MOST_NAMES else ""
    return did_you_mean(name, names) or f"Known: {', '.join(names[:_MOST_NAMES])}{more}."
