"""The `fixed:`, `baseline:` and `factors:` sections: settings and values beside the space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.errors import did_you_mean, nearest_or_all
from slr_tune.space import validation
from slr_tune.space.check_space import MAX_EPOCHS, SpaceCheck
from slr_tune.space.parameters import ChoiceParameter, Condition
from slr_tune.space.parse_space import ParsedSpace
from slr_tune.space.problems import (
    ProblemList,
    distinct_items,
    dotted,
    note_faults,
    note_unknown,
)
from slr_tune.space.space import Space
from slr_tune.space.values import (
    Path,
    leaves,
    merge,
    nested,
    related,
    show,
    with_level,
    without,
)
from slr_tune.space.yaml_tree import MappingEntry, Node, SourcePlace, key_text, kind_of


def read_fixed(
    root: Node, parsed: ParsedSpace, model: type[BaseModel], problems: ProblemList
) -> dict[str, Any]:
    """The file's fixed settings, less what is unknown, searched, or given elsewhere."""
    node = root.child("fixed")
    if node is None or not node.entries:
        return {}
    fixed = node

    def place_of(path: Path) -> SourcePlace:
        return fixed.place_of(path, of_key=True)

    plain: dict[str, Any] = node.plain()
    refused = set(note_unknown(model, plain, place_of, "fixed", problems))
    for path in leaves(plain):
        twice = _given_elsewhere(path, parsed)
        if twice and path not in refused:
            said = f"is given as {twice} too"
            problems.add(place_of(path), dotted("fixed", path), said, "Remove one of the two.")
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
    return without(merge(validation.defaults_of(model), fixed), always | {MAX_EPOCHS})


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


def read_baseline(
    root: Node, parsed: ParsedSpace, known: Space, problems: ProblemList
) -> dict[str, Any] | None:
    """The baseline with the space's fixed values; None without one or where it is not in the space.

    Nothing is said of parameters that could not be read or are not known to the trainable: their
    own problems come first.
    """
    node = root.child("baseline")
    if node is None or not isinstance(node.value, dict):
        return None
    values = node.plain()
    misfits = parsed.space.misfits(values)
    told = [fault for fault in misfits if not _has_own_problem(fault.path, parsed, known)]
    note_faults(told, node, "baseline", problems)
    return None if misfits else parsed.space.decode(parsed.space.encode(values))


def _has_own_problem(path: Path, parsed: ParsedSpace, known: Space) -> bool:
    """Whether the file's space has something not in `known` at a path, or misspelt beside it."""
    good = {parameter.path for parameter in known.parameters}
    bad = [given for given in parsed.paths if not any(related(given, other) for other in good)]
    return any(
        related(path, given)
        or (path[:-1] == given[:-1] and did_you_mean(path[-1], [given[-1]]) != "")
        for given in bad
    )


def read_factors(root: Node, check: SpaceCheck, problems: ProblemList) -> dict[str, list[Any]]:
    """The factors; each level is tried in the baseline, or in the middle of the space."""
    node = root.child("factors")
    factors: dict[str, list[Any]] = {}
    for key, entry in (node.entries if node else {}).items():
        name = key_text(key)
        if _is_factor(name, entry, check.run.model, problems):
            factors[name] = entry.node.plain()
            _check_levels(name, entry.node, check, problems)
    return factors


def _is_factor(
    name: str, entry: MappingEntry, model: type[BaseModel], problems: ProblemList
) -> bool:
    """Notes what is wrong with a factor as a whole; whether nothing is."""
    label, path = f"factors.{name}", tuple(name.split("."))
    unknown = list(validation.unknown_keys((model,), nested([(path, None)])))
    for bad, names in unknown:
        said = f"{'.'.join(bad)} is not a setting of {validation.owner(model, bad)}"
        problems.add(entry.place, label, said, nearest_or_all(bad[-1], names))
    if not unknown and len(path) > 1 and not validation.is_group(model, path[:-1]):
        problems.add(entry.place, label, f"{'.'.join(path[:-1])} is a single setting")
        return False
    if not entry.node.items:
        said = f"must be a list of levels, not {kind_of(entry.node)}"
        problems.add(entry.node, label, said, f"For example {name}: [LEVEL, LEVEL].")
        return False
    return not unknown


def _check_levels(name: str, node: Node, check: SpaceCheck, problems: ProblemList) -> None:
    usual = {fault.path for fault in check.run.faults(check.reference)}
    for item in distinct_items(node, f"factors.{name}", "level", problems):
        _check_level(name, item, usual, check, problems)


def _check_level(
    name: str, item: Node, usual: set[Path], check: SpaceCheck, problems: ProblemList
) -> None:
    factor, level = tuple(name.split(".")), item.plain()

    def key_place(path: Path) -> SourcePlace:
        return item.place_of(path[len(factor) :], of_key=True)

    values = nested([(factor, level)])
    if note_unknown(check.run.model, values, key_place, "factors", problems):
        return
    # The level replaces what is fixed too, as it does in an ablation.
    whole = with_level(check.run.config(check.reference), name, level)
    for fault in validation.faults_of(check.run.model, whole):
        if fault.path not in usual:
            inside = related(fault.path, factor)
            said = fault.message if inside else f"with {name}={show(level)}: {fault.message}"
            place = item.place_of(fault.path[len(factor) :] if inside else ())
            problems.add(place, dotted("factors", fault.path), said)
