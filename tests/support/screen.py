"""What a terminal shows: it breaks long lines, and breaks them anew when it is resized.

It knows the control sequences that rich and slr-tune send; another one fails the test.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Callable

_TOKEN = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|([\r\n\b])|([^\x1b\r\n\b]+)")


class Screen:
    """Lines of any number; a line longer than the screen is wide goes on in the next row."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._lines = [""]
        self._line, self._column = 0, 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._left = ""

    @property
    def rows(self) -> list[str]:
        """What stands in each row."""
        return [self._lines[line][at : at + self.columns].rstrip() for line, at in self._starts()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    def feed(self, data: bytes) -> None:
        """Takes what a program wrote."""
        text = self._left + self._decoder.decode(data)
        tail = re.search(r"\x1b(\[[\d;?]*)?$", text)  # a sequence that is not whole yet
        self._left = tail[0] if tail else ""
        text = text[: len(text) - len(self._left)]
        done = 0
        for token in _TOKEN.finditer(text):
            assert token.start() == done, repr(text[done : token.start()])
            done = token.end()
            number, final, control, plain = token.groups()
            if final is not None:
                self._obey(final, number)
            elif control is not None:
                self._move(control)
            else:
                self._write(plain)

    def _starts(self) -> list[tuple[int, int]]:
        wide = self.columns
        return [
            (number, at)
            for number, line in enumerate(self._lines)
            for at in range(0, max(1, len(line)), wide)
        ]

    def _row(self) -> int:
        starts = self._starts()
        at = [i for i, (line, col) in enumerate(starts) if line == self._line]
        return at[min(len(at) - 1, self._column // self.columns)]

    def _obey(self, final: str, number: str) -> None:
        if final in "mhl":
            return
        row, starts = self._row(), self._starts()
        line, start = starts[row]
        if final == "A":
            self._line, start = starts[max(0, row - int(number or 1))]
            self._column = start
        elif final == "K":
            text = self._lines[line]
            end = start + self.columns
            from_here = start if number == "2" else self._column
            self._lines[line] = (text[:from_here] + " " * (end - from_here) + text[end:]).rstrip()
        elif final == "J":
            assert number in ("", "0")
            self._lines = self._lines[: line + 1]
            self._lines[line] = self._lines[line][: self._column]
        else:
            raise AssertionError(f"an unknown sequence: {number}{final}")

    def _move(self, control: str) -> None:
        starts, row = self._starts(), self._row()
        if control == "\b":
            self._column = max(0, self._column - 1)
        elif control == "\r":
            self._column = starts[row][1]
        elif row + 1 < len(starts):
            offset = self._column - starts[row][1]
            self._line, start = starts[row + 1]
            self._column = start + offset
        else:
            self._lines.append("")
            self._line, self._column = len(self._lines) - 1, 0

    def _write(self, plain: str) -> None:
        text = self._lines[self._line].ljust(self._column)
        end = self._column + len(plain)
        self._lines[self._line] = text[: self._column] + plain + text[end:]
        self._column = end


class Terminal:
    """A pseudo-terminal with a screen.

    Attributes:
        ours: Descriptor of the side of the person.
        theirs: Descriptor of the program's.
        screen: What is seen.
        widest: Columns of the longest line that was seen.
    """

    def __init__(self, columns: int, rows: int = 50) -> None:
        self.ours, self.theirs = os.openpty()
        self.screen = Screen(columns)
        self._rows = rows
        self.resize(columns)

    def resize(self, columns: int, process: subprocess.Popen[str] | None = None) -> None:
        """As a person drags the window, with all shown that the program has written so far.

        A moment after it wrote: between asking for the width and writing it could not know better.
        """
        if process is not None:
            self._show_written(0.1)
            process.send_signal(signal.SIGSTOP)
            self._show_written(0.2)
        size = struct.pack("HHHH", self._rows, columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)
        self.screen.columns = columns
        if process is not None:
            process.send_signal(signal.SIGCONT)

    def _show_written(self, seconds: float) -> None:
        """Shows what the program writes, until it has been silent for some seconds."""
        while select.select([self.ours], [], [], seconds)[0]:
            self.screen.feed(os.read(self.ours, 65536))

    def type(self, keys: bytes) -> None:
        """As a person types."""
        os.write(self.ours, keys)

    def read_until(
        self, seen: Callable[[Screen], bool], process: subprocess.Popen[str], *, seconds: float = 60
    ) -> bool:
        """Follows the program until something is seen; whether that was before its end."""
        while select.select([self.ours], [], [], seconds)[0]:
            try:
                data = os.read(self.ours, 65536)
            except OSError:  # the program has closed its side
                return False
            self.screen.feed(data)
            if seen(self.screen):
                return True
        raise AssertionError(f"nothing for {seconds} seconds; the screen:\n{self.screen.text}")
