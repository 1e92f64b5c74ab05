"""Places at which a model is asked: curves over a parameter, maps over two, slices through a trial.

A probe is points of the model's coordinates and how they are averaged; NaN in a coordinate averages
over it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slr_tune.importance.coordinates import Coordinates
from slr_tune.importance.parameter_columns import Floats, Variable
from slr_tune.space import (
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
    Space,
)

CURVE, MAP, SLICE = 17, 9, 13
_SPLITS = 12


@dataclass(frozen=True)
class Probe:
    """Places along one parameter, or over two.

    Attributes:
        name: Of the parameter, as the file has it; of two, both with " x ".
        unit: The unit it belongs to.
        points: (P, D) of the model.
        average: (G, P) rows of weights: what each place is the mean of.
        at: (G,) places in own units, or numbers of options.
        labels: Options of a choice; empty for a number.
        log: Whether an axis of it is logarithmic.
        share: (G,) part of the space at each place.
        axis: Place of the coordinate, or of the first, that it goes along.
        weight: Whether it is a weight of a simplex.
    """

    name: str
    unit: str
    points: Floats
    average: Floats
    at: Floats
    labels: tuple[str, ...] = ()
    log: bool = False
    share: Floats | None = None
    axis: int = 0
    weight: bool = False


def curve_probes(space: Space, axes: Coordinates, columns: Sequence[Variable]) -> list[Probe]:
    """The mean over the space along each parameter, in the order of the columns."""
    found = []
    for column in columns:
        if column.simplex:
            found += _weight_probes(space, axes, column)
        elif (place := axes.place(column.name)) is not None:
            found.append(_curve(axes, place))
    return found


def _curve(axes: Coordinates, place: int) -> Probe:
    axis = axes.axes[place]
    grid = axis.grid if axis.options else np.linspace(0.0, 1.0, CURVE)
    if axis.column is not None and axis.column.whole and not axis.options:
        grid = np.unique(axis.column.unit(np.round(axis.shown(grid))))
    points = np.full((len(grid), len(axes.axes)), np.nan)
    points[:, place] = grid
    points, average = _under_branches(axes, place, points)
    share = axis.weights if axis.options else _trapezoid(np.ones(len(grid)))
    log = axis.column is not None and axis.column.log
    at = np.round(axis.shown(grid), 12)
    return Probe(axis.name, axis.unit, points, average, at, axis.options, log, share, place)


def _under_branches(axes: Coordinates, place: int, points: Floats) -> tuple[Floats, Floats]:
    """What is under a choice is shown where it applies: mean over the branches that have it."""
    count = len(points)
    above = axes.branches.get(place)
    if above is None:
        return points, np.eye(count)
    choice, options = above
    copies = [points.copy() for _ in options]
    for copy, option in zip(copies, options, strict=True):
        copy[:, choice] = option
    return np.concatenate(copies), np.tile(np.eye(count), len(options)) / len(options)


def _weight_probes(space: Space, axes: Coordinates, column: Variable) -> list[Probe]:
    """A weight of a simplex, the others in all proportions; the mean over branches that have it."""
    found: list[Probe] = []
    for parameter in space.parameters:
        if not isinstance(parameter, SimplexParameter):
            continue
        name = ".".join(parameter.path)
        if not column.name.startswith(f"{name}."):
            continue
        weight = column.name[len(name) + 1 :]
        if weight in parameter.weights and axes.place(parameter.keys[0]) is not None:
            found.append(_weight_probe(axes, parameter, weight, column))
    return found[:1] if len(found) <= 1 else [_mean_probe(found)]


def _mean_probe(probes: Sequence[Probe]) -> Probe:
    points = np.concatenate([probe.points for probe in probes])
    average = np.concatenate([probe.average for probe in probes], axis=1) / len(probes)
    return replace(probes[0], points=points, average=average)


def _weight_probe(
    axes: Coordinates, parameter: SimplexParameter, weight: str, column: Variable
) -> Probe:
    at = np.linspace(0.0, 1.0, SLICE)
    others = [name for name in parameter.weights if name != weight]
    splits = _splits(len(others))
    points = np.full((len(at) * len(splits), len(axes.axes)), np.nan)
    for row, (value, split) in enumerate((v, s) for v in at for s in splits):
        rest = zip(others, (1 - value) * split, strict=True)
        _place_weights(axes, parameter, {weight: value, **dict(rest)}, points[row])
    average = np.kron(np.eye(len(at)), np.full((1, len(splits)), 1 / len(splits)))
    first = axes.place(parameter.keys[0])
    if first is not None:
        points, branches = _under_branches(axes, first, points)
        average = average @ branches
    share = _trapezoid((1 - at) ** (len(others) - 1))
    return Probe(column.name, column.group, points, average, at, share=share, weight=True)


def _trapezoid(dense: Floats) -> Floats:
    """Weights of even places with these densities; sum 1."""
    ends = np.ones(len(dense))
    if len(dense) > 2:
        ends[[0, -1]] = 0.5
    return np.asarray(dense * ends / (dense * ends).sum())


def _splits(count: int) -> Floats:
    """(S, count) even ways to share 1 among so many weights."""
    if count == 1:
        return np.ones((1, 1))
    if count == 2:
        first = (np.arange(_SPLITS) + 0.5) / _SPLITS
        return np.column_stack([first, 1 - first])
    return np.random.default_rng(0).dirichlet(np.ones(count), size=4 * _SPLITS)


def _place_weights(
    axes: Coordinates, parameter: SimplexParameter, weights: Mapping[str, float], row: Floats
) -> None:
    for key, value in parameter.encode(dict(weights)).items():
        place = axes.place(key)
        if place is not None:
            row[place] = value


def map_probe(one: Probe, other: Probe) -> Probe:
    """The mean over the space over two parameters, of the curves along each.

    Its places go through those of the second first. A curve may be of a simplex's weight.
    """
    one, other = _coarse(one), _coarse(other)
    first = np.repeat(one.points, len(other.points), axis=0)
    second = np.tile(other.points, (len(one.points), 1))
    points = np.where(np.isnan(second), first, second)
    average = np.kron(one.average, other.average)
    name = f"{one.name} x {other.name}"
    places = np.arange(len(average), dtype=np.float64)
    return Probe(name, one.unit, points, np.asarray(average, dtype=np.float64), places)


def map_axis(probe: Probe) -> tuple[float, ...]:
    """Places of a map's axis in own units, or numbers of options."""
    return tuple(map(float, _coarse(probe).at))


def _coarse(probe: Probe) -> Probe:
    """A curve at every second place where it has many."""
    if probe.labels or len(probe.at) <= MAP:
        return probe
    keep = np.unique(np.linspace(0, len(probe.at) - 1, MAP).round().astype(int))
    average = probe.average[keep]
    used = average.any(axis=0)
    return replace(
        probe, points=probe.points[used], average=average[:, used], at=probe.at[keep], share=None
    )


def slice_probes(
    space: Space, axes: Coordinates, params: Mapping[str, Any], point: Floats
) -> list[Probe]:
    """Along each parameter that applies through one configuration, all else as it is.

    Args:
        space: The space.
        axes: Its coordinates.
        params: The study's parameters of the configuration.
        point: (D,) of it.
    """
    found = []
    for parameter in space.parameters:
        if not parameter.keys or not all(key in params for key in parameter.keys):
            continue
        if isinstance(parameter, SimplexParameter):
            if axes.place(parameter.keys[0]) is None:
                continue
            found += [_weight_slice(axes, parameter, w, params, point) for w in parameter.weights]
        elif (place := _axis_of(axes, parameter)) is not None:
            found.append(_slice(axes, parameter, place, point))
    return found


def _axis_of(axes: Coordinates, parameter: Parameter) -> int | None:
    place = axes.place(".".join(parameter.path))
    choice = isinstance(parameter, ChoiceParameter)
    if place is not None and bool(axes.axes[place].options) == choice:
        return place
    return axes.place(parameter.name)


def _slice(axes: Coordinates, parameter: Parameter, place: int, point: Floats) -> Probe:
    axis = axes.axes[place]
    if isinstance(parameter, FloatParameter | IntParameter) and axis.column is not None:
        low, high = float(parameter.low), float(parameter.high)
        even = np.linspace(0.0, 1.0, SLICE)
        at = low * (high / low) ** even if parameter.log else low + even * (high - low)
        at = np.unique(np.round(at)) if parameter.kind == "int" else at
        places = axis.column.unit(np.asarray(at))
        log = parameter.log
    else:
        at = places = axis.grid
        log = False
    points = np.tile(point, (len(places), 1))
    points[:, place] = places
    if axis.options:  # what depends on another branch is not known there, and averaged over
        for under, (choice, options) in axes.branches.items():
            if choice == place:
                points[~np.isin(places, options), under] = np.nan
    labels = axis.options
    name = parameter.name if not labels else axis.name
    return Probe(
        name, axis.unit, points, np.eye(len(points)), np.asarray(at), labels, log, None, place
    )


def _weight_slice(
    axes: Coordinates,
    parameter: SimplexParameter,
    weight: str,
    params: Mapping[str, Any],
    point: Floats,
) -> Probe:
    """One weight changes and the others keep their proportion."""
    now = parameter.decode(params)
    rest = {name: value for name, value in now.items() if name != weight}
    total = sum(rest.values())
    at = np.linspace(0.0, 1.0, SLICE)
    points = np.tile(point, (len(at), 1))
    for row, value in zip(points, at, strict=True):
        shares = {n: (v / total if total > 0 else 1 / len(rest)) for n, v in rest.items()}
        moved = {n: (1 - value) * share for n, share in shares.items()}
        ordered = {n: (float(value) if n == weight else moved[n]) for n in parameter.weights}
        _place_weights(axes, parameter, ordered, row)
    name = ".".join(parameter.path)
    first = axes.place(parameter.keys[0])
    unit = name if first is None else axes.axes[first].unit
    return Probe(
        f"{name}.{weight}", unit, points, np.eye(len(points)), at, axis=first or 0, weight=True
    )
