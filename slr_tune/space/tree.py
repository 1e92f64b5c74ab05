"""A file as a tree of values, each with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from slr_tune.errors import Problem
from slr_tune.space.parameter import Scalar


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands.

    Attributes:
        order: Files before overrides, for sorting.
        line: From 1; 0 where the source is no file.
        column: From 1, in characters.
        source: File as the user named it, or an option such as `--set a.b=1`.
    """

    order: int
    line: int
    column: int
    source: str

    def __str__(self) -> str:
        """`file:line:column`, or the option."""
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Node:
    """A value and its place.

    Attributes:
        place: Where the value begins.
        value: A scalar, a list of nodes, or a mapping from keys to entries.
    """

    place: Place
    value: Scalar | list[Node] | dict[Scalar, Entry]

    @property
    def entries(self) -> dict[Scalar, Entry]:
        """The entries of a mapping; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none where it is something else."""
        return self.value if isinstance(self.value, list) else []

    def child(self, key: Scalar) -> Node | None:
        """The value under a key, None where there is none."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def plain(self) -> Any:
        """The value without places; keys become text, as in JSON."""
        if isinstance(self.value, dict):
            return {key_text(key): entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class Entry:
    """A key's place and its value."""

    place: Place
    node: Node


def key_text(key: Scalar) -> str:
    """A key as the file shows it: true, null, 4."""
    return key if isinstance(key, str) else json.dumps(key)


def kind_of(node: Node) -> str:
    """What a person would call the value: "a list", "a mapping", or the scalar itself."""
    if isinstance(node.value, list):
        return "a list"
    if isinstance(node.value, dict):
        return "a mapping"
    return "nothing" if node.value is None else json.dumps(node.value, ensure_ascii=False)


Found = list[tuple[Place, Problem]]
"""Problems with their places, so that they can be sorted."""
