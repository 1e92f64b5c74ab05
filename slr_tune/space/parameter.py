"""What every kind of parameter is: a small value that suggests, encodes and decodes.

A parameter has a flat `name`, under which the study knows it (`temperature.step.start`), and a
`path`, where its value sits in a run's configuration (`temperature`, `start`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

Scalar = str | int | float | bool | None


class TrialLike(Protocol):
    """The part of an Optuna trial that a space needs; anything with these three will do."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Returns a number in [low, high]."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Returns a whole number in [low, high]."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Returns one of the choices."""


@dataclass(frozen=True)
class Condition:
    """A parameter applies only where a choice took one of its branches.

    Attributes:
        choice: Flat name of the choice.
        branch: The option it must have taken.
    """

    choice: str
    branch: Scalar


@dataclass(frozen=True, kw_only=True)
class Parameter(ABC):
    """What all kinds share.

    Attributes:
        name: Flat name, unique in the space.
        path: Keys from the top of the configuration down to the value.
        when: Condition under which it applies, None for always.
    """

    kind: ClassVar[str]
    name: str
    path: tuple[str, ...]
    when: Condition | None = None

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Flat names of the study's parameters that hold it: none for a fixed value."""

    @abstractmethod
    def suggest(self, trial: TrialLike) -> Any:
        """Asks a trial for a value."""

    @abstractmethod
    def encode(self, value: Any) -> dict[str, Any]:
        """The study's parameters that decode to a value; the value has passed `misfit`."""

    @abstractmethod
    def decode(self, params: Mapping[str, Any]) -> Any:
        """The value that the study's parameters stand for.

        Raises:
            KeyError: One of `keys` is missing.
        """

    @abstractmethod
    def misfit(self, value: Any) -> str:
        """What is wrong with a value, empty where it lies in the parameter's range."""

    @abstractmethod
    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Values at the ends of the range, each with what to call it: ("low", 0.0)."""

    @abstractmethod
    def ranges(self) -> dict[str, Any]:
        """What defines the range, JSON only; `from_json` takes it back."""

    def to_json(self) -> dict[str, Any]:
        """The whole parameter as JSON."""
        head: dict[str, Any] = {"name": self.name, "kind": self.kind, "path": list(self.path)}
        if self.when is not None:
            head["when"] = {"choice": self.when.choice, "branch": self.when.branch}
        return head | self.ranges()


def tidy(value: float) -> float:
    """A float without the noise of binary arithmetic: 0.30000000000000004 -> 0.3."""
    return float(f"{value:.12g}")


def show(value: Any) -> str:
    """A value as it would stand in the file."""
    return json.dumps(value, ensure_ascii=False, default=str)


def same(one: Any, other: Any) -> bool:
    """Equality as the file means it: 1 equals 1.0, but true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def number_misfit(value: Any, low: float, high: float) -> str:
    """Says why a value is not a number in [low, high], empty where it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number from {low} to {high}, not {show(value)}"
    if not low <= value <= high:
        return f"{value} is outside the space, {low} to {high}"
    return ""
