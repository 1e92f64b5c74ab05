"""A search space: parameters in order, and the ways between a study's parameters and values.

Values are nested as in a run's configuration:
`{"dropout": 0.2, "temperature": {"schedule": "step", "start": 4.0}}`.
A study's parameters are flat: `{"dropout": 0.2, "temperature.schedule": "step", ...}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slr_tune.errors import Problem, SpecError, did_you_mean
from slr_tune.space.parameters import ChoiceParameter, Condition, Parameter, TrialLike
from slr_tune.space.validation import Fault
from slr_tune.space.values import MISSING, KeyPath, look_up, nested, same, show


@dataclass(frozen=True)
class Space:
    """The parameters of a search, a choice always before what depends on it.

    Attributes:
        parameters: All of them, those under conditions too, in the order of the file.
    """

    parameters: tuple[Parameter, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Flat names of all parameters that a study of this space may hold."""
        return tuple(key for parameter in self.parameters for key in parameter.keys)

    @property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters by their flat names."""
        return {parameter.name: parameter for parameter in self.parameters}

    def conditions(self, parameter: Parameter) -> Iterator[Condition]:
        """Every choice that must be made for a parameter to apply, the nearest first."""
        by_name = self.by_name
        here: Parameter | None = parameter
        while here is not None and here.when is not None:
            yield here.when
            here = by_name.get(here.when.choice)

    def suggest(self, trial: TrialLike) -> dict[str, Any]:
        """Asks a trial for every parameter that applies, and nests the values."""
        return self._nested(lambda parameter: parameter.suggest(trial))

    def decode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Nests the values that a study's parameters stand for; other names are ignored.

        Raises:
            SpecError: A parameter that applies is missing, or is not one of its options.
        """

        def read(parameter: Parameter) -> Any:
            try:
                return parameter.decode(params)
            except (KeyError, TypeError, ValueError) as error:
                found = {key: params[key] for key in parameter.keys if key in params}
                message = f"a trial of this space cannot have {show(found) if found else 'none'}"
                raise SpecError([Problem(parameter.name, message)]) from error

        return self._nested(read)

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The study's parameters of nested values: the inverse of `suggest`, for `enqueue_trial`.

        Weights of a simplex come back exact where they sum to 1 and have at most 12 decimals,
        within 2e-6 otherwise; a stepped float to 12 digits; every other value as it is.

        Raises:
            SpecError: The values are not in the space; all misfits are listed.
        """
        if misfits := self.misfits(values):
            raise SpecError([Problem(".".join(m.path), m.message, m.hint) for m in misfits])
        params: dict[str, Any] = {}
        for parameter, value in self._given(values):
            params |= parameter.encode(value)
        return params

    def misfits(self, values: Mapping[str, Any]) -> list[Fault]:
        """Every reason why values are not in the space; empty where they are.

        A fixed parameter may be left out. Every other one that applies must be there.
        """
        found = []
        applying = list(self._given(values))
        for parameter, value in applying:
            if value is not MISSING:
                if message := parameter.misfit(value):
                    found.append(Fault(parameter.path, message))
            elif parameter.keys:
                found.append(Fault(parameter.path, "is missing", hint=_example(parameter)))
        known = {parameter.path for parameter, _ in applying}
        return found + [self._extra(path) for path in _beside(values, known)]

    def _nested(self, read: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Reads every parameter that applies, in order, into one nested mapping."""
        return nested((parameter.path, value) for parameter, value in self._applying(read))

    def _given(self, values: Mapping[str, Any]) -> Iterator[tuple[Parameter, Any]]:
        """Parameters that apply under the choices that the values make, each with its value."""
        return self._applying(lambda parameter: look_up(values, parameter.path))

    def _applying(self, read: Callable[[Parameter], Any]) -> Iterator[tuple[Parameter, Any]]:
        """Reads every parameter whose condition holds under the choices read before it."""
        chosen: dict[str, Any] = {}
        for parameter in self.parameters:
            when = parameter.when
            if when is None or same(chosen.get(when.choice, MISSING), when.branch):
                chosen[parameter.name] = read(parameter)
                yield parameter, chosen[parameter.name]

    def _extra(self, path: KeyPath) -> Fault:
        """What to say of a key that no parameter which applies accounts for."""
        needs = [p.when for p in self.parameters if p.path == path and p.when is not None]
        if needs:
            branches = dict.fromkeys(f"{n.choice} is {show(n.branch)}" for n in needs)
            message, hint = f"applies only where {' or '.join(branches)}", "Leave it out."
        else:
            depth = len(path) - 1
            names = {p.path[depth] for p in self.parameters if p.path[:depth] == path[:depth]}
            near = did_you_mean(path[-1], sorted(names))
            message = "is not a parameter of the space"
            hint = near or "Search it under space, or move it to fixed."
        return Fault(path, message, of_key=True, hint=hint)


class Point:
    """A trial that answers with given parameters, and with the middle of a range otherwise."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Keeps the parameters; names that no range asks for do no harm."""
        self.params = params

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Given, or the middle."""
        middle = math.sqrt(low) * math.sqrt(high) if log else low / 2 + high / 2
        if step is not None:
            middle = low + round((middle - low) / step) * step
        return float(self.params.get(name, middle))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Given, or near the middle."""
        return int(self.params.get(name, low + (high - low) // step // 2 * step))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Given, or the first."""
        return self.params.get(name, choices[0])


def _example(parameter: Parameter) -> str:
    if isinstance(parameter, ChoiceParameter):
        return f"Give it one of {', '.join(map(show, parameter.options))}."
    return f"Give it a value, for example {show(parameter.probes()[0][1])}."


def _beside(
    values: Mapping[str, Any], known: set[KeyPath], prefix: KeyPath = ()
) -> Iterator[KeyPath]:
    """Paths of values that are neither known, nor inside a known one, nor on the way to one."""
    for key, value in values.items():
        path = (*prefix, key)
        if path in known:
            continue
        on_the_way = any(other[: len(path)] == path for other in known)
        if on_the_way and isinstance(value, Mapping):
            yield from _beside(value, known, path)
        elif not on_the_way:
            yield path
