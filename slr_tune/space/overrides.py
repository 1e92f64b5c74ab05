"""`--set key=value`: a value put over the file's, before anything is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from slr_tune.space.problems import ProblemList
from slr_tune.space.yaml_reader import parse_value
from slr_tune.space.yaml_tree import MappingEntry, Node, SourcePlace, key_text, kind_of

_ORDER = 1
"""Problems of overrides follow those of files."""


def apply_overrides(root: Node, overrides: Iterable[str], problems: ProblemList) -> Node:
    """Puts `key=value` texts over a tree, later ones over earlier ones.

    A dotted key walks down the mappings of the file; what is missing on the way is made, and is
    then checked as if it stood in the file. The value is YAML, read by the file's own rules.

    Args:
        root: The file's tree; not changed.
        overrides: Such as "budget.trials=5" or "space.dropout.float=[0, 0.2]".
        problems: Gets what is wrong.

    Returns:
        The new tree.
    """
    for line, override in enumerate(overrides):
        place = SourcePlace(_ORDER + line, 0, 0, f"--set {override}")
        key, equals, text = override.partition("=")
        path = [part.strip() for part in key.split(".")]
        if not equals or not all(path):
            hint = "For example --set budget.trials=5."
            problems.add(place, "", "must be key=value, with dots between keys", hint)
            continue
        value, found = parse_value(text, place)
        problems.extend(place, found)
        if value is not None:
            root = _put(root, path, value, problems, ())
    return root


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
        said = f"{name} is {kind_of(node)} and has no {inner}"
        problems.add(value, "", said, f"Set {name} as a whole.")
        return node
    entries = dict(node.entries)
    key = next((known for known in entries if key_text(known) == path[0]), path[0])
    entry = entries.get(key)
    here = entry.node if entry else Node(value.place, None)
    below = _put(here, path[1:], value, problems, (*above, path[0]))
    entries[key] = MappingEntry(entry.place if entry else value.place, below)
    return Node(node.place if node.value is not None else value.place, entries)
