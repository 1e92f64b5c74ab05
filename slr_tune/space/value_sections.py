"""The `fixed:`, `baseline:` and `factors:` sections: settings and values next to the space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.errors import did_you_mean, nearest_or_all
from slr_tune.space import validation
from slr_tune.space.check_space import MAX_EPOCHS, SpaceCheck
from slr_tune.space.parameters import ChoiceParameter, Condition
from slr_tune.space.parse_space import ParsedSpace
from slr_tune.space.problems import FileSection
from slr_tune.space.space import Space
from slr_tune.space.values import KeyPath, leaves, merge, nested, related, show, with_level, without
from slr_tune.space.yaml_tree import SourcePlace, key_text, kind_of


def read_fixed(root: FileSection, parsed: ParsedSpace, model: type[BaseModel]) -> dict[str, Any]:
    """The file's fixed settings, less what is unknown, searched, or given elsewhere."""
    fixed = root.child("fixed")
    if fixed is None or not fixed.node.entries:
        return {}
    plain: dict[str, Any] = fixed.node.plain()
    refused = set(fixed.refuse_unknown(model, plain))
    for path in leaves(plain):
        twice = _given_elsewhere(path, parsed)
        if twice and path not in refused:
            at, message = fixed.node.place_of(path, of_key=True), f"is also given as {twice}"
            hint = "Remove one of the two."
            name = twice.removeprefix("space.")
            if not at.line and name in {one.name for one in parsed.space.parameters}:
                more = f" --set baseline.{name}=VALUE" if root.child("baseline") else ""
                hint += f" To stop searching it: --set '{twice}={{fixed: VALUE}}'{more}"
            fixed.refuse(message, hint, path=path, at=at)
            refused.add(path)
    return without(plain, refused)


def _given_elsewhere(path: KeyPath, parsed: ParsedSpace) -> str:
    if path == MAX_EPOCHS:
        return "budget.max_epochs"
    for parameter in parsed.space.parameters:
        if parameter.path == path[: len(parameter.path)]:
            return f"space.{parameter.name}"
        if path == parameter.path[: len(path)]:  # a value for a whole group that is searched
            return f"space.{'.'.join(path)}"
    return ""


def resolve_fixed(fixed: Mapping[str, Any], space: Space, model: type[BaseModel]) -> dict[str, Any]:
    """Every setting that a trial does not bring: defaults, then the file's, less what is searched.

    What is searched only in some branches of a choice keeps its default, for the others.
    """
    paths = {parameter.path for parameter in space.parameters}
    always = {path for path in paths if _always_set(space, path, None)}
    return without(merge(validation.defaults_of(model), fixed), always | {MAX_EPOCHS})


def _always_set(space: Space, path: KeyPath, when: Condition | None) -> bool:
    """Whether each trial that meets a condition sets a path, whatever else it chooses."""
    here = [parameter for parameter in space.parameters if parameter.when == when]
    if any(parameter.path == path for parameter in here):
        return True
    return any(
        all(_always_set(space, path, Condition(choice.name, option)) for option in choice.options)
        for choice in here
        if isinstance(choice, ChoiceParameter)
    )


def read_baseline(root: FileSection, parsed: ParsedSpace, known: Space) -> dict[str, Any] | None:
    """The baseline with the space's fixed values; None without one or where it is not in the space.

    There is no error for parameters that could not be read or are not known to the trainable: their
    own problems come first.
    """
    baseline = root.child("baseline")
    if baseline is None or not isinstance(baseline.node.value, dict):
        return None
    values = baseline.node.plain()
    misfits = parsed.space.misfits(values)
    baseline.refuse_faults(f for f in misfits if not _has_own_problem(f.path, parsed, known))
    return None if misfits else parsed.space.decode(parsed.space.encode(values))


def _has_own_problem(path: KeyPath, parsed: ParsedSpace, known: Space) -> bool:
    """Whether the file's space has something not in `known` at a path, or misspelt next to it."""
    good = {parameter.path for parameter in known.parameters}
    bad = [given for given in parsed.paths if not any(related(given, other) for other in good)]
    return any(
        related(path, given)
        or (path[:-1] == given[:-1] and did_you_mean(path[-1], [given[-1]]) != "")
        for given in bad
    )


def read_factors(root: FileSection, check: SpaceCheck) -> dict[str, list[Any]]:
    """The factors; each level is tried in the baseline, or in the middle of the space."""
    node = root.node.child("factors")
    factors: dict[str, list[Any]] = {}
    for key, entry in (node.entries if node else {}).items():
        name = key_text(key)
        factor = FileSection(entry.node, f"factors.{name}", root.problems)
        if _is_factor(name, factor, entry.place, check.model):
            factors[name] = entry.node.plain()
            _check_levels(name, factor, check)
    return factors


def _is_factor(name: str, factor: FileSection, place: SourcePlace, model: type[BaseModel]) -> bool:
    """Notes what is wrong with a factor as a whole; whether nothing is."""
    path = tuple(name.split("."))
    unknown = list(validation.unknown_keys((model,), nested([(path, None)])))
    for bad, names in unknown:
        message = f"{'.'.join(bad)} is not a setting of {validation.owner(model, bad)}"
        factor.refuse(message, nearest_or_all(bad[-1], names), at=place)
    if not unknown and len(path) > 1 and not validation.is_group(model, path[:-1]):
        factor.refuse(f"{'.'.join(path[:-1])} is a single setting", at=place)
        return False
    if not factor.node.items:
        message = f"must be a list of levels, not {kind_of(factor.node)}"
        factor.refuse(message, f"For example {name}: [LEVEL, LEVEL].")
        return False
    return not unknown


def _check_levels(name: str, factor: FileSection, check: SpaceCheck) -> None:
    path = tuple(name.split("."))
    config = check.config(check.start)
    usual = {fault.path for fault in validation.faults_of(check.model, config)}
    for item in factor.distinct_items("level"):
        level, section = item.plain(), FileSection(item, "factors", factor.problems)
        if section.refuse_unknown(check.model, nested([(path, level)]), skip=len(path)):
            continue
        # The level replaces what is fixed too, as it does in an ablation.
        for fault in validation.faults_of(check.model, with_level(config, name, level)):
            if fault.path not in usual:
                inside = related(fault.path, path)
                text = fault.message if inside else f"with {name}={show(level)}: {fault.message}"
                place = item.place_of(fault.path[len(path) :] if inside else ())
                section.refuse(text, path=fault.path, at=place)
