"""Which settings a file may name, where, and what the rest of them are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.space import settings
from slr_tune.space.choices import ChoiceParameter
from slr_tune.space.nearest import nearest_or_all
from slr_tune.space.parameter import Condition, Parameter
from slr_tune.space.parse_space import ParsedSpace
from slr_tune.space.problems import Problems
from slr_tune.space.report import note_unknown, place_of
from slr_tune.space.settings import Path
from slr_tune.space.simplex import SimplexParameter
from slr_tune.space.space import Space, merge, nested
from slr_tune.space.tree import Node

MAX_EPOCHS: Path = ("max_epochs",)
"""The one setting that a file gives elsewhere: as `budget.max_epochs`."""


def known_space(parsed: ParsedSpace, model: type[BaseModel], problems: Problems) -> Space:
    """Notes parameters that the trainable has no setting for; the space without them."""
    known = []
    told: set[Path] = set()
    for parameter in parsed.space.parameters:
        entry = parsed.entries[parameter.name]
        if parameter.path == MAX_EPOCHS:
            said = "is set by budget.max_epochs and cannot be searched"
            hint = "Search patience instead."
            problems.add(entry.place, "space.max_epochs", said, hint)
            continue
        names = nested({path: None for path in _settings_of(parameter)})
        unknown = list(settings.unknown_keys((model,), names))
        for path, fields in unknown:
            if path not in told:
                at = parsed.paths.get(path, entry)
                said = f"is not a setting of {settings.owner(model, path)}"
                hint = nearest_or_all(path[-1], fields)
                problems.add(at.place, ".".join(("space", *path)), said, hint)
            told.add(path)
        if not unknown:
            known.append(parameter)
    return Space(tuple(known))


def _settings_of(parameter: Parameter) -> list[Path]:
    if isinstance(parameter, SimplexParameter):
        return [(*parameter.path, weight) for weight in parameter.weights]
    return [parameter.path]


def read_fixed(
    root: Node, parsed: ParsedSpace, model: type[BaseModel], problems: Problems
) -> dict[str, Any]:
    """The file's fixed settings, less what is unknown, searched, or given elsewhere."""
    node = root.child("fixed")
    if node is None or not node.entries:
        return {}
    plain: dict[str, Any] = node.plain()
    refused = set(note_unknown(model, plain, node, "fixed", problems))
    for path in _leaves(plain):
        twice = _given_elsewhere(path, parsed)
        if twice and path not in refused:
            place, said = place_of(node, path, of_key=True), f"is given as {twice} too"
            problems.add(place, ".".join(("fixed", *path)), said, "Remove one of the two.")
            refused.add(path)
    return without(plain, refused)


def _given_elsewhere(path: Path, parsed: ParsedSpace) -> str:
    if path == MAX_EPOCHS:
        return "budget.max_epochs"
    for parameter in parsed.space.parameters:
        if parameter.path == path[: len(parameter.path)]:
            return f"space.{parameter.name}"
    return ""


def resolve_fixed(fixed: Mapping[str, Any], space: Space, model: type[BaseModel]) -> dict[str, Any]:
    """Every setting that a trial does not bring: defaults, then the file's, less what is searched.

    What is searched only in some branches of a choice keeps its default, for the others.
    """
    paths = {parameter.path for parameter in space.parameters}
    always = {path for path in paths if _always_set(space, path, None)}
    return without(merge(settings.defaults_of(model), fixed), always | {MAX_EPOCHS})


def _always_set(space: Space, path: Path, when: Condition | None) -> bool:
    """Whether each trial that meets a condition sets a path, whatever else it chooses."""
    here = [parameter for parameter in space.parameters if parameter.when == when]
    if any(parameter.path == path for parameter in here):
        return True
    return any(
        all(_always_set(space, path, Condition(choice.name, option)) for option in choice.options)
        for choice in here
        if isinstance(choice, ChoiceParameter)
    )


def _leaves(plain: Mapping[str, Any]) -> list[Path]:
    """Paths of everything in a nested mapping that is no mapping itself, or an empty one."""
    paths: list[Path] = []
    for key, value in plain.items():
        below = _leaves(value) if isinstance(value, Mapping) and value else [()]
        paths += [(key, *path) for path in below]
    return paths


def without(plain: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
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
