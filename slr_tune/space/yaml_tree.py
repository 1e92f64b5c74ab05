"""A file as a tree of values, each with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from slr_tune.space.values import KeyPath, Scalar


@dataclass(frozen=True, order=True)
class SourcePlace:
    """Where something is.

    Attributes:
        order: Files before overrides, for sorting.
        line: From 1; 0 where the source is not a file.
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

    place: SourcePlace
    value: Scalar | list[Node] | dict[Scalar, MappingEntry]

    @property
    def entries(self) -> dict[Scalar, MappingEntry]:
        """The entries of a mapping; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; none where it is something else."""
        return self.value if isinstance(self.value, list) else []

    def entry(self, key: str) -> MappingEntry | None:
        """The entry under a key's text, or the item at a position; None where there is none."""
        for known, entry in self.entries.items():
            if key_text(known) == key:
                return entry
        if key.isdecimal() and int(key) < len(self.items):
            item = self.items[int(key)]
            return MappingEntry(item.place, item)
        return None

    def child(self, key: str) -> Node | None:
        """The value under a key, None where there is none."""
        entry = self.entry(key)
        return entry.node if entry else None

    def place_of(self, path: KeyPath, *, of_key: bool = False) -> SourcePlace:
        """The place of what a path leads to, or of the last part on the way that is there.

        Args:
            path: Keys and list positions.
            of_key: The place of the last key instead of its value.
        """
        node, place = self, self.place
        for key in path:
            entry = node.entry(key)
            if entry is None:
                break
            node = entry.node
            place = entry.place if of_key else node.place
        return place

    def plain(self) -> Any:
        """The value without places; keys become text, as in JSON."""
        if isinstance(self.value, dict):
            return {key_text(key): entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True)
class MappingEntry:
    """A key's place and its value."""

    place: SourcePlace
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
