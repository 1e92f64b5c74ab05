"""The searched values of a study's trials as columns, in the terms of the search-space file.

A sampler's own coordinates (`loss_weights.u1`, `temperature.step.start`) are of no use to a
reader. A weight of a simplex is a column here, and what several branches of a choice share
(`temperature.start`) is one column, empty where the branch has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from slr_tune.space.choices import ChoiceParameter, FixedParameter
from slr_tune.space.numbers import FloatParameter, IntParameter
from slr_tune.space.parameter import Parameter, show
from slr_tune.space.simplex import SimplexParameter
from slr_tune.space.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SearchedRange:
    """Numbers that a parameter may take under one condition.

    Attributes:
        low: Smallest.
        high: Largest.
        log: Whether the logarithm was searched.
        step: Distance of the grid's points, 1 for whole numbers, None where there is no grid.
        whole: Whether it takes whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def unit(self, values: Floats) -> Floats:
        """Values as shares of the range, on the scale that was searched."""
        if self.log:
            return np.asarray((np.log(values) - np.log(self.low)) / np.log(self.high / self.low))
        return np.asarray((values - self.low) / (self.high - self.low))


@dataclass(frozen=True)
class Variable:
    """A searched value of all trials.

    Attributes:
        name: Dotted place in the configuration: "temperature.start".
        group: Name of the unit it belongs to; its own name where it stands alone.
        values: (N,) numbers, or numbers of options; NaN where it does not apply.
        regime: (N,) which of `ranges` a trial's value was drawn from; -1 where it does not apply.
        ranges: Of a number, one for each branch that has it.
        options: Of a choice, its options as the file shows them; empty for a number.
        simplex: Whether it is a weight, which sums to 1 with the others of its group.
    """

    name: str
    group: str
    values: Floats
    regime: Ints
    ranges: tuple[SearchedRange, ...] = ()
    options: tuple[str, ...] = ()
    simplex: bool = False

    @property
    def active(self) -> NDArray[np.bool_]:
        """(N,) where it applies."""
        return self.regime >= 0

    @property
    def conditional(self) -> bool:
        """Whether some trial does without it."""
        return bool((self.regime < 0).any())

    @property
    def log(self) -> bool:
        """Whether its scale is logarithmic: in every branch, as one may begin at 0."""
        return bool(self.ranges) and all(part.log for part in self.ranges)

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return bool(self.ranges) and all(part.whole for part in self.ranges)

    @property
    def low(self) -> float:
        """Smallest number it may take."""
        return min(part.low for part in self.ranges)

    @property
    def high(self) -> float:
        """Largest number it may take."""
        return max(part.high for part in self.ranges)

    def unit(self, values: Floats | None = None) -> Floats:
        """Its values (N,), or others, as shares of the whole range; of a choice as they are."""
        values = self.values if values is None else values
        if self.options:
            return values
        return SearchedRange(self.low, self.high, self.log).unit(values)

    def take(self, rows: Ints) -> Variable:
        """The same of some trials."""
        return replace(self, values=self.values[rows], regime=self.regime[rows])


def variables_of(space: Space, trials: Sequence[FrozenTrial]) -> list[Variable]:
    """Columns of all searched values, in the order of the file.

    Args:
        space: The study's space.
        trials: Any of its trials; one that was never suggested has no value anywhere.
    """
    return [column for column in columns_of(space, trials) if column.active.any()]


def columns_of(space: Space, trials: Sequence[FrozenTrial]) -> list[Variable]:
    """The same with the columns that no trial has."""
    found: dict[str, Variable] = {}
    for parameter in space.parameters:
        for column in _columns(parameter, space, trials):
            before = found.get(column.name)
            if before is None:
                found[column.name] = column
            elif bool(before.options) == bool(column.options):
                found[column.name] = _merged(before, column)
            else:
                found[parameter.name] = replace(column, name=parameter.name)
    return list(found.values())


def _columns(parameter: Parameter, space: Space, trials: Sequence[FrozenTrial]) -> list[Variable]:
    if isinstance(parameter, FixedParameter):
        return []
    name, group = ".".join(parameter.path), _group(parameter, space)
    rows = [n for n, t in enumerate(trials) if all(key in t.params for key in parameter.keys)]
    regime = np.full(len(trials), -1, dtype=np.int64)
    regime[rows] = 0
    decoded = [parameter.decode(trials[row].params) for row in rows]
    if isinstance(parameter, SimplexParameter):
        return [
            Variable(
                f"{name}.{weight}",
                group,
                _spread([value[weight] for value in decoded], rows, len(trials)),
                regime,
                (SearchedRange(0.0, 1.0),),
                simplex=True,
            )
            for weight in parameter.weights
        ]
    if isinstance(parameter, ChoiceParameter):
        options = tuple(map(_option, parameter.options))
        codes = [float(options.index(_option(value))) for value in decoded]
        return [Variable(name, group, _spread(codes, rows, len(trials)), regime, (), options)]
    assert isinstance(parameter, FloatParameter | IntParameter)
    numbers = _spread([float(value) for value in decoded], rows, len(trials))
    return [Variable(name, group, numbers, regime, (_range(parameter),))]


def _range(parameter: FloatParameter | IntParameter) -> SearchedRange:
    whole = isinstance(parameter, IntParameter)
    step = parameter.step if parameter.step is not None else None
    return SearchedRange(float(parameter.low), float(parameter.high), parameter.log, step, whole)


def _option(option: object) -> str:
    return option if isinstance(option, str) else show(option)


def _spread(values: list[float], rows: list[int], count: int) -> Floats:
    column = np.full(count, np.nan)
    column[rows] = values
    return column


def _merged(one: Variable, other: Variable) -> Variable:
    """One column of two that share a place in the configuration; a trial has at most one."""
    if one.options:
        options = tuple(dict.fromkeys((*one.options, *other.options)))
        codes = np.array([options.index(name) for name in other.options], dtype=float)
        mine = other.active
        values = one.values.copy()
        values[mine] = codes[other.values[mine].astype(int)]
        regime = np.where(mine, other.regime, one.regime)
        return replace(one, values=values, regime=regime, options=options)
    one = replace(one, simplex=one.simplex and other.simplex)
    values = np.where(other.active, other.values, one.values)
    if other.ranges[0] in one.ranges:
        number = one.ranges.index(other.ranges[0])
        regime = np.where(other.active, number, one.regime)
        return replace(one, values=values, regime=regime)
    regime = np.where(other.active, len(one.ranges), one.regime)
    return replace(one, values=values, regime=regime, ranges=(*one.ranges, *other.ranges))


def _group(parameter: Parameter, space: Space) -> str:
    """A simplex is a group of its weights; a choice groups what depends on it."""
    if isinstance(parameter, SimplexParameter):
        return ".".join(parameter.path)
    root = parameter
    while root.when is not None:
        root = next(p for p in space.parameters if root.when and p.name == root.when.choice)
    has_parts = any(p.when and p.when.choice == root.name and p.keys for p in space.parameters)
    if not has_parts:
        return ".".join(parameter.path)
    return ".".join(root.path[:-1]) or ".".join(root.path)
