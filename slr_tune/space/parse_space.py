"""The `space:` section: from the file's tree to parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from slr_tune.errors import did_you_mean
from slr_tune.space.parameters import (
    KINDS,
    ChoiceParameter,
    Condition,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
    tidy,
)
from slr_tune.space.problems import ProblemList, distinct_items
from slr_tune.space.space import Space
from slr_tune.space.validation import QUOTED_NUMBER
from slr_tune.space.values import Path, Scalar, is_number, related, same, show
from slr_tune.space.yaml_tree import MappingEntry, Node, key_text, kind_of

_MOST_STEPS = 1e9

_BESIDE = {"float": ("log", "step"), "int": ("log", "step")}
"""Keys that may stand beside a kind."""

_EXAMPLE = "For example {float: [0.0, 0.5]}; a value that is not searched is {fixed: %s}."


@dataclass(frozen=True)
class ParsedSpace:
    """A space and where its parts stand.

    Attributes:
        space: The parameters that could be read.
        entries: Entry of each parameter by its flat name.
        paths: Entry of each parameter and group by its path; the first where branches share it.
    """

    space: Space
    entries: dict[str, MappingEntry]
    paths: dict[Path, MappingEntry]


def parse_space(node: Node, is_group: Callable[[Path], bool], problems: ProblemList) -> ParsedSpace:
    """Reads the section.

    Args:
        node: The section.
        is_group: Whether a path of the configuration leads to a mapping of settings.
        problems: Gets what is wrong.
    """
    parser = _Parser(is_group, problems)
    if not node.entries:
        said = f"must be a mapping of parameters, not {kind_of(node)}"
        problems.add(node, "space", said, "For example space: {dropout: {float: [0.0, 0.5]}}.")
    parser.group(node, _Scope())
    parsed = ParsedSpace(Space(tuple(parser.parameters)), parser.entries, parser.paths)
    _note_clashes(parsed, problems)
    return parsed


@dataclass(frozen=True)
class _Scope:
    """Where in the space we are: path in the configuration, prefix of names, condition."""

    path: Path = ()
    prefix: Path = ()
    when: Condition | None = None


@dataclass
class _Parser:
    """Walks the section and keeps what it finds."""

    is_group: Callable[[Path], bool]
    problems: ProblemList
    parameters: list[Parameter] = field(default_factory=list)
    entries: dict[str, MappingEntry] = field(default_factory=dict)
    paths: dict[Path, MappingEntry] = field(default_factory=dict)

    def group(self, node: Node, scope: _Scope) -> None:
        """Reads a mapping of parameters."""
        for key, entry in node.entries.items():
            if isinstance(key, str) and key:
                self._one(key, entry, scope)
            else:
                said = f"a name must be a text, not {key_text(key) or 'empty'}"
                self.problems.add(entry.place, ".".join(("space", *scope.prefix)), said)

    def _one(self, key: str, entry: MappingEntry, scope: _Scope) -> None:
        """Reads a parameter, or a group of them."""
        node, path, names = entry.node, (*scope.path, key), (*scope.prefix, key)
        label = ".".join(("space", *names))
        self.paths.setdefault(path, entry)
        if not node.entries:
            value = show(node.plain()) if node.value not in (None, {}) else "VALUE"
            said = f"a parameter is a mapping with its kind and range, not {kind_of(node)}"
            self.problems.add(node, label, said, _EXAMPLE % value)
            return
        kinds = [kind for kind in KINDS if kind in node.entries]
        if len(kinds) > 1:
            said = f"has {len(kinds)} kinds, {' and '.join(kinds)}"
            self.problems.add(node, label, said, "Keep one of them.")
        elif kinds:
            self._parameter(key, kinds[0], entry, scope)
        elif self._lacks_kind(node, path):
            self._note_no_kind(node, label)
        else:
            self.group(node, _Scope(path, names, scope.when))

    def _lacks_kind(self, node: Node, path: Path) -> bool:
        """Whether a mapping without a kind was meant to have one, rather than to be a group."""
        return not self.is_group(path) or any(
            _nearest_kind(key) and not entry.node.entries for key, entry in node.entries.items()
        )

    def _note_no_kind(self, node: Node, label: str) -> None:
        for key, entry in node.entries.items():
            if hint := _nearest_kind(key):
                said = f"{key_text(key)} is no kind of parameter"
                self.problems.add(entry.place, label, said, hint)
                return
        keys = ", ".join(map(key_text, node.entries))
        hint = f"Known: {', '.join(KINDS)}."
        self.problems.add(node, label, f"needs a kind of parameter, and has only {keys}", hint)

    def _parameter(self, key: str, kind: str, entry: MappingEntry, scope: _Scope) -> None:
        """Reads a parameter whose kind is known."""
        node, name = entry.node, ".".join((*scope.prefix, key))
        self._note_beside(kind, node, f"space.{name}")
        where: dict[str, Any] = {"name": name, "path": (*scope.path, key), "when": scope.when}
        value = node.entries[kind].node
        if kind == "choice":
            self._choice(value, entry, scope, where)
        elif kind == "simplex":
            self._simplex(value, entry, where)
        elif kind == "fixed":
            self._add(FixedParameter(value=value.plain(), **where), entry)
        elif number := _read_number(kind, node, where, self.problems):
            self._add(number, entry)

    def _note_beside(self, kind: str, node: Node, label: str) -> None:
        known = (kind, *_BESIDE.get(kind, ()))
        for key, entry in node.entries.items():
            if key not in known:
                said = f"is not known beside {kind}"
                hint = did_you_mean(str(key), known[1:]) or "Remove it."
                self.problems.add(entry.place, f"{label}.{key_text(key)}", said, hint)

    def _add(self, parameter: Parameter, entry: MappingEntry) -> None:
        if parameter.name in self.entries:
            first = self.entries[parameter.name].place
            said = f"is a name that line {first.line} has too"
            self.problems.add(entry.place, f"space.{parameter.name}", said, "Rename the branch.")
            return
        self.entries[parameter.name] = entry
        self.parameters.append(parameter)

    def _simplex(self, value: Node, entry: MappingEntry, where: dict[str, Any]) -> None:
        names = [item.value for item in value.items]
        label = f"space.{where['name']}"
        if len(names) < 2 or not all(isinstance(name, str) and name for name in names):
            said = f"simplex takes the names of at least two weights, not {_list_text(value)}"
            self.problems.add(value, label, said, "For example {simplex: [alpha, beta, gamma]}.")
        elif len(set(names)) < len(names):
            self.problems.add(value, label, f"simplex names a weight twice: {_list_text(value)}")
        else:
            self._add(SimplexParameter(weights=tuple(map(str, names)), **where), entry)

    def _choice(
        self, value: Node, entry: MappingEntry, scope: _Scope, where: dict[str, Any]
    ) -> None:
        name = where["name"]
        if value.items:
            items = distinct_items(value, f"space.{name}", "option", self.problems)
            options = tuple(item.plain() for item in items)
            self._add(ChoiceParameter(options=options, **where), entry)
        elif value.entries:
            self._add(ChoiceParameter(options=tuple(value.entries), **where), entry)
            self._branches_of(value, name, scope.path, scope.prefix or where["path"])
        else:
            found = "an empty list" if value.value in ([], {}) else kind_of(value)
            said = f"choice takes a list of options, not {found}"
            self.problems.add(value, f"space.{name}", said, "For example {choice: [keep, drop]}.")

    def _branches_of(self, value: Node, name: str, path: Path, prefix: Path) -> None:
        """Reads the parameters under each option; they sit beside the choice, not below it."""
        for branch, entry in value.entries.items():
            text = key_text(branch)
            if entry.node.value is not None and not isinstance(entry.node.value, dict):
                said = f"a branch is a mapping of parameters, not {kind_of(entry.node)}"
                hint = f"Without any: {text}: {{}}."
                self.problems.add(entry.node, f"space.{name}.{text}", said, hint)
            self.group(entry.node, _Scope(path, (*prefix, text), Condition(name, branch)))


def _note_clashes(parsed: ParsedSpace, problems: ProblemList) -> None:
    """Notes parameters that share a name in the study, or set the same setting at once."""

    def note(parameter: Parameter, other: Parameter, said: str) -> None:
        line = parsed.entries[other.name].place.line
        message = f"{said} space.{other.name}" + (f" on line {line}" if line else "")
        place = parsed.entries[parameter.name].place
        problems.add(place, f"space.{parameter.name}", message, "Keep one of them.")

    parameters, owners = parsed.space.parameters, dict[str, Parameter]()
    for i, parameter in enumerate(parameters):
        for key in parameter.keys:
            if (other := owners.setdefault(key, parameter)) is not parameter:
                note(parameter, other, f"has the name {key} in the study, as")
        for other in parameters[:i]:
            at_once = not _exclusive(parsed.space, parameter, other)
            if at_once and related(parameter.path, other.path):
                note(parameter, other, "sets the same setting as")


def _exclusive(space: Space, one: Parameter, other: Parameter) -> bool:
    """Whether two parameters need different branches of the same choice."""
    mine, theirs = ({c.choice: c.branch for c in space.conditions(p)} for p in (one, other))
    return any(not same(mine[choice], theirs[choice]) for choice in mine.keys() & theirs.keys())


def _read_number(
    kind: str, node: Node, where: dict[str, Any], problems: ProblemList
) -> FloatParameter | IntParameter | None:
    """Reads `{float: [low, high], log: true}`; None where something is wrong with it.

    Args:
        kind: "float" or "int".
        node: The parameter: a mapping with its kind as a key.
        where: Its name, path and condition.
        problems: Gets what is wrong.
    """
    label = f"space.{where['name']}"
    bounds, log, step = node.entries[kind].node, node.child("log"), node.child("step")
    parts = dict(zip(("low", "high"), bounds.items, strict=False))
    good = len(bounds.items) == 2
    if not good:
        parts = {}
        said = f"{kind} takes [low, high], not {_list_text(bounds)}"
        problems.add(bounds, label, said, f"For example {{{kind}: [1, 4]}}.")
    if step is not None:
        parts["step"] = step
    for name, part in parts.items():
        good = _is_number_part(name, part, kind, label, problems) and good
    if log is not None and not isinstance(log.value, bool):
        problems.add(log, label, f"log must be true or false, not {kind_of(log)}")
        good = False
    if not good:
        return None
    given: dict[str, Any] = {name: part.value for name, part in parts.items()}
    is_log = log is not None and log.value is True
    said, hint = _range_misfit(kind, given, is_log)
    if said:
        problems.add(node, label, said, hint)
        return None
    if kind == "int":
        return IntParameter(**given, log=is_log, **where)
    numbers: dict[str, Any] = {name: float(value) for name, value in given.items()}
    return FloatParameter(**numbers, log=is_log, **where)


def _is_number_part(name: str, node: Node, kind: str, label: str, problems: ProblemList) -> bool:
    """Whether low, high or step is the number that it must be; notes where it is not."""
    value: Any = node.value
    if not is_number(value, whole=kind == "int"):
        said = "must be a whole number" if kind == "int" else "must be a number"
    elif name == "step" and value <= 0:
        said = "must be above 0"
    else:
        return True
    hint = QUOTED_NUMBER if isinstance(value, str) and value[:1].isdigit() else ""
    problems.add(node, label, f"{name} {said}, not {kind_of(node)}", hint)
    return False


def _range_misfit(kind: str, given: dict[str, Any], log: bool) -> tuple[str, str]:
    """What is wrong between the parts of a range, and the way out; empty where nothing is."""
    low, high, step = given["low"], given["high"], given.get("step")
    if low >= high:
        fixed = f"A value that is not searched is {{fixed: {low}}}."
        hint = fixed if low == high else "Swap the two values."
        return f"low={low} must be below high={high}", hint
    if log and step is not None:
        return "log and step exclude each other", "Keep one of them."
    if log and low <= 0:
        smallest = "1" if kind == "int" else "a small number such as 1e-5"
        return f"low={low} must be above 0 on a log scale", f"Start at {smallest}, or drop log."
    if step is None:
        return "", ""
    if (high - low) / step > _MOST_STEPS:
        return f"step={step} makes more than a thousand million steps", "Drop step."
    # In decimals, as Optuna has it.
    first, last, size = (Decimal(str(value)) for value in (low, high, step))
    if rest := (last - first) % size:
        near = [tidy(float(last - rest + i * size)) for i in (0, 1)]
        hint = f"high could be {' or '.join(f'{value:g}' for value in near if value > low)}."
        return f"high={high} is not low={low} plus a whole number of steps of {step}", hint
    return "", ""


def _list_text(node: Node) -> str:
    """A list as it stands in the file, or what there is instead of one."""
    return show(node.plain()) if node.items else kind_of(node)


def _nearest_kind(key: Scalar) -> str:
    return did_you_mean(str(key), KINDS, cutoff=0.7)
