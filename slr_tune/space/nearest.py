"""The nearest known name to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 30
"""Names listed where none is near."""


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`Did you mean dropout?`, empty where no known name is near.

    Args:
        name: As it was written.
        known: What it could have been.
        cutoff: How alike the two must be, from 0 to 1, as `difflib` has it.
    """
    names = list(known)
    lowered = {known_name.lower(): known_name for known_name in names}
    near = get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return f"Did you mean {lowered[near[0]]}?" if near else ""


def nearest_or_all(name: str, known: Iterable[str]) -> str:
    """The nearest name, or what is known where none is near."""
    names = list(known)
    more = ", ..." if len(names) > _SHOWN else ""
    return did_you_mean(name, names) or f"Known: {', '.join(names[:_SHOWN])}{more}."
