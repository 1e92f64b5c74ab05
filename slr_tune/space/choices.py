"""One of some options, and a value that is no option at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from slr_tune.space.parameter import Parameter, Scalar, TrialLike, same, show


@dataclass(frozen=True, kw_only=True)
class ChoiceParameter(Parameter):
    """One of some options. Other parameters may depend on which, through their `when`.

    An option may be a list or a mapping; the study then holds its JSON text, since a database
    keeps only plain values.
    """

    kind: ClassVar[str] = "choice"
    options: tuple[Any, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Its name."""
        return (self.name,)

    @property
    def categories(self) -> tuple[Scalar, ...]:
        """The options as the study keeps them."""
        return tuple(_category(option) for option in self.options)

    def suggest(self, trial: TrialLike) -> Any:
        """Asks for one of the options."""
        return self.decode({self.name: trial.suggest_categorical(self.name, self.categories)})

    def encode(self, value: Any) -> dict[str, Any]:
        """The option, or its JSON text."""
        return {self.name: self.categories[self._index(value, self.options)]}

    def decode(self, params: Mapping[str, Any]) -> Any:
        """The option that the study's value stands for.

        Raises:
            KeyError: The value is none of the options.
        """
        index = self._index(params[self.name], self.categories)
        if index < 0:
            raise KeyError(self.name)
        return copy.deepcopy(self.options[index])

    def misfit(self, value: Any) -> str:
        """Whether it is one of the options."""
        if self._index(value, self.options) >= 0:
            return ""
        return f"{show(value)} is none of {', '.join(map(show, self.options))}"

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Every option."""
        return tuple((f"option {show(option)}", option) for option in self.options)

    def ranges(self) -> dict[str, Any]:
        """The options."""
        return {"options": copy.deepcopy(list(self.options))}

    @staticmethod
    def _index(value: Any, options: Sequence[Any]) -> int:
        """Place of a value among options, -1 where it is none; True is not 1."""
        for index, option in enumerate(options):
            if same(option, value):
                return index
        return -1


def _category(option: Any) -> Scalar:
    if option is None or isinstance(option, str | int | float | bool):
        return option
    return json.dumps(option, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class FixedParameter(Parameter):
    """One value, not searched: what a branch of a choice needs beside its parameters."""

    kind: ClassVar[str] = "fixed"
    value: Any

    @property
    def keys(self) -> tuple[str, ...]:
        """None: the study does not hold it."""
        return ()

    def suggest(self, trial: TrialLike) -> Any:
        """The value; the trial is not asked."""
        return copy.deepcopy(self.value)

    def encode(self, value: Any) -> dict[str, Any]:
        """Nothing."""
        return {}

    def decode(self, params: Mapping[str, Any]) -> Any:
        """The value."""
        return copy.deepcopy(self.value)

    def misfit(self, value: Any) -> str:
        """Whether it is the value."""
        if same(self.value, value):
            return ""
        return f"is fixed at {show(self.value)}, not {show(value)}"

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """The value."""
        return (("fixed", self.value),)

    def ranges(self) -> dict[str, Any]:
        """The value."""
        return {"value": copy.deepcopy(self.value)}
