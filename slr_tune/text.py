"""How numbers, durations, counts and metrics are written, everywhere the same."""

from __future__ import annotations

import math
import re
from typing import Any


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, no exponent where it can be helped."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    text = f"{value:.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign, as a difference has it."""
    text = number(value, digits)
    return f"+{text}" if value > 0 else text


def setting_text(value: Any) -> str:
    """A setting's value: four significant digits of a fraction, anything else as it is."""
    return number(value, 4) if isinstance(value, float) else str(value)


def setting_cell(value: Any) -> str:
    """The same in a table, empty where a trial has no such setting."""
    return "" if value is None else setting_text(value)


def points(value: float | None) -> str:
    """A WER in percent: two digits after the point."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"


def metric_text(value: float | None, metric: str) -> str:
    """A value of a metric: as `points` in percent, otherwise four significant digits."""
    return points(value) if in_percent(metric) else number(value, 4)


def duration(seconds: float) -> str:
    """A time in the unit that suits it: two significant digits, of hours one decimal."""
    if seconds < 100:
        return f"{number(seconds, 2)} s"
    if seconds < 6000:
        return f"{number(seconds / 60, 2)} min"
    return f"{seconds / 3600:.1f} h"


def counted(count: int, noun: str) -> str:
    """`1 trial`, `1,200 trials`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(text: str) -> str:
    r"""Text that every file and terminal takes: half a character (a lone surrogate) as `\ud800`.

    Names of files that are not UTF-8 have such halves in Python, and errors quote them.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_MOST_OF_AN_ERROR = 160
_SCRIPT_ENDED = re.compile(r"ended with (.+?)(?: (?:before|after) .*)?; its last lines:$")


def error_summary(error: str | None) -> str:
    """The line of an error that says what happened; empty without one.

    It is a traceback's last, a message's first. Of a script it is how it ended, and the last line
    that it printed.
    """
    lines = [line for line in (error or "").strip().splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    if (ended := _SCRIPT_ENDED.search(line)) is not None:
        printed = [one.strip() for one in lines[1:] if one.startswith("    ")]
        said = [one for one in printed if not one.startswith("[slr-tune]")]
        line = ": ".join([ended[1], *said[-1:]])
    line = line.strip()
    return line if len(line) <= _MOST_OF_AN_ERROR else line[: _MOST_OF_AN_ERROR - 3] + "..."


def span(first: int, last: int) -> str:
    """`3 to 9`, or `3` where the first is the last."""
    return str(first) if first == last else f"{first} to {last}"


def metric_title(metric: str) -> str:
    """An axis title: the WER is in percent, of another metric the unit is its own."""
    names = {"val/wer": "dev WER, %", "train/wer": "train WER, %", "val/loss": "dev loss"}
    return names.get(metric, metric)


def in_percent(metric: str) -> bool:
    """Whether its differences are percentage points."""
    return metric_title(metric).endswith(", %")


def size_text(count: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit in ("B", "KiB") else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
