"""The `space:` section: from the file's tree to parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slr_tune.space.choices import ChoiceParameter, FixedParameter
from slr_tune.space.nearest import did_you_mean
from slr_tune.space.numbers import FloatParameter, IntParameter
from slr_tune.space.parameter import Condition, Parameter, Scalar, same, show
from slr_tune.space.parameters import KINDS
from slr_tune.space.problems import Problems
from slr_tune.space.ranges import list_of, read_range
from slr_tune.space.settings import Path, related
from slr_tune.space.simplex import SimplexParameter
from slr_tune.space.space import Space
from slr_tune.space.tree import Entry, Node, key_text, kind_of

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
    entries: dict[str, Entry]
    paths: dict[Path, Entry]


def parse_space(node: Node, is_group: Callable[[Path], bool], problems: Problems) -> ParsedSpace:
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
    parser.check_names()
    return ParsedSpace(Space(tuple(parser.parameters)), parser.entries, parser.paths)


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
    problems: Problems
    parameters: list[Parameter] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    paths: dict[Path, Entry] = field(default_factory=dict)

    def group(self, node: Node, scope: _Scope) -> None:
        """Reads a mapping of parameters."""
        for key, entry in node.entries.items():
            if isinstance(key, str) and key:
                self._one(key, entry, scope)
            else:
                said = f"a name must be a text, not {key_text(key) or 'empty'}"
                self.problems.add(entry.place, ".".join(("space", *scope.prefix)), said)

    def _one(self, key: str, entry: Entry, scope: _Scope) -> None:
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

    def _parameter(self, key: str, kind: str, entry: Entry, scope: _Scope) -> None:
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
        elif found := read_range(kind, node, f"space.{name}", self.problems):
            self._add(_number(kind, found.low, found.high, found.log, found.step, where), entry)

    def _note_beside(self, kind: str, node: Node, label: str) -> None:
        known = (kind, *_BESIDE.get(kind, ()))
        for key, entry in node.entries.items():
            if key not in known:
                said = f"is not known beside {kind}"
                hint = did_you_mean(str(key), known[1:]) or "Remove it."
                self.problems.add(entry.place, f"{label}.{key_text(key)}", said, hint)

    def _add(self, parameter: Parameter, entry: Entry) -> None:
        if parameter.name in self.entries:
            first = self.entries[parameter.name].place
            said = f"is a name that line {first.line} has too"
            self.problems.add(entry.place, f"space.{parameter.name}", said, "Rename the branch.")
            return
        self.entries[parameter.name] = entry
        self.parameters.append(parameter)

    def _simplex(self, value: Node, entry: Entry, where: dict[str, Any]) -> None:
        names = [item.value for item in value.items]
        label = f"space.{where['name']}"
        if len(names) < 2 or not all(isinstance(name, str) and name for name in names):
            said = f"simplex takes the names of at least two weights, not {list_of(value)}"
            self.problems.add(value, label, said, "For example {simplex: [alpha, beta, gamma]}.")
        elif len(set(names)) < len(names):
            self.problems.add(value, label, f"simplex names a weight twice: {list_of(value)}")
        else:
            self._add(SimplexParameter(weights=tuple(map(str, names)), **where), entry)

    def _choice(self, value: Node, entry: Entry, scope: _Scope, where: dict[str, Any]) -> None:
        name = where["name"]
        if value.items:
            self._add(ChoiceParameter(options=self._options(value, name), **where), entry)
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

    def _options(self, value: Node, name: str) -> tuple[Any, ...]:
        options: list[Any] = []
        for item in value.items:
            option = item.plain()
            if any(same(option, other) for other in options):
                said = f"the option {show(option)} is given twice"
                self.problems.add(item, f"space.{name}", said, "Remove one of the two.")
            else:
                options.append(option)
        return tuple(options)

    def check_names(self) -> None:
        """Notes parameters that share a name in the study, or set the same setting at once."""
        owners: dict[str, Parameter] = {}
        for i, parameter in enumerate(self.parameters):
            for key in parameter.keys:
                other = owners.setdefault(key, parameter)
                if other is not parameter:
                    self._note_clash(parameter, other, f"has the name {key} in the study, as")
            for other in self.parameters[:i]:
                if related(parameter.path, other.path) and not self._exclusive(parameter, other):
                    self._note_clash(parameter, other, "sets the same setting as")

    def _note_clash(self, parameter: Parameter, other: Parameter, said: str) -> None:
        line = self.entries[other.name].place.line
        message = f"{said} space.{other.name}" + (f" on line {line}" if line else "")
        place = self.entries[parameter.name].place
        self.problems.add(place, f"space.{parameter.name}", message, "Keep one of them.")

    def _exclusive(self, one: Parameter, other: Parameter) -> bool:
        """Whether two parameters need different branches of the same choice."""
        mine, theirs = self._branches(one), self._branches(other)
        return any(not same(mine[choice], theirs[choice]) for choice in mine.keys() & theirs.keys())

    def _branches(self, parameter: Parameter) -> dict[str, Scalar]:
        """The branches that a parameter needs, by choice."""
        by_name = {known.name: known for known in self.parameters}
        branches: dict[str, Scalar] = {}
        here: Parameter | None = parameter
        while here is not None and here.when is not None:
            branches[here.when.choice] = here.when.branch
            here = by_name.get(here.when.choice)
        return branches


def _number(
    kind: str, low: Any, high: Any, log: bool, step: Any, where: dict[str, Any]
) -> FloatParameter | IntParameter:
    if kind == "int":
        return IntParameter(low=low, high=high, log=log, step=step or 1, **where)
    size = None if step is None else float(step)
    return FloatParameter(low=float(low), high=float(high), log=log, step=size, **where)


def _nearest_kind(key: Scalar) -> str:
    return did_you_mean(str(key), KINDS, cutoff=0.7)
