"""Axes as Syne Tune has them, in both versions."""

from __future__ import annotations

from typing import Any

from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform

from benchmarks.search.curve_table import CurveAxis


def domain(axis: CurveAxis) -> Any:
    """An axis as Syne Tune has it."""
    if axis.options:
        return choice(list(axis.options))
    if axis.whole:
        return (lograndint if axis.log else randint)(int(axis.low), int(axis.high))
    return (loguniform if axis.log else uniform)(axis.low, axis.high)


def middle(axis: CurveAxis) -> Any:
    """What stands for a value that the baseline does not have."""
    if axis.options:
        return axis.options[0]
    value = (axis.low * axis.high) ** 0.5 if axis.log else (axis.low + axis.high) / 2
    return round(value) if axis.whole else value
