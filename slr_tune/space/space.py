"""A search space: parameters in order, and the ways between a study's parameters and values.

Values are nested as in a run's configuration:
`{"dropout": 0.2, "temperature": {"schedule": "step", "start": 4.0}}`.
A study's parameters are flat: `{"dropout": 0.2, "temperature.schedule": "step", ...}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slr_tune.errors import Problem, SpecError
from slr_tune.space.choices import ChoiceParameter
from slr_tune.space.nearest import did_you_mean
from slr_tune.space.parameter import Parameter, TrialLike, same, show

Path = tuple[str, ...]

MISSING = object()
"""Stands for "nothing there", where None is a value."""


@dataclass(frozen=True)
class Misfit:
    """One place where values do not lie in a space.

    Attributes:
        path: Keys down to the place.
        message: What is wrong there.
        hint: The way out, may be empty.
        of_key: The key itself should not be there.
    """

    path: Path
    message: str
    hint: str = ""
    of_key: bool = False


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

    def suggest(self, trial: TrialLike) -> dict[str, Any]:
        """Asks a trial for every parameter that applies, and nests the values."""
        return self._collect(lambda parameter: parameter.suggest(trial))

    def decode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Nests the values that a study's parameters stand for; other names are ignored.

        Raises:
            SpecError: A parameter that applies is missing, or is none of its options.
        """

        def read(parameter: Parameter) -> Any:
            try:
                return parameter.decode(params)
            except (KeyError, TypeError, ValueError) as error:
                found = {key: params[key] for key in parameter.keys if key in params}
                said = f"a trial of this space cannot have {show(found) if found else 'none'}"
                raise SpecError([Problem(parameter.name, said)]) from error

        return self._collect(read)

    def encode(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The study's parameters of nested values: the inverse of `suggest`, for `enqueue_trial`.

        Weights of a simplex come back exact where they sum to 1 and have at most 12 decimals,
        within 2e-6 otherwise; a stepped float to 12 digits; every other value as it is.

        Raises:
            SpecError: The values do not lie in the space; all misfits are listed.
        """
        if misfits := self.misfits(values):
            raise SpecError([Problem(".".join(m.path), m.message, m.hint) for m in misfits])
        params: dict[str, Any] = {}
        for parameter, value in self._applying(values):
            if parameter.keys:
                params |= parameter.encode(value)
        return params

    def misfits(self, values: Mapping[str, Any]) -> list[Misfit]:
        """Every reason why values do not lie in the space; empty where they do.

        A fixed parameter may be left out. Every other one that applies must be there.
        """
        found = []
        applying = list(self._applying(values))
        for parameter, value in applying:
            if value is not MISSING:
                if message := parameter.misfit(value):
                    found.append(Misfit(parameter.path, message))
            elif parameter.keys:
                found.append(Misfit(parameter.path, "is missing", _example(parameter)))
        known = {parameter.path for parameter, _ in applying}
        return found + [self._extra(path) for path in _beside(values, known)]

    def _collect(self, read: Callable[[Parameter], Any]) -> dict[str, Any]:
        """Reads every parameter that applies, in order, into one nested mapping."""
        values: dict[str, Any] = {}
        chosen: dict[str, Any] = {}
        for parameter in self.parameters:
            if _applies(parameter, chosen):
                chosen[parameter.name] = read(parameter)
                put(values, parameter.path, chosen[parameter.name])
        return values

    def _applying(self, values: Mapping[str, Any]) -> Iterator[tuple[Parameter, Any]]:
        """Parameters that apply under the choices that the values make, each with its value."""
        chosen: dict[str, Any] = {}
        for parameter in self.parameters:
            if _applies(parameter, chosen):
                chosen[parameter.name] = look_up(values, parameter.path)
                yield parameter, chosen[parameter.name]

    def _extra(self, path: Path) -> Misfit:
        """What to say of a key that no parameter which applies accounts for."""
        needs = [p.when for p in self.parameters if p.path == path and p.when is not None]
        if needs:
            said = " or ".join(dict.fromkeys(f"{n.choice} is {show(n.branch)}" for n in needs))
            return Misfit(path, f"applies only where {said}", "Leave it out.", of_key=True)
        depth = len(path) - 1
        names = {p.path[depth] for p in self.parameters if p.path[:depth] == path[:depth]}
        near = did_you_mean(path[-1], sorted(names))
        hint = near or "Search it under space, or move it to fixed."
        return Misfit(path, "is not a parameter of the space", hint, of_key=True)


def _applies(parameter: Parameter, chosen: Mapping[str, Any]) -> bool:
    """Whether a parameter's condition holds, given the values of the choices before it."""
    when = parameter.when
    if when is None:
        return True
    return when.choice in chosen and same(chosen[when.choice], when.branch)


def _example(parameter: Parameter) -> str:
    if isinstance(parameter, ChoiceParameter):
        return f"Give it one of {', '.join(map(show, parameter.options))}."
    return f"Give it a value, for example {show(parameter.probes()[0][1])}."


def _beside(values: Mapping[str, Any], known: set[Path], prefix: Path = ()) -> Iterator[Path]:
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


def look_up(values: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at a path of keys and list positions, MISSING where there is none."""
    here: Any = values
    for key in path:
        if isinstance(here, Mapping) and key in here:
            here = here[key]
        elif isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        else:
            return MISSING
    return here


def put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Sets the value at a path, making the mappings on the way."""
    for key in path[:-1]:
        values = values.setdefault(key, {})
    values[path[-1]] = value


def nested(flat: Mapping[Path, Any]) -> dict[str, Any]:
    """Values by path as one nested mapping."""
    values: dict[str, Any] = {}
    for path, value in flat.items():
        put(values, path, value)
    return values


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested mappings as one, key by key; where both have a value, `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged
