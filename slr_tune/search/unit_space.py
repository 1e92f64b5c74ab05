"""A search space as a unit cube: every number scaled to [0, 1], every choice by its option's place.

A parameter that does not apply has the middle of its range, or the first option. Whole numbers and
stepped ones own equal shares of [0, 1], so that each is as likely as the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slr_tune.space import ChoiceParameter, FloatParameter, IntParameter, SimplexParameter, Space
from slr_tune.space.values import same

Points = npt.NDArray[np.float64]
"""(N, D): one row a configuration, one column a parameter of the study."""


@dataclass(frozen=True)
class Axis:
    """One parameter of the study.

    Attributes:
        key: Its flat name.
        options: Of a choice, else empty.
        low: Least number.
        high: Greatest number.
        log: Whether the logarithm is scaled.
        step: Distance of the numbers that are allowed, None where all are.
        whole: Whether its numbers are whole.
        conditions: Places of the axes, and of their options, that must be chosen for it to apply.
    """

    key: str
    options: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None
    whole: bool = False
    conditions: tuple[tuple[int, int], ...] = ()

    @property
    def is_choice(self) -> bool:
        """Whether its coordinate is the place of an option."""
        return bool(self.options)

    @property
    def absent(self) -> float:
        """The coordinate where it does not apply."""
        return 0.0 if self.is_choice else 0.5

    def coordinate(self, value: Any) -> float | None:
        """Where a value is; None where it is not a value of this axis."""
        if self.is_choice:
            return next((float(i) for i, own in enumerate(self.options) if same(own, value)), None)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return None
        low, high = self._ends()
        if self.log and value <= 0:
            return None
        place = (math.log(value) if self.log else value) - low
        return min(1.0, max(0.0, place / (high - low))) if high > low else 0.5

    def value(self, coordinate: float) -> Any:
        """The value at a coordinate, one that the study accepts."""
        if self.is_choice:
            return self.options[int(coordinate)]
        low, high = self._ends()
        scaled = low + coordinate * (high - low)
        number = math.exp(scaled) if self.log else scaled
        if self.step is not None:
            steps = round((number - self.low) / self.step)
            most = math.floor((self.high - self.low) / self.step + 1e-8)
            number = self.low + min(most, max(0, steps)) * self.step
        number = min(self.high, max(self.low, number))
        return round(number) if self.whole else number

    def on_grid(self, coordinates: Points) -> Points:
        """Coordinates (N,) as they come back from the values of a stepped axis."""
        assert self.step is not None
        low, high = self._ends()
        if high <= low:
            return np.full_like(coordinates, 0.5)
        scaled = low + coordinates * (high - low)
        numbers = np.exp(scaled) if self.log else scaled
        most = math.floor((self.high - self.low) / self.step + 1e-8)
        steps = np.clip(np.round((numbers - self.low) / self.step), 0, most)
        numbers = np.clip(self.low + steps * self.step, self.low, self.high)
        if self.whole:
            numbers = np.round(numbers)
        places = ((np.log(numbers) if self.log else numbers) - low) / (high - low)
        return np.clip(places, 0.0, 1.0)

    def _ends(self) -> tuple[float, float]:
        half = 0.0 if self.step is None else self.step / 2
        low, high = self.low - half, self.high + half
        return (math.log(low), math.log(high)) if self.log else (low, high)


class UnitSpace:
    """The unit cube of a space.

    Attributes:
        axes: In the order of the space; what an axis depends on comes before it.
        choices: (D,) bool: which axes are choices.
    """

    def __init__(self, space: Space) -> None:
        """Lists the axes."""
        self.axes = tuple(_axes(space))
        self.choices = np.array([axis.is_choice for axis in self.axes], dtype=bool)
        self._absent = np.array([axis.absent for axis in self.axes])

    def encode(self, params: Mapping[str, Any]) -> tuple[Points, npt.NDArray[np.bool_]] | None:
        """A study's parameters as a point.

        Returns:
            Coordinates (D,), and (D,) whether each is given; None where a value is not one of this
            space's or one that applies is missing.
        """
        point, known = self._absent.copy(), np.zeros(len(self.axes), dtype=bool)
        for place, axis in enumerate(self.axes):
            if axis.key in params:
                found = axis.coordinate(params[axis.key])
                if found is None:
                    return None
                point[place], known[place] = found, True
        if not known[self.active(point[None])[0]].all():
            return None
        return point, known

    def active(self, points: Points) -> npt.NDArray[np.bool_]:
        """Which axes apply at each point: (N, D) bool."""
        applies = np.ones(points.shape, dtype=bool)
        for place, axis in enumerate(self.axes):
            for choice, option in axis.conditions:
                applies[:, place] &= points[:, choice] == option
        return applies

    def tidied(self, points: Points) -> Points:
        """Points as they come back from the study: on the grids, absent where an axis is."""
        tidy = points.copy()
        for place, axis in enumerate(self.axes):
            if axis.step is not None:
                tidy[:, place] = axis.on_grid(tidy[:, place])
        return np.where(self.active(tidy), tidy, self._absent)

    def params(self, point: Points) -> dict[str, Any]:
        """A point (D,) as the study's parameters, those that do not apply left out."""
        applies = self.active(point[None])[0]
        return {
            axis.key: axis.value(x)
            for axis, x, here in zip(self.axes, point, applies, strict=True)
            if here
        }

    def uniform(self, number: int, rng: np.random.Generator) -> Points:
        """Random points (N, D), each option of a choice as likely as the others."""
        points = rng.random((number, len(self.axes)))
        for place, axis in enumerate(self.axes):
            if axis.is_choice:
                points[:, place] = np.floor(points[:, place] * len(axis.options))
        return points


def _axes(space: Space) -> Sequence[Axis]:
    axes: list[Axis] = []
    places: dict[str, int] = {}
    for parameter in space.parameters:
        conditions = tuple(
            (places[when.choice], _option(axes[places[when.choice]], when.branch))
            for when in space.conditions(parameter)
        )
        for key in parameter.keys:
            places[key] = len(axes)
            if isinstance(parameter, ChoiceParameter):
                axes.append(Axis(key, parameter.categories, conditions=conditions))
            elif isinstance(parameter, SimplexParameter):
                axes.append(Axis(key, conditions=conditions))
            elif isinstance(parameter, FloatParameter | IntParameter):
                axes.append(
                    Axis(
                        key,
                        low=float(parameter.low),
                        high=float(parameter.high),
                        log=parameter.log,
                        step=None if parameter.step is None else float(parameter.step),
                        whole=isinstance(parameter, IntParameter),
                        conditions=conditions,
                    )
                )
            else:
                raise TypeError(f"{parameter.name}: no coordinates for a {parameter.kind}")
    return axes


def _option(axis: Axis, branch: Any) -> int:
    return next(i for i, option in enumerate(axis.options) if same(option, branch))
