"""Problems of a file, collected to report all at once; and the parts that are checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slr_tune.errors import Problem, SpecError, nearest_or_all
from slr_tune.space import validation
from slr_tune.space.values import KeyPath, merge, same, show
from slr_tune.space.yaml_reader import Found
from slr_tune.space.yaml_tree import Node, SourcePlace
from trainables.config import inherited

Where = Node | SourcePlace
"""A place in a file, or a node, which stands for its own."""


class ProblemList:
    """A list of problems that sorts itself into the order of the file."""

    def __init__(self, found: Found | None = None) -> None:
        """Starts with what the reader found."""
        self._found: Found = list(found or [])

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found)

    def add(self, at: Where, path: str, message: str, hint: str = "") -> None:
        """Notes a problem.

        Args:
            at: The place, or the node whose place it is.
            path: Where that is in the file's own words: "space.dropout".
            message: What is wrong, with the value and the rule.
            hint: The way out.
        """
        place = at.place if isinstance(at, Node) else at
        problem = Problem(str(place), f"{path}: {message}" if path else message, hint)
        if all(problem != known for _, known in self._found):
            self._found.append((place, problem))

    def extend(self, place: SourcePlace, problems: Iterable[Problem]) -> None:
        """Notes problems of one place."""
        self._found.extend((place, problem) for problem in problems)

    def sorted(self) -> list[Problem]:
        """All of them, in the order of the file, overrides last."""
        return [problem for _, problem in sorted(self._found, key=lambda pair: pair[0])]

    def raise_any(self) -> None:
        """Raises where there are any.

        Raises:
            SpecError: With all of them, in the order of the file.
        """
        if self:
            raise SpecError(self.sorted())


@dataclass(frozen=True)
class FileSection:
    """A part of a file that is being read.

    Attributes:
        node: The part.
        label: Its name in the file: "budget", "space.dropout"; empty for the whole.
        problems: Gets what is wrong with it.
    """

    node: Node
    label: str
    problems: ProblemList

    def child(self, key: str) -> FileSection | None:
        """The part under a key, None where there is none or it is null."""
        node = self.node.child(key)
        if node is None or node.value is None:
            return None
        return FileSection(node, dotted(self.label, (key,)), self.problems)

    def refuse(
        self, message: str, hint: str = "", *, path: KeyPath = (), at: Where | None = None
    ) -> None:
        """Notes a problem.

        Args:
            message: What is wrong, with the value and the rule.
            hint: The way out.
            path: Keys from this part down to what is wrong.
            at: The place, or the node whose place it is; None for that of the path's value.
        """
        at = self.node.place_of(path) if at is None else at
        self.problems.add(at, dotted(self.label, path), message, hint)

    def read(self, key: str, kind: Any, *, default: Any = None) -> Any:
        """Reads the part under a key.

        Args:
            key: The key.
            kind: Dataclass, model or type that the part must be.
            default: Value where there is no such part; None where there must be one.

        Returns:
            The part as `kind`, None where something is wrong with it.
        """
        section = self.child(key)
        if section is None:
            if default is None:
                self.refuse("is missing", path=(key,))
            return default
        plain = section.node.plain()
        if faults := validation.faults_of(kind, plain):
            section.refuse_faults(faults, kind=kind)
            return None
        return validation.validated(kind, plain)

    def settings(
        self, model: type[BaseModel], *, start: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The part as settings, put over a model's defaults and checked.

        Args:
            model: Class of settings.
            start: Settings between the defaults and the part's, such as another run's.

        Returns:
            Every setting as JSON, None where something is wrong.
        """
        plain = self.node.plain() or {}
        if self.refuse_unknown(model, plain):
            return None
        kept = inherited(start or {}, plain)
        merged = merge(merge(validation.defaults_of(model), kept), plain)
        if faults := validation.faults_of(model, merged):
            self.refuse_faults(faults)
            return None
        return validation.as_json(model, merged)

    def distinct_items(self, noun: str) -> list[Node]:
        """Items of a list, each once; notes those that are given again, such as an "option"."""
        distinct: list[Node] = []
        for item in self.node.items:
            if any(same(item.plain(), other.plain()) for other in distinct):
                message = f"the {noun} {show(item.plain())} appears twice"
                self.refuse(message, "Remove one of the two.", at=item)
            else:
                distinct.append(item)
        return distinct

    def refuse_faults(self, faults: Iterable[validation.Fault], *, kind: Any = None) -> None:
        """Notes faults at their places.

        Args:
            faults: What was refused.
            kind: Dataclass whose fields are suggested for a key that it does not know.
        """
        for fault in faults:
            hint = fault.hint
            if kind and fault.of_key and len(fault.path) == 1:
                hint = nearest_or_all(fault.path[0], validation.fields_of((kind,)))
            at = self.node.place_of(fault.path, of_key=fault.of_key)
            self.refuse(fault.message, hint, path=fault.path, at=at)

    def refuse_unknown(
        self, model: type[BaseModel], values: Mapping[str, Any], *, skip: int = 0
    ) -> list[KeyPath]:
        """Notes keys that a model has no setting for.

        Args:
            model: Class of settings.
            values: Nested values from the top of the configuration.
            skip: Keys at the front of a path that lead to the part and are not in it.

        Returns:
            Paths of the keys.
        """
        unknown = list(validation.unknown_keys((model,), values))
        for path, names in unknown:
            at = self.node.place_of(path[skip:], of_key=True)
            self.refuse_key(model, path, names, at=at)
        return [path for path, _ in unknown]

    def refuse_key(
        self, model: type[BaseModel], path: KeyPath, names: Sequence[str], *, at: SourcePlace
    ) -> None:
        """Notes a key that is not one of a model's names."""
        message = f"is not a setting of {validation.owner(model, path)}"
        self.refuse(message, nearest_or_all(path[-1], names), path=path, at=at)


def dotted(label: str, path: KeyPath) -> str:
    """A section's name and a path in it as one name: "budget.trials"."""
    return ".".join((label, *path) if label else path)
