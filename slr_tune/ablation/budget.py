"""`--budget`: values to try, runs, or hours."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Budget:
    """What an ablation may spend; one of the three.

    Attributes:
        values: Values that each arm may try with `--retune`.
        runs: Trainings.
        seconds: Of training, on all workers side by side.
    """

    values: int | None = None
    runs: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        """As it is typed."""
        if self.runs is not None:
            return f"{self.runs}runs"
        if self.seconds is not None:
            hours = self.seconds / 3600
            return f"{hours:g}h" if hours >= 1 else f"{self.seconds:g}s"
        return str(self.values)


def read_budget(text: str) -> Budget:
    """Reads `3`, `40runs`, `6h`, `90min`, `1.5d`.

    Raises:
        ValueError: It is not one of these, or nothing at all.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    number, unit = (float(found[1]), found[2]) if found else (0.0, "")
    if number > 0 and unit in _UNITS:
        return Budget(seconds=number * _UNITS[unit])
    if number >= 1 and number.is_integer():
        if unit in ("run", "runs"):
            return Budget(runs=int(number))
        if not unit and number >= 2:
            return Budget(values=int(number))
    raise ValueError(
        f"{text!r} is not a budget: give runs or time with --until-decided (40runs, 6h, 90min), "
        "values from 2 with --retune (3)"
    )
