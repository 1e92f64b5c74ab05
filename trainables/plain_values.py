"""Numbers and facts of a run in Python's own types: numpy, torch and others have theirs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

_COUNTS = ("parameters", "peak_memory_bytes")
"""Facts that this project reckons with."""


def number_or_none(value: Any) -> float | None:
    """One real number of any library as a float; None for what is none.

    A number is what converts to one without being text: Python's, numpy's and torch's scalars,
    Decimal, Fraction, and arrays of exactly one element.
    """
    if isinstance(value, str | bytes | bytearray) or value is None:
        return None
    try:
        return float(_unwrapped(value))
    except Exception:  # what a library raises for what is not a number is its own affair
        return None


def _unwrapped(value: Any) -> Any:
    """What an array or tensor of one element, or a scalar of numpy, holds."""
    if isinstance(value, torch.Tensor):
        return value.detach().item()
    if isinstance(value, np.ndarray | np.generic):
        dated = value.dtype.kind not in "biuf"  # float() takes complex numbers and dates
        return None if dated else value.item()
    return value


def plain_facts(given: Any) -> tuple[dict[str, Any], list[str]]:
    """What a run's `facts()` returned, as JSON has it, and what is wrong with it.

    A number that is not finite becomes None, for which JSON has a word.
    """
    if given is None:
        return {}, []
    if not isinstance(given, Mapping):
        return {}, [f"facts() returned a {type(given).__name__}; it must return a dict"]
    problems: list[str] = []
    facts: dict[str, Any] = _plain(given, "facts()", problems, 0)
    for name in _COUNTS:
        value = facts.get(name)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():
            facts[name] = int(value)
        elif type(value) is not int:
            problems.append(f"facts()[{name!r}] is {value!r}; it must be a whole number")
    return facts, problems


def _plain(value: Any, where: str, problems: list[str], depth: int) -> Any:
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, PurePath):
        return str(value)
    if depth > 20:
        problems.append(f"{where[:80]}... is nested too deep, or contains itself")
        return None
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        problems += [f"a key of {where} is {key!r}; keys are text" for key in wrong]
        return {
            str(key): _plain(item, f"{where}[{key!r}]", problems, depth + 1)
            for key, item in value.items()
            if isinstance(key, str)
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", problems, depth + 1) for i, item in enumerate(value)]
    return _plain_number(value, where, problems)


def _plain_number(value: Any, where: str, problems: list[str]) -> int | float | None:
    number = number_or_none(value)
    if number is None and not isinstance(value, int):
        problems.append(
            f"{where} is a {type(value).__name__}; facts are numbers, text, True, False, None, "
            "and lists and dicts of them"
        )
        return None
    whole = _unwrapped(value)
    if isinstance(whole, int) and not isinstance(whole, bool):
        return int(whole)
    return number if number is not None and math.isfinite(number) else None
