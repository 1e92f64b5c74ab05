"""An earlier run's settings as a point of a space: as they are, at its edge, or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slr_tune.space import (
    MISSING,
    ChoiceParameter,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
    Space,
    look_up,
)
from slr_tune.space.parameters import tidy
from slr_tune.space.values import nested, same, show

NEAR = 0.05
"""How far outside a range a value may lie to be moved to its end, as a share of the range."""
WEIGHTS_NEAR = 0.05
"""How far from 1 the sum of weights may lie to be divided by it."""
_SETTINGS_OF_NO_EFFECT = ("checkpoint_every", "teacher_cache", "max_epochs")
_CLOSE = 1e-9


class Misfit(Exception):
    """A run is not a point of the space; the text says why, values left out."""


@dataclass(frozen=True)
class Fitted:
    """A run's place in a space.

    Attributes:
        values: Nested values that are in the space.
        moved: Old and new value of each parameter that had to be moved into it.
    """

    values: dict[str, Any]
    moved: Mapping[str, tuple[Any, Any]]


def fit(space: Space, fixed: Mapping[str, Any], settings: Mapping[str, Any]) -> Fitted:
    """Finds a run's place.

    Args:
        space: The space.
        fixed: Nested settings that every trial of the study has.
        settings: Nested settings of the run; what it does not say is taken to be as it is fixed.

    Raises:
        Misfit: A searched parameter that applies is missing or is outside, or a fixed setting
            is another.
    """
    chosen: dict[str, Any] = {}
    placed: list[tuple[tuple[str, ...], Any]] = []
    moved: dict[str, tuple[Any, Any]] = {}
    for parameter in space.parameters:
        when = parameter.when
        if when is not None and not same(chosen.get(when.choice, MISSING), when.branch):
            continue
        given = look_up(settings, parameter.path)
        value = _placed(parameter, given)
        if not _equal(given, value) and not isinstance(parameter, FixedParameter):
            moved[".".join(parameter.path)] = (given, value)
        chosen[parameter.name] = value
        placed.append((parameter.path, value))
    # Those of other branches too: there the fixed settings hold what a run has without them.
    paths = {parameter.path for parameter in space.parameters}
    for path, value in _leaves(fixed):
        given = look_up(settings, path)
        searched = any(path[: len(known)] == known for known in paths)
        if given is MISSING or searched or path[-1] in _SETTINGS_OF_NO_EFFECT:
            continue
        if not _equal(given, value):
            name = ".".join(path)
            raise Misfit(f"{name} is {show(given)}, the space fixes {show(value)}")
    return Fitted(nested(placed), moved)


def _placed(parameter: Parameter, given: Any) -> Any:
    """The value in the parameter's range that equals a run's value, or is nearest to it."""
    name = ".".join(parameter.path)
    if isinstance(parameter, FixedParameter):
        if given is MISSING or _equal(given, parameter.value):
            return parameter.value
        raise Misfit(f"{name} is {show(given)}, the space fixes {show(parameter.value)}")
    if given is MISSING:
        raise Misfit(f"{name} is missing")
    if isinstance(parameter, ChoiceParameter):
        found = next((one for one in parameter.options if _equal(one, given)), MISSING)
        if found is MISSING:
            raise Misfit(f"{name} {show(given)} is not one of the options")
        return found
    if isinstance(parameter, SimplexParameter):
        return _weights(parameter, name, given)
    assert isinstance(parameter, FloatParameter | IntParameter)
    return _number(parameter, name, given)


def _number(parameter: FloatParameter | IntParameter, name: str, given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise Misfit(f"{name} {show(given)} is not a number")
    low, high, value = float(parameter.low), float(parameter.high), float(given)
    if parameter.log and value <= 0:
        raise Misfit(f"{name} is outside the space")
    scale = math.log if parameter.log else float
    reach = NEAR * (scale(high) - scale(low))
    if scale(value) < scale(low) - reach or scale(value) > scale(high) + reach:
        raise Misfit(f"{name} is outside the space")
    value = min(max(value, low), high)
    if parameter.step is not None:
        most = math.floor((high - low) / parameter.step + _CLOSE)
        value = tidy(low + min(most, round((value - low) / parameter.step)) * parameter.step)
    return int(value) if isinstance(parameter, IntParameter) else value


def _weights(parameter: SimplexParameter, name: str, given: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for key in parameter.weights:
        weight = given.get(key) if isinstance(given, Mapping) else None
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise Misfit(f"{name}.{key} is missing")
        found[key] = float(weight)
    total = math.fsum(found.values())
    if min(found.values()) < 0 or not abs(total - 1) <= WEIGHTS_NEAR:
        raise Misfit(f"the weights of {name} do not sum to 1")
    if not parameter.misfit(found):
        return found
    return {key: value / total for key, value in found.items()}


def _equal(one: Any, other: Any) -> bool:
    """Equality over the ways in which files write a value: 1e-3 and 0.001, true and "True"."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(key in one and _equal(one[key], value) for key, value in other.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other)]
    if all(numbers):
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=0.0)
    if isinstance(one, str) or isinstance(other, str):
        return str(one).strip().lower() == str(other).strip().lower()
    return same(one, other)


def _leaves(
    values: Mapping[str, Any], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*prefix, key))
        else:
            yield (*prefix, key), value
