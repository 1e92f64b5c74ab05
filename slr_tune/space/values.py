"""Plain values of a file, scalars, lists and mappings: shown, compared, looked up and merged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Scalar = str | int | float | bool | None
KeyPath = tuple[str, ...]
"""Keys, and positions in lists as text, down to a value."""

MISSING = object()
"""Stands for "nothing there", where None is a value."""


def show(value: Any) -> str:
    """A value as it would be in the file."""
    return json.dumps(value, ensure_ascii=False, default=str)


def same(one: Any, other: Any) -> bool:
    """Equality as the file means it: 1 equals 1.0, but true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def is_number(value: Any, *, whole: bool = False) -> bool:
    """Whether a value is a number; true and false are none."""
    return not isinstance(value, bool) and isinstance(value, int if whole else int | float)


def related(one: KeyPath, other: KeyPath) -> bool:
    """Whether one of two paths leads through the other, or they are the same."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def look_up(values: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at a path of keys and list positions, MISSING where there is none."""
    here: Any = values
    for key in path:
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            return MISSING
    return here


def put(values: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Sets the value at a path, making the mappings on the way."""
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def nested(flat: Iterable[tuple[KeyPath, Any]]) -> dict[str, Any]:
    """Values with their paths as one nested mapping."""
    values: dict[str, Any] = {}
    for path, value in flat:
        put(values, path, value)
    return values


def leaves(plain: Mapping[str, Any]) -> list[KeyPath]:
    """Paths of everything in a nested mapping that is not a mapping itself, or an empty one."""
    paths: list[KeyPath] = []
    for key, value in plain.items():
        below = leaves(value) if isinstance(value, Mapping) and value else [()]
        paths += [(key, *path) for path in below]
    return paths


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one, key by key; where both have a value, `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge(below, value)
        merged[key] = value
    return merged


def without(plain: Mapping[str, Any], paths: Iterable[KeyPath]) -> dict[str, Any]:
    """A copy without some paths, and without the mappings that this empties."""
    dropped = set(paths)
    result: dict[str, Any] = {}
    for key, value in plain.items():
        below = {path[1:] for path in dropped if path[:1] == (key,)}
        if () in below:
            continue
        if below and isinstance(value, Mapping):
            value = without(value, below)
            if not value:
                continue
        result[key] = value
    return result


def with_level(values: Mapping[str, Any], name: str, level: Any) -> dict[str, Any]:
    """Values with a factor at a level: the parameter or group is replaced as a whole.

    Args:
        values: Nested values, such as a baseline; not changed.
        name: Dotted path of the factor: "temperature" or "temperature.start".
        level: Value, or mapping of values.
    """
    path = tuple(name.split("."))
    changed = without(values, [path])
    put(changed, path, level)
    return changed


def setting_names(plain: Mapping[str, Any]) -> list[str]:
    """Dotted names of everything in a nested mapping that is not a mapping itself."""
    return [".".join(map(str, path)) for path in leaves(plain)]
