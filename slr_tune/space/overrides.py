"""`--set key=value`: a value put over the file's, before anything is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from slr_tune.space.problems import ProblemList
from slr_tune.space.short_names import full_path
from slr_tune.space.yaml_reader import parse_value
from slr_tune.space.yaml_tree import MappingEntry, Node, SourcePlace, key_text, kind_of

_ONE_KEY = r"""\s*(?:"([^"]+)"|'([^']+)'|([^"'.=][^.=]*))\s*"""
_KEY = re.compile(_ONE_KEY)
_KEYS = re.compile(rf"({_ONE_KEY}(?:\.{_ONE_KEY})*)=")

_ORDER = 1
"""Problems of overrides follow those of files."""


def apply_overrides(
    root: Node, overrides: Iterable[str], problems: ProblemList, *, short_names: bool = False
) -> Node:
    """Puts `key=value` texts over a tree, later ones over earlier ones.

    A dotted key walks down the mappings of the file; what is missing on the way is made, and is
    then checked as if it stood in the file. A key that holds dots itself is put in quotes. The
    value is YAML, read by the file's own rules.

    Args:
        root: The file's tree; not changed.
        overrides: Such as "budget.trials=5", "space.dropout.float=[0, 0.2]" or
            'baseline.weights."enc.0.drop"=0.1'.
        problems: Gets what is wrong.
        short_names: Whether `lr` and the like stand for settings of a recogniser.

    Returns:
        The new tree.
    """
    for line, override in enumerate(overrides):
        place = SourcePlace(_ORDER + line, 0, 0, f"--set {override}")
        path, text = _parts(override)
        if text is None or not all(path):
            hint = "For example --set budget.trials=5."
            if any(mark in override for mark in "\"'"):
                hint += " A key with dots is written in quotes: --set 'a.\"b.c\".d=5'."
            problems.add(place, "", "must be key=value, with dots between keys", hint)
            continue
        if short_names:
            path = full_path(path, _keys_beside(root, path))
        value, found = parse_value(text, place)
        problems.extend(place, found)
        if value is not None:
            root = _put(root, path, value, problems, ())
    return root


def _keys_beside(root: Node, path: list[str]) -> set[str]:
    """The keys that are there where the last key of a path would be."""
    node: Node | None = root
    for key in path[:-1]:
        node = None if node is None else node.child(key)
    return set() if node is None else {key_text(key) for key in node.entries}


def _parts(override: str) -> tuple[list[str], str | None]:
    """The keys and the value of an override; no value where there is no `=`.

    A key in quotes, single or double, is taken as it is, with its dots and equals signs.
    """
    head = _KEYS.match(override)
    if head is None:
        return [], None
    keys = [double or single or bare.strip() for double, single, bare in _KEY.findall(head[1])]
    return keys, override[head.end() :]


def apply_options(root: Node, options: Mapping[tuple[str, ...], tuple[str, Any]]) -> Node:
    """Puts the values of command line options over a tree.

    Args:
        root: The tree; not changed.
        options: Path in the tree -> (option, value or its tree), None where it was not given.

    Returns:
        The new tree.
    """
    ignored = ProblemList()
    for path, (option, value) in options.items():
        if value is not None:
            place = SourcePlace(_ORDER, 0, 0, f"{option} {value}")
            node = value if isinstance(value, Node) else Node(place, value)
            root = _put(root, list(path), node, ignored, ())
    return root


def _put(
    node: Node, path: list[str], value: Node, problems: ProblemList, above: tuple[str, ...]
) -> Node:
    """The tree with a value at a path; untouched parts are shared with the old tree."""
    if not path:
        return value
    if node.value is not None and not isinstance(node.value, dict):
        name, inner = ".".join(above), ".".join((*above, path[0]))
        message = f"{name} is {kind_of(node)} and has no {inner}"
        problems.add(value, "", message, f"Set {name} as a whole.")
        return node
    if (dotted := _dotted(node, path)) is not None:
        quoted = ".".join([*above, f'"{dotted}"', *path[dotted.count(".") + 1 :]])
        message = f"{'.'.join((*above, path[0]))} is not there, but a key {dotted!r} is"
        problems.add(value, "", message, f"Write a key with dots in quotes: --set '{quoted}=...'.")
        return node
    entries = dict(node.entries)
    key = next((known for known in entries if key_text(known) == path[0]), path[0])
    entry = entries.get(key)
    here = entry.node if entry else Node(value.place, None)
    below = _put(here, path[1:], value, problems, (*above, path[0]))
    entries[key] = MappingEntry(entry.place if entry else value.place, below)
    return Node(node.place if node.value is not None else value.place, entries)


def _dotted(node: Node, path: list[str]) -> str | None:
    """A key of a mapping with dots in it that was meant by several parts of a path."""
    known = {key_text(key) for key in node.entries}
    if path[0] in known:
        return None
    joined = (".".join(path[:count]) for count in range(2, len(path) + 1))
    return next((key for key in joined if key in known), None)
