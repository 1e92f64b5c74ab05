"""Every combination of some values of each parameter, in an order that spreads over the space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from slr_tune.search.whole_sampler import WholeSampler
from slr_tune.space import ChoiceParameter, FloatParameter, IntParameter, SimplexParameter, Space
from slr_tune.space.parameters import Parameter, tidy
from slr_tune.space.values import same

_GOLDEN = (math.sqrt(5) - 1) / 2

Chosen = tuple[tuple[str, Any], ...]


class GridPoints(WholeSampler):
    """Optuna sampler that answers with one point of the grid."""

    def __init__(self, space: Space, place: int, *, seed: int, points: int) -> None:
        """Works out the point.

        Args:
            space: What is searched.
            place: Of the trial among those of the grid, from 0; beyond it starts from scratch.
            seed: Moves the first point.
            points: Values of a number.
        """
        self._params = grid_point(space, place, seed=seed, points=points)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The parameter's value at the point."""
        return self._params[param_name]


def grid_size(space: Space, *, points: int) -> int:
    """How many points the grid has; a parameter under a condition counts where it applies."""
    return _Grid(space, points).size


def grid_point(space: Space, place: int, *, seed: int, points: int) -> dict[str, Any]:
    """The study's parameters of a point; each is met once in `grid_size` places."""
    grid = _Grid(space, points)
    # Steps of the golden ratio's share leave no large gap wherever one stops.
    step = max(1, round(grid.size * _GOLDEN))
    while math.gcd(step, grid.size) != 1:
        step += 1
    return grid.params((seed + place * step) % grid.size)


class _Grid:
    """The tree of all combinations, counted and not built."""

    def __init__(self, space: Space, points: int) -> None:
        self._axes = [
            (parameter, key, values)
            for parameter in space.parameters
            for key, values in _axes(parameter, points)
        ]
        self._count = cache(self._count_from)
        self.size = self._count(0, ())

    def params(self, index: int) -> dict[str, Any]:
        """The combination with this number."""
        chosen: Chosen = ()
        params: dict[str, Any] = {}
        for place, (parameter, key, values) in enumerate(self._axes):
            if not _applies(parameter, chosen):
                continue
            for value in values:
                after = _with(chosen, parameter, value)
                below = self._count(place + 1, after)
                if index < below:
                    params[key], chosen = value, after
                    break
                index -= below
        return params

    def _count_from(self, place: int, chosen: Chosen) -> int:
        if place == len(self._axes):
            return 1
        parameter, _, values = self._axes[place]
        if not _applies(parameter, chosen):
            return self._count(place + 1, chosen)
        if not isinstance(parameter, ChoiceParameter):
            return len(values) * self._count(place + 1, chosen)
        return sum(self._count(place + 1, _with(chosen, parameter, value)) for value in values)


def _applies(parameter: Parameter, chosen: Chosen) -> bool:
    when = parameter.when
    if when is None:
        return True
    return any(name == when.choice and same(value, when.branch) for name, value in chosen)


def _with(chosen: Chosen, parameter: Parameter, value: Any) -> Chosen:
    return (*chosen, (parameter.name, value)) if isinstance(parameter, ChoiceParameter) else chosen


def _axes(parameter: Parameter, points: int) -> list[tuple[str, Sequence[Any]]]:
    """The study's parameters that hold a parameter, each with its values on the grid."""
    if isinstance(parameter, ChoiceParameter):
        return [(parameter.name, parameter.categories)]
    if isinstance(parameter, SimplexParameter):
        shares = [place / (points - 1) for place in range(points)]
        return [(key, shares) for key in parameter.keys]
    if isinstance(parameter, FloatParameter | IntParameter):
        return [(parameter.name, _numbers(parameter, points))]
    return []


def _numbers(parameter: FloatParameter | IntParameter, points: int) -> list[Any]:
    """Values of a number from low to high, evenly spaced on its scale, those of a step distinct."""
    low, high = parameter.low, parameter.high
    found: dict[Any, None] = {}
    for place in range(points):
        share = place / (points - 1)
        if parameter.log:
            value = low * (high / low) ** share
        else:
            value = low + share * (high - low)
        if parameter.step is not None and not parameter.log:
            value = low + round((value - low) / parameter.step) * parameter.step
        whole = isinstance(parameter, IntParameter)
        found[min(max(round(value) if whole else tidy(value), low), high)] = None
    return list(found)
