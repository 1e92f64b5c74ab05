"""The searched values of a study's trials as columns, in the terms of the search-space file.

A sampler's own coordinates (`loss_weights.u1`, `temperature.step.start`) are of no use to a
reader. A weight of a simplex is a column here, and what several branches of a choice share
(`temperature.start`) is one column, empty where the branch has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from slr_tune.space import (
    ChoiceParameter,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
    Space,
)
from slr_tune.space.values import show

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


Groups = Mapping[str, Sequence[Variable]]
"""Columns by the unit they belong to."""


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
    name, group = ".".join(parameter.path), unit_of(parameter, space)
    rows = [n for n, t in enumerate(trials) if all(key in t.params for key in parameter.keys)]
    regime = np.full(len(trials), -1, dtype=np.int64)
    regime[rows] = 0
    decoded = [parameter.decode(trials[row].params) for row in rows]
    column = partial(Variable, group=group, regime=regime)

    def spread(values: Iterable[float]) -> Floats:
        cells = np.full(len(trials), np.nan)
        cells[rows] = list(values)
        return cells

    if isinstance(parameter, SimplexParameter):
        share = (SearchedRange(0.0, 1.0),)
        weights = {key: spread(value[key] for value in decoded) for key in parameter.weights}
        return [
            column(f"{name}.{key}", values=values, ranges=share, simplex=True)
            for key, values in weights.items()
        ]
    if isinstance(parameter, ChoiceParameter):
        options = tuple(map(option_text, parameter.options))
        codes = spread(options.index(option_text(value)) for value in decoded)
        return [column(name, values=codes, options=options)]
    assert isinstance(parameter, FloatParameter | IntParameter)
    low, high, whole = float(parameter.low), float(parameter.high), parameter.kind == "int"
    part = SearchedRange(low, high, parameter.log, parameter.step, whole)
    return [column(name, values=spread(map(float, decoded)), ranges=(part,))]


def option_text(option: object) -> str:
    """An option as the file shows it."""
    return option if isinstance(option, str) else show(option)


def _merged(one: Variable, other: Variable) -> Variable:
    """One column of two that share a place in the configuration; a trial has at most one."""
    mine = other.active
    if one.options:
        options = tuple(dict.fromkeys((*one.options, *other.options)))
        codes = np.array([options.index(name) for name in other.options], dtype=float)
        values = one.values.copy()
        values[mine] = codes[other.values[mine].astype(int)]
        regime = np.where(mine, other.regime, one.regime)
        return replace(one, values=values, regime=regime, options=options)
    (part,) = other.ranges
    ranges = one.ranges if part in one.ranges else (*one.ranges, part)
    return replace(
        one,
        values=np.where(mine, other.values, one.values),
        regime=np.where(mine, ranges.index(part), one.regime),
        ranges=ranges,
        simplex=one.simplex and other.simplex,
    )


def unit_of(parameter: Parameter, space: Space) -> str:
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
