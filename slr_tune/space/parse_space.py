"""The `space:` section: from the file's tree to parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from slr_tune.errors import did_you_mean
from slr_tune.space.parameters import KINDS, Condition, Parameter, tidy
from slr_tune.space.problems import FileSection, ProblemList, dotted
from slr_tune.space.space import Space
from slr_tune.space.validation import QUOTED_NUMBER
from slr_tune.space.values import KeyPath, Scalar, is_number, related, same, show
from slr_tune.space.yaml_tree import MappingEntry, Node, key_text, kind_of

_MOST_STEPS = 1e9

_BESIDE = {
    "float": ("log", "step", "prior"),
    "int": ("log", "step", "prior"),
    "choice": ("prior",),
    "simplex": ("prior",),
}
"""Keys that may be next to a kind."""

_EXAMPLE = "For example {float: [0.0, 0.5]}; a value that is not searched is {fixed: %s}."


def parse_space(
    node: Node, is_group: Callable[[KeyPath], bool], problems: ProblemList
) -> ParsedSpace:
    """Reads the section.

    Args:
        node: The section.
        is_group: Whether a path of the configuration leads to a mapping of settings.
        problems: Gets what is wrong.
    """
    parsed = ParsedSpace(is_group, problems)
    if not node.entries:
        message = f"must be a mapping of parameters, not {kind_of(node)}"
        problems.add(node, "space", message, "For example space: {dropout: {float: [0.0, 0.5]}}.")
    parsed.read_group(node, _Scope())
    _refuse_clashes(parsed, problems)
    return parsed


@dataclass(frozen=True)
class _Scope:
    """Where in the space we are: path in the configuration, prefix of names, condition."""

    path: KeyPath = ()
    prefix: KeyPath = ()
    when: Condition | None = None


@dataclass
class ParsedSpace:
    """A space and where its parts are.

    Attributes:
        is_group: Whether a path of the configuration leads to a mapping of settings.
        problems: Gets what is wrong.
        parameters: The parameters that could be read.
        entries: Entry of each parameter by its flat name.
        paths: Entry of each parameter and group by its path; the first where branches share it.
    """

    is_group: Callable[[KeyPath], bool]
    problems: ProblemList
    parameters: list[Parameter] = field(default_factory=list)
    entries: dict[str, MappingEntry] = field(default_factory=dict)
    paths: dict[KeyPath, MappingEntry] = field(default_factory=dict)

    @property
    def space(self) -> Space:
        """The space of these parameters."""
        return Space(tuple(self.parameters))

    def read_group(self, node: Node, scope: _Scope) -> None:
        """Reads a mapping of parameters."""
        for key, entry in node.entries.items():
            if isinstance(key, str) and key:
                self._one(entry, _Scope((*scope.path, key), (*scope.prefix, key), scope.when))
            else:
                message = f"a name must be a text, not {key_text(key) or 'empty'}"
                self.problems.add(entry.place, dotted("space", scope.prefix), message)

    def _one(self, entry: MappingEntry, scope: _Scope) -> None:
        """Reads a parameter, or a group of them."""
        node = entry.node
        section = FileSection(node, dotted("space", scope.prefix), self.problems)
        self.paths.setdefault(scope.path, entry)
        kinds = [kind for kind in KINDS if kind in node.entries]
        if not node.entries:
            value = show(node.plain()) if node.value not in (None, {}) else "VALUE"
            message = f"a parameter is a mapping with its kind and range, not {kind_of(node)}"
            section.refuse(message, _EXAMPLE % value)
        elif len(kinds) > 1:
            section.refuse(f"has {len(kinds)} kinds, {' and '.join(kinds)}", "Keep one of them.")
        elif kinds:
            self._parameter(kinds[0], section, entry, scope)
        elif self.is_group(scope.path) and not any(
            _nearest_kind(key) and not below.node.entries for key, below in node.entries.items()
        ):
            self.read_group(node, scope)
        else:
            _refuse_without_kind(section)

    def _parameter(
        self, kind: str, section: FileSection, entry: MappingEntry, scope: _Scope
    ) -> None:
        """Reads a parameter whose kind is known."""
        name, value = ".".join(scope.prefix), section.node.entries[kind].node
        known = (kind, *_BESIDE.get(kind, ()))
        for key, beside in section.node.entries.items():
            if key not in known:
                hint = did_you_mean(str(key), known[1:]) or "Remove it."
                message, path = f"is not an option of {kind}", (key_text(key),)
                section.refuse(message, hint, path=path, at=beside.place)
        given = _READERS[kind](kind, section, value)
        if given is None:
            return
        if name in self.entries:
            message = f"is a name that line {self.entries[name].place.line} has too"
            section.refuse(message, "Rename the branch.", at=entry.place)
        else:
            self.entries[name] = entry
            parameter = KINDS[kind](name=name, path=scope.path, when=scope.when, **given)
            self.parameters.append(self._believed(parameter, section))
        if kind == "choice":
            self._branches(name, value, section, scope)

    def _believed(self, parameter: Parameter, section: FileSection) -> Parameter:
        """The parameter with the prior that is next to its kind."""
        node = section.node.child("prior")
        if node is None or parameter.kind == "fixed":
            return parameter
        if message := parameter.misfit(node.plain()):
            section.refuse(message, "The prior must be in the range.", path=("prior",), at=node)
            return parameter
        return replace(parameter, prior=node.plain())

    def _branches(self, name: str, value: Node, section: FileSection, scope: _Scope) -> None:
        """Reads the parameters under each option; they are next to the choice, not below it."""
        path, prefix = scope.path[:-1], scope.prefix[:-1] or scope.path
        for branch, entry in value.entries.items():
            text = key_text(branch)
            if not isinstance(entry.node.value, dict | None):
                message = f"a branch is a mapping of parameters, not {kind_of(entry.node)}"
                hint = f"Without any: {text}: {{}}."
                section.refuse(message, hint, path=(text,), at=entry.node)
            self.read_group(entry.node, _Scope(path, (*prefix, text), Condition(name, branch)))


def _refuse_without_kind(section: FileSection) -> None:
    for key, entry in section.node.entries.items():
        if hint := _nearest_kind(key):
            section.refuse(f"{key_text(key)} is not a kind of parameter", hint, at=entry.place)
            return
    keys = ", ".join(map(key_text, section.node.entries))
    hint = f"Known: {', '.join(KINDS)}."
    section.refuse(f"needs a kind of parameter, and has only {keys}", hint)


def _refuse_clashes(parsed: ParsedSpace, problems: ProblemList) -> None:
    """Notes parameters that share a name in the study, or set the same setting at once."""
    space = parsed.space

    def refuse(parameter: Parameter, other: Parameter, text: str) -> None:
        line = parsed.entries[other.name].place.line
        message = f"{text} space.{other.name}" + (f" on line {line}" if line else "")
        place = parsed.entries[parameter.name].place
        problems.add(place, f"space.{parameter.name}", message, "Keep one of them.")

    owners: dict[str, Parameter] = {}
    for i, parameter in enumerate(space.parameters):
        for key in parameter.keys:
            if (other := owners.setdefault(key, parameter)) is not parameter:
                refuse(parameter, other, f"has the name {key} in the study, as")
        for other in space.parameters[:i]:
            at_once = not _exclusive(space, parameter, other)
            if at_once and related(parameter.path, other.path):
                refuse(parameter, other, "sets the same setting as")


def _exclusive(space: Space, one: Parameter, other: Parameter) -> bool:
    """Whether two parameters need different branches of the same choice."""
    mine, theirs = ({c.choice: c.branch for c in space.conditions(p)} for p in (one, other))
    return any(not same(mine[choice], theirs[choice]) for choice in mine.keys() & theirs.keys())


def _read_number(kind: str, section: FileSection, bounds: Node) -> dict[str, Any] | None:
    """Low, high, log and step of `{float: [low, high], log: true}`; None where one is wrong."""
    log, step = section.node.child("log"), section.node.child("step")
    parts: dict[str, Node] = {}
    good = len(bounds.items) == 2
    if good:
        parts["low"], parts["high"] = bounds.items
    else:
        message = f"{kind} takes [low, high], not {_list_text(bounds)}"
        section.refuse(message, f"For example {{{kind}: [1, 4]}}.", at=bounds)
    if step is not None:
        parts["step"] = step
    for name, part in parts.items():
        if message := _number_misfit(kind, name, part.value):
            is_quoted = isinstance(part.value, str) and part.value[:1].isdigit()
            hint = QUOTED_NUMBER if is_quoted else ""
            section.refuse(f"{name} {message}, not {kind_of(part)}", hint, at=part)
            good = False
    if log is not None and not isinstance(log.value, bool):
        section.refuse(f"log must be true or false, not {kind_of(log)}", at=log)
        good = False
    if not good:
        return None
    given: dict[str, Any] = {name: part.value for name, part in parts.items()}
    is_log = log is not None and log.value is True
    message, hint = _range_misfit(kind, given, is_log)
    if message:
        section.refuse(message, hint)
        return None
    number = int if kind == "int" else float
    return {"log": is_log, **{name: number(value) for name, value in given.items()}}


def _number_misfit(kind: str, name: str, value: Any) -> str:
    if not is_number(value, whole=kind == "int"):
        return "must be a whole number" if kind == "int" else "must be a number"
    return "must be above 0" if name == "step" and value <= 0 else ""


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
        return f"step={step} makes more than 1,000,000,000 steps", "Drop step."
    # In decimals, as Optuna has it.
    first, last, size = (Decimal(str(value)) for value in (low, high, step))
    if rest := (last - first) % size:
        near = [tidy(float(last - rest + i * size)) for i in (0, 1)]
        hint = f"high could be {' or '.join(f'{value:g}' for value in near if value > low)}."
        return f"high={high} is not low={low} plus a whole number of steps of {step}", hint
    return "", ""


def _read_choice(kind: str, section: FileSection, value: Node) -> dict[str, Any] | None:
    if value.items:
        items = FileSection(value, section.label, section.problems).distinct_items("option")
        return {"options": tuple(item.plain() for item in items)}
    if value.entries:
        return {"options": tuple(value.entries)}
    found = "an empty list" if value.value in ([], {}) else kind_of(value)
    message = f"choice takes a list of options, not {found}"
    section.refuse(message, "For example {choice: [keep, drop]}.", at=value)
    return None


def _read_simplex(kind: str, section: FileSection, value: Node) -> dict[str, Any] | None:
    names = [item.value for item in value.items]
    if len(names) < 2 or not all(isinstance(name, str) and name for name in names):
        message = f"simplex takes the names of at least two weights, not {_list_text(value)}"
        section.refuse(message, "For example {simplex: [alpha, beta, gamma]}.", at=value)
    elif len(set(names)) < len(names):
        section.refuse(f"simplex names a weight twice: {_list_text(value)}", at=value)
    else:
        return {"weights": tuple(names)}
    return None


_READERS: dict[str, Callable[[str, FileSection, Node], dict[str, Any] | None]] = {
    "float": _read_number,
    "int": _read_number,
    "choice": _read_choice,
    "simplex": _read_simplex,
    "fixed": lambda kind, section, value: {"value": value.plain()},
}
"""What reads the range of a parameter: from its kind, its part of the file and the kind's value."""


def _list_text(node: Node) -> str:
    """A list as it is in the file, or what there is instead of one."""
    return show(node.plain()) if node.items else kind_of(node)


def _nearest_kind(key: Scalar) -> str:
    return did_you_mean(str(key), KINDS, cutoff=0.7)
