"""How a long work is followed: on stderr, in a notebook below its cell, or not at all."""

from __future__ import annotations

import html
import io
import sys
from typing import Any

from rich.console import Console

from slr_tune.search.picture import Remaining, picture
from slr_tune.search.progress import Progress
from slr_tune.search.standing import SearchStanding

_LINES = 12
"""Messages that stay below a cell."""
_WIDTH, _HEIGHT = 110, 40


def progress_for(show: bool) -> Progress:
    """The progress that suits where it is called.

    Args:
        show: False for one that is silent.
    """
    if not show:
        return Progress(Console(file=io.StringIO(), quiet=True))
    display = _notebook_display()
    return Progress() if display is None else NotebookProgress(display)


def _notebook_display() -> Any:
    """The function that shows things below a cell; None where nothing is a notebook."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    # A terminal's IPython has no kernel, and takes what is written to stderr.
    return display if shell is not None and getattr(shell, "kernel", None) is not None else None


class NotebookProgress(Progress):
    """One output below the cell that is redrawn: the last messages, then what runs now."""

    def __init__(self, display: Any) -> None:
        """Takes IPython's `display`."""
        super().__init__(Console(file=io.StringIO(), quiet=True))
        self._display = display
        self._handle: Any = None
        self._lines: list[str] = []
        self._standing = ""

    def __enter__(self) -> NotebookProgress:
        """Makes the output."""
        self._handle = self._display(self._shown(), display_id=True)
        return self

    def __exit__(self, *raised: object) -> None:
        """Keeps the last messages, without the picture."""
        self._standing = ""
        self._update()

    @property
    def draws(self) -> bool:
        """Always."""
        return True

    def message(self, text: str) -> None:
        """One line; the newest stay."""
        self._lines = [*self._lines, text][-_LINES:]
        self._update()

    def draw(self, standing: SearchStanding, remaining: Remaining) -> None:
        """Redraws what runs now."""
        lines = picture(standing, remaining, width=_WIDTH, height=_HEIGHT, confirmed=self.confirmed)
        self._standing = "\n".join(lines)
        self._update()

    def _update(self) -> None:
        if self._handle is not None:
            self._handle.update(self._shown())

    def _shown(self) -> Any:
        from IPython.display import HTML

        text = html.escape("\n".join([*self._lines, self._standing]).rstrip())
        return HTML(f'<pre style="white-space: pre-wrap">{text}</pre>')
