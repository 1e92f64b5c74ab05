"""The kinds of parameter: small values that suggest, encode and decode.

A parameter has a flat `name`, under which the study knows it (`temperature.step.start`), and a
`path`, where its value sits in a run's configuration (`temperature`, `start`).
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Protocol

from slr_tune.space.values import KeyPath, Scalar, is_number, same, show

STEP_TOLERANCE = 1e-8
"""How far from a whole number of steps a value may lie, in steps; the same as Optuna's."""

SIMPLEX_DECIMALS = 12
"""Weights are multiples of 1e-12, so that 0.7 comes back as 0.7 and not as 0.7000000000000001."""

SIMPLEX_TOLERANCE = 2e-6
"""How far from 1 the sum of weights written by a person may lie: thirds with six decimals do."""


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
    """What all kinds share. The fields that a kind adds define its range, and are JSON.

    Attributes:
        name: Flat name, unique in the space.
        path: Keys from the top of the configuration down to the value.
        when: Condition under which it applies, None for always.
        prior: Value that is believed to be good, in the configuration's terms; None for none.
    """

    kind: ClassVar[str]
    name: str
    path: KeyPath
    when: Condition | None = None
    prior: Any = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Flat names of the study's parameters that hold it: none for a fixed value."""
        return (self.name,)

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
        """What is wrong with a value, empty where it is in the parameter's range."""

    @abstractmethod
    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Values at the ends of the range, each with what to call it: ("low", 0.0)."""

    def to_json(self) -> dict[str, Any]:
        """The whole parameter as JSON; `from_json` takes it back."""
        data: dict[str, Any] = {"name": self.name, "kind": self.kind, "path": list(self.path)}
        if self.when is not None:
            data["when"] = dataclasses.asdict(self.when)
        for field in dataclasses.fields(self):
            if field.name == "prior" and self.prior is None:
                continue  # studies of before have no such key
            if field.name not in ("name", "path", "when"):
                value = getattr(self, field.name)
                data[field.name] = copy.deepcopy(list(value) if isinstance(value, tuple) else value)
        return data


@dataclass(frozen=True, kw_only=True)
class _NumberParameter(Parameter):
    """A number in [low, high]; `log` searches its logarithm, `step` a grid from low."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @abstractmethod
    def _exact(self, value: Any) -> float:
        """A value in the parameter's type, on its grid."""

    def encode(self, value: Any) -> dict[str, Any]:
        """The value itself."""
        return {self.name: self._exact(value)}

    def decode(self, params: Mapping[str, Any]) -> Any:
        """The value itself."""
        return self._exact(params[self.name])

    def misfit(self, value: Any) -> str:
        """Type, bounds, step."""
        message = _number_misfit(value, self.low, self.high, whole=self.kind == "int")
        if message or self.step is None:
            return message
        steps = (value - self.low) / self.step
        if abs(steps - round(steps)) < STEP_TOLERANCE:
            return ""
        below, above = (tidy(self.low + math.floor(steps + i) * self.step) for i in (0, 1))
        return f"{value} is not on a step; its neighbours are {below} and {above}"

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Both bounds."""
        return ("low", self.low), ("high", self.high)


@dataclass(frozen=True, kw_only=True)
class FloatParameter(_NumberParameter):
    """A number in [low, high]; `log` searches its logarithm, `step` a grid from low."""

    kind: ClassVar[str] = "float"

    def suggest(self, trial: TrialLike) -> float:
        """Asks for a float."""
        value = trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)
        return self._exact(value)

    def _exact(self, value: Any) -> float:
        if self.step is None:
            return float(value)
        return tidy(self.low + round((float(value) - self.low) / self.step) * self.step)


@dataclass(frozen=True, kw_only=True)
class IntParameter(_NumberParameter):
    """A whole number in [low, high]; `log` searches its logarithm, `step` a grid from low."""

    kind: ClassVar[str] = "int"
    low: int
    high: int
    step: int = 1

    def suggest(self, trial: TrialLike) -> int:
        """Asks for an int."""
        return trial.suggest_int(self.name, self.low, self.high, step=self.step, log=self.log)

    def _exact(self, value: Any) -> int:
        return int(value)


@dataclass(frozen=True, kw_only=True)
class ChoiceParameter(Parameter):
    """One of some options. Other parameters may depend on which, through their `when`.

    An option may be a list or a mapping; the study then holds its JSON text, since a database
    keeps only plain values.
    """

    kind: ClassVar[str] = "choice"
    options: tuple[Any, ...]

    @property
    def categories(self) -> tuple[Scalar, ...]:
        """The options as the study keeps them."""
        return tuple(
            json.dumps(option, sort_keys=True) if isinstance(option, list | dict) else option
            for option in self.options
        )

    def suggest(self, trial: TrialLike) -> Any:
        """Asks for one of the options."""
        return self.decode({self.name: trial.suggest_categorical(self.name, self.categories)})

    def encode(self, value: Any) -> dict[str, Any]:
        """The option, or its JSON text."""
        return {self.name: self.categories[self._index(value, self.options)]}

    def decode(self, params: Mapping[str, Any]) -> Any:
        """The option that the study's value stands for.

        Raises:
            KeyError: The value is not one of the options.
        """
        index = self._index(params[self.name], self.categories)
        if index < 0:
            raise KeyError(self.name)
        return copy.deepcopy(self.options[index])

    def misfit(self, value: Any) -> str:
        """Whether it is one of the options."""
        if self._index(value, self.options) >= 0:
            return ""
        return f"{show(value)} is not one of {', '.join(map(show, self.options))}"

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Every option."""
        return tuple((f"option {show(option)}", option) for option in self.options)

    @staticmethod
    def _index(value: Any, options: Sequence[Any]) -> int:
        """Place of a value among options, -1 where it is none; True is not 1."""
        return next((i for i, option in enumerate(options) if same(option, value)), -1)


@dataclass(frozen=True, kw_only=True)
class SimplexParameter(Parameter):
    """Weights that are not negative and sum to 1, uniform over all such weights.

    K weights have K - 1 free numbers u_1..u_(K-1) in [0, 1]. With s_i = w_1 + .. + w_i and
    s_K = 1, u_i = (s_i / s_(i+1))^i: for uniform u, s_i / s_(i+1) is Beta(i, 1) as it is under
    Dirichlet(1, .., 1). For three weights u1 is the first's share of the first two, and u2 the
    square of what the third leaves.

    Source: Devroye 1986, Non-Uniform Random Variate Generation, chapter V, theorem 2.1 (uniform
    spacings), and chapter XI, section 4 (Dirichlet from products of betas).
    """

    kind: ClassVar[str] = "simplex"
    weights: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the free numbers."""
        return tuple(f"{self.name}.u{i}" for i in range(1, len(self.weights)))

    def suggest(self, trial: TrialLike) -> dict[str, float]:
        """Asks for the free numbers."""
        return self.decode({key: trial.suggest_float(key, 0.0, 1.0) for key in self.keys})

    def encode(self, value: Any) -> dict[str, Any]:
        """The free numbers; where the first i + 1 weights are 0, u_i is of no effect and 0.5."""
        weights = [float(value[name]) for name in self.weights]
        sums = [math.fsum(weights[: i + 1]) for i in range(len(weights))]
        return {
            key: (sums[i - 1] / sums[i]) ** i if sums[i] > 0 else 0.5
            for i, key in enumerate(self.keys, start=1)
        }

    def decode(self, params: Mapping[str, Any]) -> dict[str, float]:
        """The weights, multiples of 1e-12 whose sum is 1 to the last digit."""
        sums = [1.0]
        for i, key in reversed(list(enumerate(self.keys, start=1))):
            sums.append(sums[-1] * float(params[key]) ** (1 / i))
        sums = sums[::-1]
        weights = [sums[0], *(after - before for before, after in pairwise(sums))]
        return dict(zip(self.weights, _rounded(weights), strict=True))

    def misfit(self, value: Any) -> str:
        """Names, signs and sum."""
        if not isinstance(value, Mapping) or set(value) != set(self.weights):
            return f"must give {', '.join(self.weights)} and nothing else, not {show(value)}"
        for name, weight in value.items():
            if wrong := _number_misfit(weight, 0.0, 1.0):
                return f"{name}: {wrong}"
        total = math.fsum(value.values())
        if abs(total - 1) > SIMPLEX_TOLERANCE:
            return f"the weights sum to {tidy(total)} and must sum to 1"
        return ""

    def probes(self) -> tuple[tuple[str, Any], ...]:
        """Every corner."""
        return tuple(
            (f"corner {corner}=1", {name: float(name == corner) for name in self.weights})
            for corner in self.weights
        )


@dataclass(frozen=True, kw_only=True)
class FixedParameter(Parameter):
    """One value, not searched: what a branch of a choice needs in addition to its parameters."""

    kind: ClassVar[str] = "fixed"
    value: Any

    @property
    def keys(self) -> tuple[str, ...]:
        """None: the study does not hold it."""
        return ()

    def suggest(self, trial: TrialLike) -> Any:
        """The value; the trial is not asked."""
        return self.decode({})

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


KINDS: dict[str, type[Parameter]] = {
    kind.kind: kind
    for kind in (FloatParameter, IntParameter, ChoiceParameter, SimplexParameter, FixedParameter)
}
"""Every kind by its name in the file."""


def from_json(data: Mapping[str, Any]) -> Parameter:
    """A parameter from what `Parameter.to_json` gave."""
    fields = {key: value for key, value in data.items() if key not in ("kind", "when")}
    when = data.get("when")
    fields["when"] = Condition(when["choice"], when["branch"]) if when else None
    for key in ("path", "options", "weights"):
        if key in fields:
            fields[key] = tuple(fields[key])
    return KINDS[data["kind"]](**fields)


def tidy(value: float) -> float:
    """A float without the noise of binary arithmetic: 0.30000000000000004 -> 0.3."""
    return float(f"{value:.12g}")


def _number_misfit(value: Any, low: float, high: float, *, whole: bool = False) -> str:
    """Says why a value is not a number in [low, high], empty where it is."""
    if not is_number(value, whole=whole):
        noun = "whole number" if whole else "number"
        return f"must be a {noun} from {low} to {high}, not {show(value)}"
    return "" if low <= value <= high else f"{value} is outside the space, {low} to {high}"


def _rounded(weights: list[float]) -> list[float]:
    """Weights on the 1e-12 grid; the largest takes what rounding left over."""
    rounded = [round(weight, SIMPLEX_DECIMALS) for weight in weights]
    largest = rounded.index(max(rounded))
    rest = math.fsum(rounded[:largest] + rounded[largest + 1 :])
    rounded[largest] = round(1.0 - rest, SIMPLEX_DECIMALS)
    return rounded
