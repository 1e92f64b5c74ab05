"""What a YAML text without quotes stands for."""

from __future__ import annotations

import math
import re

from slr_tune.space.parameter import Scalar

MAX_INT = 2**53
"""Beyond it a whole number is no longer exact in JSON and in a database's floats."""

_LONGEST_NUMBER = 100

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTS = (
    (re.compile(r"[-+]?[0-9]+"), 10),
    (re.compile(r"0o[0-7]+"), 8),
    (re.compile(r"0x[0-9a-fA-F]+"), 16),
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def plain_scalar(text: str) -> Scalar:
    """The value of a text without quotes: null, truth value, number, or the text.

    Raises:
        ValueError: A number that is not finite or has thousands of digits.

    Source: YAML 1.2.2, section 10.3.2, core schema.
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if len(text) > _LONGEST_NUMBER:
        return text
    for pattern, base in _INTS:
        if pattern.fullmatch(text):
            whole = int(text, base)
            if abs(whole) > MAX_INT:
                raise ValueError(f"{text} is too large for a whole number")
            return whole
    if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and math.isinf(float(text))):
        raise ValueError(f"{text} is not a finite number")
    return float(text) if _FLOAT.fullmatch(text) else text
