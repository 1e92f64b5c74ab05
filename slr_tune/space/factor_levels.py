"""The `baseline:` and `factors:` sections: where a search starts and what an ablation changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.space import settings
from slr_tune.space.check_space import SpaceCheck
from slr_tune.space.known_settings import without
from slr_tune.space.nearest import did_you_mean, nearest_or_all
from slr_tune.space.parameter import same, show
from slr_tune.space.parse_space import ParsedSpace
from slr_tune.space.problems import Problems
from slr_tune.space.report import note_unknown, place_of
from slr_tune.space.settings import Path, related
from slr_tune.space.space import Space, nested, put
from slr_tune.space.tree import Entry, Node, key_text, kind_of


def read_baseline(
    root: Node, parsed: ParsedSpace, known: Space, problems: Problems
) -> dict[str, Any] | None:
    """The baseline with the space's fixed values; None without one or where it is not in the space.

    Nothing is said of parameters that could not be read or are not known to the trainable: their
    own problems come first.
    """
    node = root.child("baseline")
    if node is None or node.value is None or not isinstance(node.value, dict):
        return None
    values = node.plain()
    misfits = parsed.space.misfits(values)
    for misfit in misfits:
        if _has_own_problem(misfit.path, parsed, known):
            continue
        place = place_of(node, misfit.path, of_key=misfit.of_key)
        label = ".".join(("baseline", *misfit.path))
        problems.add(place, label, misfit.message, misfit.hint)
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


def read_factors(root: Node, check: SpaceCheck, problems: Problems) -> dict[str, list[Any]]:
    """The factors; each level is tried in the baseline, or in the middle of the space."""
    node = root.child("factors")
    factors: dict[str, list[Any]] = {}
    for key, entry in (node.entries if node else {}).items():
        name = key_text(key)
        if _is_factor(name, entry, check.run.model, problems):
            factors[name] = entry.node.plain()
            _check_levels(name, entry.node, check, problems)
    return factors


def _is_factor(name: str, entry: Entry, model: type[BaseModel], problems: Problems) -> bool:
    """Notes what is wrong with a factor as a whole; whether nothing is."""
    label, path = f"factors.{name}", tuple(name.split("."))
    unknown = list(settings.unknown_keys((model,), nested({path: None})))
    for bad, names in unknown:
        said = f"{'.'.join(bad)} is not a setting of {settings.owner(model, bad)}"
        problems.add(entry.place, label, said, nearest_or_all(bad[-1], names))
    if not unknown and len(path) > 1 and not settings.is_group(model, path[:-1]):
        problems.add(entry.place, label, f"{'.'.join(path[:-1])} is a single setting")
        return False
    if not entry.node.items:
        said = f"must be a list of levels, not {kind_of(entry.node)}"
        problems.add(entry.node, label, said, f"For example {name}: [LEVEL, LEVEL].")
        return False
    return not unknown


def _check_levels(name: str, node: Node, check: SpaceCheck, problems: Problems) -> None:
    depth = len(name.split("."))
    usual = {fault.path for fault in check.run.faults(check.reference)}
    seen: list[Any] = []
    for item in node.items:
        level = item.plain()
        if any(same(level, other) for other in seen):
            said = f"the level {show(level)} is given twice"
            problems.add(item, f"factors.{name}", said, "Remove one of the two.")
            continue
        seen.append(level)
        values = nested({tuple(name.split(".")): level})
        if note_unknown(check.run.model, values, item, "factors", problems, skip=depth):
            continue
        # The level replaces what is fixed too, as it does in an ablation.
        whole = with_level(check.run.config(check.reference), name, level)
        for fault in settings.faults_of(check.run.model, whole):
            if fault.path in usual:
                continue
            inside = related(fault.path, tuple(name.split(".")))
            said = fault.message if inside else f"with {name}={show(level)}: {fault.message}"
            place = place_of(item, fault.path[depth:] if inside else ())
            problems.add(place, ".".join(("factors", *fault.path)), said)
