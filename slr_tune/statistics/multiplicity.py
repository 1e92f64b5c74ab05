"""Holm's correction: many arms against one baseline, one error rate for the family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusts p-values so that comparing each with 0.05 errs in at most 5 % of families.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none may be smaller than
    the one before it, nor above 1. Valid however the tests depend on each other.

    Args:
        p_values: One for each comparison of the family, 0..1.

    Returns:
        Adjusted p-values in the given order.

    Raises:
        ValueError: A p-value is not in 0..1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


def holm_levels(p_values: Sequence[float], level: float = 0.05) -> list[float]:
    """The level at which Holm tests each comparison, if the others stay as they are.

    Args:
        p_values: One for each comparison of the family, 0..1.
        level: Of the family.

    Returns:
        `level` over the number of comparisons with a p-value at least as large, in the given order.
    """
    p = _checked(p_values)
    return [level / int(np.sum(p >= value)) for value in p]


def decision_levels(p_values: Sequence[float], level: float = 0.05) -> list[float]:
    """The level at which Holm decided each comparison: intervals of it agree with the decisions.

    Holm goes from the smallest p-value on and stops at the first that is not below its level; all
    that are left are held to that one. An interval of 1 - this level leaves out zero exactly where
    the comparison is shown.

    Args:
        p_values: One for each comparison of the family, 0..1.
        level: Of the family.
    """
    found = holm_levels(p_values, level)
    open_ones = [at for p, at in zip(p_values, found, strict=True) if p >= at]
    stop = min(open_ones, default=level)
    shown = [adjusted < level for adjusted in holm(p_values)]
    return [at if done else stop for at, done in zip(found, shown, strict=True)]


def _checked(p_values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    p = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not np.all((p >= 0.0) & (p <= 1.0)):
        raise ValueError(f"p-values must be in 0..1: {list(p_values)}")
    return p
