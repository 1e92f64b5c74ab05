"""What a check found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.errors import TrainablesError

Status = Literal["PASS", "FAIL", "NOTE", "SKIP"]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What was checked.
        status: PASS; FAIL; NOTE for what a person should know and that stops nothing; SKIP where
            the check does not apply, or an earlier failure left nothing to check.
        found: What was found.
        remedy: The way out, empty where there is nothing to fix.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""

    @property
    def failed(self) -> bool:
        """Whether a search should not start."""
        return self.status == "FAIL"

    def __str__(self) -> str:
        """`[PASS] name: found`, the remedy below."""
        lines = self.found.splitlines() or [""]
        text = "\n       ".join([f"[{self.status}] {self.name}: {lines[0]}", *lines[1:]])
        return f"{text}\n       -> {self.remedy}" if self.remedy else text


Finding = tuple[Status, str, str]
"""Status, what was found, remedy."""


def run_checks(checks: Sequence[tuple[str, Callable[[], Finding]]]) -> list[Check]:
    """Runs checks in order; what a user caused becomes a failure, not an exception.

    One cause is reported once: checks that fail by the same error as an earlier one are left out.
    """
    done: list[Check] = []
    for name, check in checks:
        found = _run(name, check)
        same = [old for old in done if old.failed and old.found == found.found]
        if found.failed and same:
            found = Check(name, "SKIP", f"not run: {same[0].name} failed")
        done.append(found)
    return done


def _run(name: str, check: Callable[[], Finding]) -> Check:
    try:
        return Check(name, *check())
    except Unavailable as error:
        return Check(name, "SKIP", f"left out: {error}")
    except TrainablesError as error:
        return Check(name, "FAIL", error.message, error.hint)
    except (ValueError, RuntimeError, OSError, MemoryError, ArithmeticError) as error:
        # torch and the file system raise these for a space that cannot work.
        first = (str(error).splitlines() or [""])[0]
        return Check(name, "FAIL", f"{type(error).__name__}: {first}")


class Unavailable(Exception):
    """A check does not apply, or needs what is not to be had; the text says why."""
