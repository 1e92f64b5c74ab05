"""What a parameter does, all else as in the trials: partial dependence from a resampled forest.

Source: Friedman 2001, Greedy function approximation, section 8.2 (partial dependence); Friedman
and Popescu 2008, arXiv:0811.1679, section 8.1 (interaction from partial dependences).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from slr_tune.importance.parameter_columns import Floats, Ints, Variable

_RESAMPLES = 12
_TREES = 12
_LEAF = 3
_BACKGROUND = 100
_GRID = 17
_PAIR_GRID = 5
_PAIR_BACKGROUND = 60
_MOST_TRIALS = 2000
_PAIR_VARIABLES = 6
_ABSENT = -0.5
"""Stands for "does not apply": a tree can split it off from the shares 0..1."""


@dataclass(frozen=True)
class Marginal:
    """A parameter's own effect.

    Attributes:
        name: Dotted name.
        at: Values, in the parameter's own units; numbers of options for a choice.
        labels: Options of a choice, else empty.
        mean: Value expected there, in the metric's unit.
        low: Lower end of its 90 % band over resamples of the trials.
        high: Upper end.
        log: Whether the axis is logarithmic.
    """

    name: str
    at: tuple[float, ...]
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    log: bool

    @property
    def swing(self) -> float:
        """Largest minus smallest mean, in the metric's unit."""
        return max(self.mean) - min(self.mean)


@dataclass(frozen=True)
class Interaction:
    """What two parameters do together beyond what each does alone.

    Attributes:
        one: Dotted name.
        other: Dotted name.
        strength: Friedman's H: share of the pair's effect that is joint, 0..1.
        points: Standard deviation of the joint part, in the metric's unit.
        one_at: (G,) grid of the first, own units or numbers of options.
        other_at: (H,) grid of the second.
        values: (G, H) value expected, in the metric's unit.
        one_labels: Options where the first is a choice, else empty.
        other_labels: Options where the second is one.
    """

    one: str
    other: str
    strength: float
    points: float
    one_at: tuple[float, ...]
    other_at: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]
    one_labels: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Region:
    """Where the best trials lie.

    Attributes:
        name: Dotted name.
        low: Lower end of the middle 80 % of them (of all, below ten), own units; None for a choice.
        high: Upper end.
        best: Of the best trial: a number, or an option.
        shares: Of a choice: share of the best trials by option.
        trials: Best trials that have it.
    """

    name: str
    low: float | None
    high: float | None
    best: float | str | None
    shares: Mapping[str, float]
    trials: int


class Surrogate:
    """A forest fitted to the trials, several times on resamples of them."""

    def __init__(self, variables: Sequence[Variable], values: Floats, *, seed: int = 0) -> None:
        """Fits.

        Args:
            variables: Columns of N trials.
            values: (N,) value of each trial, none NaN.
            seed: Of the resampling and of the forests.
        """
        from sklearn.ensemble import RandomForestRegressor

        self._rng = np.random.default_rng(seed)
        self.variables = list(variables)
        keep = np.arange(len(values))
        if len(keep) > _MOST_TRIALS:
            keep = self._rng.choice(keep, _MOST_TRIALS, replace=False)
        self.rows = keep
        self._design, self._columns = _encode([v.take(keep) for v in variables])
        self._forests: list[Any] = []
        target = values[keep]
        for number in range(_RESAMPLES):
            drawn = self._rng.integers(0, len(keep), len(keep))
            forest = RandomForestRegressor(
                n_estimators=_TREES,
                min_samples_leaf=max(_LEAF, len(keep) // 100),
                max_features=0.7,
                bootstrap=False,
                random_state=seed + number,
            )
            self._forests.append(forest.fit(self._design[drawn], target[drawn]))

    def marginal(self, variable: Variable) -> Marginal:
        """Partial dependence of one parameter, over the trials that have it."""
        place = self.variables.index(variable)
        at = _grid(variable, _GRID)
        curves = self._dependence([place], [at], _BACKGROUND)  # [resamples, G]
        low, high = np.quantile(curves, [0.05, 0.95], axis=0)
        return Marginal(
            variable.name,
            tuple(map(float, at)),
            variable.options,
            tuple(map(float, curves.mean(axis=0))),
            tuple(map(float, low)),
            tuple(map(float, high)),
            variable.log,
        )

    def strongest_interaction(self, names: Sequence[str]) -> Interaction | None:
        """The pair, among the parameters named, whose joint effect is the largest in points.

        Weights of one simplex are no pair: one cannot move without the other.
        """
        chosen = [v for name in names for v in self.variables if v.name == name]
        found: list[Interaction] = []
        for one, other in combinations(chosen[:_PAIR_VARIABLES], 2):
            if one.group != other.group and (one.active & other.active).sum() >= 10:
                found.append(self._interaction(one, other))
        return max(found, key=lambda pair: pair.points, default=None)

    def _interaction(self, one: Variable, other: Variable) -> Interaction:
        places = [self.variables.index(one), self.variables.index(other)]
        grids = [_grid(one, _PAIR_GRID), _grid(other, _PAIR_GRID)]
        joint = self._dependence(places, grids, _PAIR_BACKGROUND).mean(axis=0)
        surface = joint.reshape(len(grids[0]), len(grids[1]))
        centred = surface - surface.mean()
        alone = centred.mean(axis=1, keepdims=True) + centred.mean(axis=0, keepdims=True)
        rest, whole = float(np.std(centred - alone)), float(np.std(centred))
        return Interaction(
            one.name,
            other.name,
            rest / whole if whole > 0 else 0.0,
            rest,
            tuple(map(float, grids[0])),
            tuple(map(float, grids[1])),
            tuple(tuple(map(float, row)) for row in surface),
            one.options,
            other.options,
        )

    def _dependence(
        self, places: Sequence[int], grids: Sequence[Floats], background: int
    ) -> Floats:
        """(resamples, product of the grids' sizes) mean prediction with some columns set."""
        has = np.all([self.variables[place].active[self.rows] for place in places], axis=0)
        rows = np.flatnonzero(has)
        if len(rows) > background:
            rows = self._rng.choice(rows, background, replace=False)
        points = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(grids))
        design = np.repeat(self._design[rows][None], len(points), axis=0)  # [P, R, columns]
        for axis, place in enumerate(places):
            variable, columns = self.variables[place], self._columns[place]
            if variable.options:
                design[:, :, columns] = np.eye(len(columns))[points[:, axis].astype(int)][:, None]
            else:
                design[:, :, columns[0]] = variable.unit(points[:, axis])[:, None]
                self._rescale(design, place)
        flat = design.reshape(-1, design.shape[2]).astype(np.float32)
        predicted = np.stack([forest.predict(flat) for forest in self._forests])
        return np.asarray(predicted.reshape(len(predicted), len(points), len(rows)).mean(axis=2))

    def _rescale(self, design: Floats, place: int) -> None:
        """Moves the other weights of a simplex in proportion, so that the sum stays 1."""
        mine = self.variables[place]
        if not mine.simplex:
            return
        others = [
            self._columns[i][0]
            for i, variable in enumerate(self.variables)
            if i != place and variable.group == mine.group and variable.simplex
        ]
        block = design[:, :, others]
        there = block != _ABSENT  # a branch may have fewer weights than another
        weights = np.where(there, block, 0.0)
        total = weights.sum(axis=2, keepdims=True)
        even = there / np.maximum(1, there.sum(axis=2, keepdims=True))
        shares = np.divide(weights, total, out=even, where=total > 1e-9)
        left = 1.0 - design[:, :, self._columns[place][0]]
        design[:, :, others] = np.where(there, shares * left[:, :, None], _ABSENT)


def best_region(variables: Sequence[Variable], losses: Floats, top: int) -> list[Region]:
    """Where the best trials lie, parameter by parameter.

    Args:
        variables: Columns of N trials.
        losses: (N,) values, smaller is better.
        top: How many count as the best.
    """
    order = np.argsort(losses, kind="stable")[:top]
    return [_region(variable, order) for variable in variables]


def _region(variable: Variable, order: Ints) -> Region:
    values = variable.values[order]
    present = values[variable.active[order]]
    best = values[0] if len(order) and variable.active[order[0]] else None
    if variable.options:
        counts = np.bincount(present.astype(int), minlength=len(variable.options))
        shares = {
            option: float(count / max(1, len(present)))
            for option, count in zip(variable.options, counts, strict=True)
        }
        named = None if best is None else variable.options[int(best)]
        return Region(variable.name, None, None, named, shares, len(present))
    low = high = None
    if len(present):
        cut = 0.1 if len(present) >= 10 else 0.0
        low, high = map(float, np.quantile(present, [cut, 1 - cut], method="nearest"))
    return Region(variable.name, low, high, None if best is None else float(best), {}, len(present))


def _encode(variables: Sequence[Variable]) -> tuple[Floats, list[list[int]]]:
    """(N, columns) shares of ranges and one-hot options; the columns of each variable."""
    parts: list[Floats] = []
    columns: list[list[int]] = []
    for variable in variables:
        first = sum(part.shape[1] for part in parts)
        if variable.options:
            codes = np.where(variable.active, np.nan_to_num(variable.values), -1)
            part = (codes[:, None] == np.arange(len(variable.options))[None, :]).astype(float)
        else:
            part = np.where(variable.active, variable.unit(), _ABSENT)[:, None]
        parts.append(part)
        columns.append(list(range(first, first + part.shape[1])))
    return np.column_stack(parts), columns


def _grid(variable: Variable, size: int) -> Floats:
    if variable.options:
        return np.arange(len(variable.options), dtype=np.float64)
    spaced = np.geomspace if variable.log else np.linspace
    grid = spaced(variable.low, variable.high, size)
    return np.unique(np.round(grid)) if variable.whole else grid
