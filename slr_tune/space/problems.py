"""Problems collected while a file is checked, so that all of them are told at once."""

from __future__ import annotations

from slr_tune.errors import Problem
from slr_tune.space.tree import Found, Node, Place


class Problems:
    """A list of problems that sorts itself into the order of the file."""

    def __init__(self, found: Found | None = None) -> None:
        """Starts with what the reader found."""
        self._found: Found = list(found or [])

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found)

    def add(self, at: Node | Place, path: str, message: str, hint: str = "") -> None:
        """Notes a problem.

        Args:
            at: The place, or the node whose place it is.
            path: Where that is in the file's own words: "space.dropout".
            message: What is wrong, with the value and the rule.
            hint: The way out.
        """
        place = at.place if isinstance(at, Node) else at
        problem = Problem(str(place), f"{path}: {message}" if path else message, hint)
        if all(problem != known for _, known in self._found):
            self._found.append((place, problem))

    def extend(self, found: Found) -> None:
        """Notes problems that have their places already."""
        self._found.extend(found)

    def sorted(self) -> list[Problem]:
        """All of them, in the order of the file, overrides last."""
        return [problem for _, problem in sorted(self._found, key=lambda pair: pair[0])]
