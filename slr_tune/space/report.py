"""Where a fault of a value stands in the file, and how it is told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.space import settings
from slr_tune.space.nearest import nearest_or_all
from slr_tune.space.problems import Problems
from slr_tune.space.settings import Fault, Path
from slr_tune.space.space import merge
from slr_tune.space.tree import Entry, Node, Place, key_text
from trainables.config import inherited


def read_section(
    root: Node, key: str, kind: Any, problems: Problems, *, default: Any = None, label: str = ""
) -> Any:
    """Reads one section of a mapping.

    Args:
        root: The mapping.
        key: The section.
        kind: Dataclass, model or type that it must be.
        problems: Gets what is wrong.
        default: Value of a section that is not there; None where it must be.
        label: Name of the section in the file, the key where it is at the top.

    Returns:
        The section as `kind`, None where something is wrong with it.
    """
    node, label = root.child(key), label or key
    if node is None or node.value is None:
        if default is None:
            problems.add(node or root, label, "is missing")
        return default
    plain = node.plain()
    if faults := settings.faults_of(kind, plain):
        note_faults(faults, node, label, problems, known=settings.field_names(kind))
        return None
    return settings.validated(kind, plain)


def note_faults(
    faults: Iterable[Fault], node: Node, label: str, problems: Problems, *, known: list[str]
) -> None:
    """Notes faults of a part of the file at their places.

    Args:
        faults: What was refused.
        node: The part.
        label: Its name in the file: "budget"; empty for the whole.
        problems: Gets them.
        known: Names to suggest for a key of the part that is not known.
    """
    for fault in faults:
        place = place_of(node, fault.path, of_key=fault.unknown)
        hint = advice(fault)
        if fault.unknown and len(fault.path) == 1:
            hint = nearest_or_all(fault.path[0], known)
        problems.add(place, dotted(label, fault.path), fault.message, hint)


def note_unknown(
    model: type[BaseModel],
    values: dict[str, Any],
    node: Node,
    label: str,
    problems: Problems,
    *,
    skip: int = 0,
) -> list[Path]:
    """Notes keys that a model has no setting for.

    Args:
        model: Class of settings.
        values: Nested values from the top of the configuration.
        node: Where they stand.
        label: Name of that section.
        problems: Gets the keys.
        skip: Keys at the front of a path that lead to the node and are not in it.

    Returns:
        Paths of the keys.
    """
    unknown = list(settings.unknown_keys((model,), values))
    for path, names in unknown:
        place = place_of(node, path[skip:], of_key=True)
        said = f"is not a setting of {settings.owner(model, path)}"
        problems.add(place, dotted(label, path), said, nearest_or_all(path[-1], names))
    return [path for path, _ in unknown]


def check_settings(
    model: type[BaseModel],
    node: Node | None,
    label: str,
    problems: Problems,
    *,
    start: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Settings put over a model's defaults and checked.

    Args:
        model: Class of settings.
        node: The settings as a mapping, None or null for none.
        label: Name of their section in the file; empty where they are the file.
        problems: Gets what is wrong.
        start: Settings between the defaults and the node's, such as another run's.

    Returns:
        Every setting as JSON, None where something is wrong.
    """
    node = node or Node(Place(0, 0, 0, label), {})
    plain = {} if node.value is None else node.plain()
    if note_unknown(model, plain, node, label, problems):
        return None
    kept = inherited(start or {}, plain)
    merged = merge(merge(settings.defaults_of(model), kept), plain)
    if faults := settings.faults_of(model, merged):
        note_faults(faults, node, label, problems, known=settings.field_names(model))
        return None
    checked: BaseModel = settings.validated(model, merged)
    return checked.model_dump(mode="json", warnings=False)


def dotted(label: str, path: Path) -> str:
    """A section's name and a path in it as one name: "budget.trials"."""
    return ".".join((label, *path) if label else path)


def advice(fault: Fault) -> str:
    """A way out for values that YAML or a habit makes wrong."""
    if "true or false" in fault.rule and isinstance(fault.value, str):
        return "Write true or false; yes, no, on and off are texts here."
    if isinstance(fault.value, str) and re.fullmatch(r"[-+.]?[0-9][-+0-9_.,eE ]*", fault.value):
        return "Write the number without quotes, underscores or spaces."
    if isinstance(fault.value, float) and "whole number" in fault.rule:
        return f"For example {math.floor(fault.value)}."
    return ""


def place_of(node: Node, path: Path, *, of_key: bool = False) -> Place:
    """The place of what a path leads to, or of the last part on the way that is there.

    Args:
        node: Where the path begins.
        path: Keys and list positions.
        of_key: The place of the last key instead of its value.
    """
    place = node.place
    for key in path:
        entry = _entry(node, key)
        if entry is None:
            break
        node = entry.node
        place = entry.place if of_key else node.place
    return place


def _entry(node: Node, key: str) -> Entry | None:
    """The entry of a mapping or list under a key's text, None where there is none."""
    for known, entry in node.entries.items():
        if key_text(known) == key:
            return entry
    if key.isdecimal() and int(key) < len(node.items):
        item = node.items[int(key)]
        return Entry(item.place, item)
    return None
