"""A study's searched values as coordinates of a model: numbers on 0..1, options by their number.

A reader sees K weights of a simplex; here they are K - 1 free numbers, which are independent and
uniform where the weights are drawn evenly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from slr_tune.importance.parameter_columns import (
    Floats,
    SearchedRange,
    Variable,
    columns_of,
    option_text,
    unit_of,
)
from slr_tune.space import ChoiceParameter, Parameter, SimplexParameter, Space
from slr_tune.space.values import same

GRID = 33
_DRAWS = 20_000


@dataclass(frozen=True)
class Coordinate:
    """One axis of the model.

    Attributes:
        name: Dotted name; of a simplex's free number, the simplex's with `.u1`.
        variable: Name of the parameter it belongs to, as the search-space file has it.
        unit: Name of the unit: a parameter, a simplex, or a choice with all that depends on it.
        values: (N,) of the trials: 0..1, or numbers of options; NaN where it does not apply.
        grid: (G,) places over which it is averaged.
        weights: (G,) share of the space at each place; sum 1.
        options: Of a choice, its options; empty for a number.
        ceiling: Value above which nothing changes any more, own units; None without one.
        column: The searched values as a reader sees them; None for a simplex's free number.
    """

    name: str
    variable: str
    unit: str
    values: Floats
    grid: Floats
    weights: Floats
    options: tuple[str, ...] = ()
    ceiling: float | None = None
    column: Variable | None = None

    def shown(self, at: Floats) -> Floats:
        """Places (G,) of the model in the parameter's own units."""
        if self.column is None or self.options:
            return at
        low, high = self.column.low, self.column.high
        if self.column.log:
            return np.asarray(low * (high / low) ** at)
        return np.asarray(low + at * (high - low))


@dataclass(frozen=True)
class Coordinates:
    """All axes of a study.

    Attributes:
        axes: (D) of them, in the order of the file.
        chances: (D, D) how often two apply together in an even draw of the space; the diagonal
            how often one does.
        branches: Of an axis under a choice, the choice's axis and the options that have it.
        never: Pairs of a choice and what exactly one of its branches has: the pair is the
            same as the second by itself.
    """

    axes: tuple[Coordinate, ...]
    chances: Floats
    branches: Mapping[int, tuple[int, tuple[int, ...]]]
    never: frozenset[tuple[int, int]]

    @property
    def values(self) -> Floats:
        """(N, D) of the trials; NaN where one does not apply."""
        return np.column_stack([axis.values for axis in self.axes])

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the units, in the order of the file."""
        return tuple(dict.fromkeys(axis.unit for axis in self.axes))

    def of_unit(self, unit: str) -> list[int]:
        """Places of a unit's axes."""
        return [place for place, axis in enumerate(self.axes) if axis.unit == unit]

    def place(self, name: str) -> int | None:
        """Place of the axis of a name; None where there is none."""
        return next((place for place, axis in enumerate(self.axes) if axis.name == name), None)

    def points(self, trials: Sequence[FrozenTrial], space: Space) -> Floats:
        """(N, D) of any trials of the space."""
        found = {axis.name: axis.values for axis in _axes(space, trials, {})}
        ceilings = [_place(axis, axis.ceiling) for axis in self.axes]
        columns = [found[axis.name] for axis in self.axes]
        pairs = zip(columns, ceilings, strict=True)
        return np.column_stack([np.minimum(c, np.inf if top is None else top) for c, top in pairs])


def coordinates(
    space: Space,
    trials: Sequence[FrozenTrial],
    *,
    ceilings: Mapping[str, float] | None = None,
    without: Collection[str] = (),
) -> Coordinates:
    """The axes of a study's space; one that cannot vary is left out.

    Args:
        space: The space.
        trials: N trials.
        ceilings: By dotted name, the value above which a number changes nothing.
        without: Units whose axes are left out too.
    """
    axes = [
        axis
        for axis in _axes(space, trials, ceilings or {})
        if len(np.unique(axis.grid)) > 1 and axis.unit not in without
    ]
    presence = _presence(space, np.random.default_rng(0))
    by_axis = [presence[axis.name] for axis in axes]
    stacked = np.array(by_axis, dtype=float).reshape(len(axes), -1)
    chances = stacked @ stacked.T / max(1, stacked.shape[1])
    branches = _branches(space, axes)
    never = {
        (min(c, place), max(c, place))
        for place, (c, options) in branches.items()
        if len(options) == 1
    }
    return Coordinates(tuple(axes), chances, branches, frozenset(never))


def _axes(
    space: Space, trials: Sequence[FrozenTrial], ceilings: Mapping[str, float]
) -> list[Coordinate]:
    columns = {column.name: column for column in columns_of(space, trials)}
    found: dict[str, Coordinate] = {}
    for parameter in space.parameters:
        if isinstance(parameter, SimplexParameter):
            for axis in _simplex(parameter, space, trials):
                found[axis.name] = axis
        elif parameter.keys and (name := _column_name(parameter, columns)) not in found:
            found[name] = _axis(columns[name], ceilings.get(name))
    return list(found.values())


def _simplex(
    parameter: SimplexParameter, space: Space, trials: Sequence[FrozenTrial]
) -> list[Coordinate]:
    grid = (np.arange(GRID) + 0.5) / GRID
    even = np.full(GRID, 1 / GRID)
    name, unit = ".".join(parameter.path), unit_of(parameter, space)
    return [
        Coordinate(
            key,
            name,
            unit,
            np.array([float(trial.params.get(key, np.nan)) for trial in trials]),
            grid,
            even,
        )
        for key in parameter.keys
    ]


def _axis(column: Variable, ceiling: float | None) -> Coordinate:
    name, unit = column.name, column.group
    if column.options:
        count = len(column.options)
        grid, even = np.arange(count, dtype=float), np.full(count, 1 / count)
        return Coordinate(name, name, unit, column.values, grid, even, column.options, None, column)
    if column.low == column.high:
        nothing = np.zeros(1)
        return Coordinate(name, name, unit, column.values, nothing, nothing + 1, (), None, column)
    places = [column.unit(_spread(part)) for part in column.ranges]
    grid = np.concatenate(places)
    weights = np.concatenate([np.full(len(p), 1 / len(p) / len(places)) for p in places])
    axis = Coordinate(name, name, unit, column.unit(), grid, weights, (), ceiling, column)
    top = _place(axis, ceiling)
    if top is None:
        return axis
    values = np.minimum(axis.values, top)
    return Coordinate(name, name, unit, values, np.minimum(grid, top), weights, (), ceiling, column)


def _place(axis: Coordinate, value: float | None) -> float | None:
    """Position on 0..1 of a value in its own units."""
    if value is None or axis.column is None or value >= axis.column.high:
        return None
    return float(axis.column.unit(np.array([max(value, axis.column.low)]))[0])


def _spread(part: SearchedRange) -> Floats:
    """Values that stand for a range, own units: its grid where it has few, else 33 middles."""
    step = part.step or (1.0 if part.whole else None)
    if step is not None and not part.log and (part.high - part.low) / step < GRID:
        return np.asarray(np.arange(part.low, part.high + step / 2, step))
    middles = (np.arange(GRID) + 0.5) / GRID
    if part.log:
        return np.asarray(part.low * (part.high / part.low) ** middles)
    return np.asarray(part.low + middles * (part.high - part.low))


def _column_name(parameter: Parameter, columns: Mapping[str, Variable]) -> str:
    """Columns of one place in the configuration are one, but for a choice next to a number."""
    name = ".".join(parameter.path)
    column = columns.get(name)
    if column is not None and bool(column.options) == isinstance(parameter, ChoiceParameter):
        return name
    return parameter.name


def _presence(space: Space, rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Whether each axis applies, in even draws of the space."""
    columns = {column.name: column for column in columns_of(space, [])}
    applies: dict[str, NDArray[np.bool_]] = {}
    taken: dict[str, NDArray[np.int64]] = {}
    found: dict[str, NDArray[np.bool_]] = {}
    for parameter in space.parameters:
        here = np.ones(_DRAWS, dtype=bool)
        if parameter.when is not None:
            choice = space.by_name[parameter.when.choice]
            assert isinstance(choice, ChoiceParameter)
            branch = _branch(choice, parameter.when.branch)
            here = applies[choice.name] & (taken[choice.name] == branch)
        applies[parameter.name] = here
        if isinstance(parameter, ChoiceParameter):
            taken[parameter.name] = rng.integers(0, len(parameter.options), _DRAWS)
        if isinstance(parameter, SimplexParameter):
            found |= dict.fromkeys(parameter.keys, here)
        elif parameter.keys:
            name = _column_name(parameter, columns)
            found[name] = found[name] | here if name in found else here
    return found


def _branches(space: Space, axes: Sequence[Coordinate]) -> dict[int, tuple[int, tuple[int, ...]]]:
    places = {axis.name: place for place, axis in enumerate(axes)}
    columns = {column.name: column for column in columns_of(space, [])}
    found: dict[int, tuple[int, tuple[int, ...]]] = {}
    for parameter in space.parameters:
        if parameter.when is None or not parameter.keys:
            continue
        choice = space.by_name[parameter.when.choice]
        assert isinstance(choice, ChoiceParameter)
        above = places.get(_column_name(choice, columns))
        if above is None:
            continue
        branch = axes[above].options.index(option_text(parameter.when.branch))
        simplex = isinstance(parameter, SimplexParameter)
        names = parameter.keys if simplex else (_column_name(parameter, columns),)
        for place in (places[name] for name in names if name in places):
            _, before = found.get(place, (above, ()))
            found[place] = (above, tuple(sorted({*before, branch})))
    return found


def _branch(choice: ChoiceParameter, branch: object) -> int:
    return next(place for place, option in enumerate(choice.options) if same(option, branch))
