"""What must not change under one study name, as JSON; and what differs between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slr_tune.space.values import MISSING, same, show

SCHEMA = 1
"""Version of the identity; a study of another version is refused."""


_NO_DIFFERENCE = ("trainable.resume:", "trainable.stop_seconds:")


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two identities, a line each: `space.dropout.high: 0.5 -> 0.4`.

    Numbers are compared by value, and the order of parameters is not a difference. Nor is how a
    script is resumed or stopped: its trials are the same.
    """
    return [line for line in _lines("", old, new) if not line.startswith(_NO_DIFFERENCE)]


def _lines(path: str, old: Any, new: Any) -> Iterator[str]:
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        if old.get("strategy") != new.get("strategy"):
            # A setting of the one shows nothing about the other.
            yield f"{path}.strategy: {old.get('strategy')} -> {new.get('strategy')}"
            return
        if old.get("kind") == new.get("kind"):
            for key in [*old, *(key for key in new if key not in old)]:
                below = f"{path}.{key}" if path else str(key)
                yield from _lines(below, old.get(key, MISSING), new.get(key, MISSING))
            return
    if not same(old, new):
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _by_name(value: Any) -> Any:
    """A list of parameters as a mapping from their names."""
    if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        if all("name" in parameter and "kind" in parameter for parameter in value):
            return {parameter["name"]: parameter for parameter in value}
    return value


def _shown(value: Any) -> str:
    """A value as in a file: a parameter as what was written for it."""
    if value is MISSING:
        return "absent"
    if isinstance(value, Mapping) and "kind" in value and "path" in value:
        return _parameter(value)
    return show(value)


def _parameter(data: Mapping[str, Any]) -> str:
    kind = data["kind"]
    if kind in ("float", "int"):
        parts = [f"{kind}: [{show(data['low'])}, {show(data['high'])}]"]
        parts += ["log: true"] if data["log"] else []
        parts += [f"step: {show(data['step'])}"] if data["step"] not in (None, 1) else []
        return "{" + ", ".join(parts) + "}"
    ranges = {"choice": "options", "simplex": "weights", "fixed": "value"}
    return f"{{{kind}: {show(data[ranges[kind]])}}}"
