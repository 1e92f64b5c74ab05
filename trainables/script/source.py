"""Interface of every place where a script reports figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from trainables.script.epochs import Record


class Source(ABC):
    """One place where figures are reported.

    Attributes:
        position: How far it was read.
    """

    position: int = 0

    @abstractmethod
    def new_records(self, *, ended: bool) -> Iterator[Record]:
        """What came since the last call.

        Args:
            ended: Whether the script has ended, so that the last line is whole.
        """

    @abstractmethod
    def skip_what_is_there(self) -> None:
        """Goes to the end of what is there: it is of before."""
