"""How numbers, durations and metrics are written, everywhere the same."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, no exponent where it can be helped."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size >= 6:
        mantissa, exponent = f"{value:.{max(0, digits - 2)}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    text = f"{value:.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def points(value: float | None) -> str:
    """A WER in percent: two digits after the point."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"


def metric_text(value: float | None, metric: str) -> str:
    """A value of a metric: as `points` in percent, otherwise four significant digits."""
    return points(value) if in_percent(metric) else number(value, 4)


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def metric_title(metric: str) -> str:
    """An axis title: the WER is in percent, of another metric the unit is its own."""
    names = {"val/wer": "dev WER, %", "train/wer": "train WER, %", "val/loss": "dev loss"}
    return names.get(metric, metric)


def in_percent(metric: str) -> bool:
    """Whether its differences are percentage points."""
    return metric_title(metric).endswith(", %")
