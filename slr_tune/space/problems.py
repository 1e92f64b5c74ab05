"""Problems of a file, collected so that all are told at once; and checks that note them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from slr_tune.errors import Problem, SpecError, nearest_or_all
from slr_tune.space import validation
from slr_tune.space.validation import Fault, fields_of, unknown_keys
from slr_tune.space.values import Path, merge, same, show
from slr_tune.space.yaml_reader import Found
from slr_tune.space.yaml_tree import Node, SourcePlace
from trainables.config import inherited


class ProblemList:
    """A list of problems that sorts itself into the order of the file."""

    def __init__(self, found: Found | None = None) -> None:
        """Starts with what the reader found."""
        self._found: Found = list(found or [])

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._found)

    def add(self, at: Node | SourcePlace, path: str, message: str, hint: str = "") -> None:
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


def read_section(
    root: Node,
    key: str,
    kind: Any,
    problems: ProblemList,
    *,
    default: Any = None,
    label: str = "",
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
    if faults := validation.faults_of(kind, plain):
        note_faults(faults, node, label, problems, kind=kind)
        return None
    return validation.validated(kind, plain)


def note_faults(
    faults: Iterable[Fault], node: Node, label: str, problems: ProblemList, *, kind: Any = None
) -> None:
    """Notes faults of a part of the file at their places.

    Args:
        faults: What was refused.
        node: The part.
        label: Its name in the file: "budget"; empty for the whole.
        problems: Gets them.
        kind: Dataclass whose fields are suggested for a key that it does not know.
    """
    for fault in faults:
        hint = fault.hint
        if kind and fault.of_key and len(fault.path) == 1:
            hint = nearest_or_all(fault.path[0], fields_of((kind,)))
        place = node.place_of(fault.path, of_key=fault.of_key)
        problems.add(place, dotted(label, fault.path), fault.message, hint)


def note_unknown(
    model: type[BaseModel],
    values: Mapping[str, Any],
    place_of: Callable[[Path], SourcePlace],
    label: str,
    problems: ProblemList,
) -> list[Path]:
    """Notes keys that a model has no setting for.

    Args:
        model: Class of settings.
        values: Nested values from the top of the configuration.
        place_of: Gives the place of a key.
        label: Name of their section.
        problems: Gets the keys.

    Returns:
        Paths of the keys.
    """
    unknown = list(unknown_keys((model,), values))
    for path, names in unknown:
        said = f"is not a setting of {validation.owner(model, path)}"
        problems.add(place_of(path), dotted(label, path), said, nearest_or_all(path[-1], names))
    return [path for path, _ in unknown]


def check_settings(
    model: type[BaseModel],
    node: Node | None,
    label: str,
    problems: ProblemList,
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
    at = node or Node(SourcePlace(0, 0, 0, label), {})
    plain = at.plain() or {}
    if note_unknown(model, plain, lambda path: at.place_of(path, of_key=True), label, problems):
        return None
    kept = inherited(start or {}, plain)
    merged = merge(merge(validation.defaults_of(model), kept), plain)
    if faults := validation.faults_of(model, merged):
        note_faults(faults, at, label, problems)
        return None
    return validation.as_json(model, merged)


def distinct_items(node: Node, label: str, noun: str, problems: ProblemList) -> list[Node]:
    """Items of a list that no item before them equals; notes the others.

    Args:
        node: The list.
        label: Its name in the file.
        noun: What an item is: "option".
        problems: Gets what is given twice.
    """
    distinct: list[Node] = []
    for item in node.items:
        value = item.plain()
        if any(same(value, other.plain()) for other in distinct):
            said = f"the {noun} {show(value)} is given twice"
            problems.add(item, label, said, "Remove one of the two.")
        else:
            distinct.append(item)
    return distinct


def dotted(label: str, path: Path) -> str:
    """A section's name and a path in it as one name: "budget.trials"."""
    return ".".join((label, *path) if label else path)
