"""Curves, pairs, slices and edges of a fitted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from optuna.trial import FrozenTrial

from slr_tune.importance.answers import Answers
from slr_tune.importance.bands import Draw, band, over_draws, positive_band
from slr_tune.importance.coordinates import Coordinates
from slr_tune.importance.effects import EdgeReading, LocalEffect, Marginal, Pair
from slr_tune.importance.gaussian_process import GaussianProcess
from slr_tune.importance.parameter_columns import Floats
from slr_tune.importance.probes import Probe, map_axes, slice_probes
from slr_tune.importance.reading import Reading
from slr_tune.space import Space

PAIR_SHARE = 0.05
"""Share of all variance that a pair must surely have to be named."""
_PAIR_SURE = 0.9
MOST_MAPS = 6
_OUTER, _EDGE_SURE, _GAIN_SURE = 0.1, 0.8, 0.9
_LEAST_PLACES = 5


def marginal(probe: Probe, answers: Answers, *, level: float, sign: float) -> Marginal:
    """The mean over the space along a parameter.

    Args:
        probe: Along it.
        answers: What the model says.
        level: Mean over the space, metric's unit.
        sign: 1 where smaller is better, else -1.
    """
    point, drawn = answers.point(probe), answers.drawn(probe)
    low, high = (level + sign * end for end in band(drawn, point))
    swing = positive_band(np.ptp(drawn, axis=1), np.array(np.ptp(point)))
    return Marginal(
        probe.name,
        _plain(probe.at),
        probe.labels,
        _plain(level + sign * point),
        _plain(np.minimum(low, high)),
        _plain(np.maximum(low, high)),
        probe.log,
        (float(swing[0]), float(swing[1])),
    )


def strongest_pairs(reading: Reading, axes: Coordinates) -> list[tuple[int, tuple[int, int]]]:
    """Part and coordinates of the pairs of two units, the largest first; six at most."""
    variances = reading.variances(reading.mean[None])[0]
    across = [
        (part, pair)
        for part, pair in enumerate(reading.pairs, start=len(axes.axes))
        if axes.axes[pair[0]].unit != axes.axes[pair[1]].unit
    ]
    return sorted(across, key=lambda item: -variances[item[0]])[:MOST_MAPS]


def pairs(
    maps: Mapping[tuple[int, int], Probe],
    reading: Reading,
    draws: list[Draw],
    answers: Answers,
    *,
    level: float,
    sign: float,
) -> tuple[Pair, ...]:
    """The pairs that maps were made of, with their shares.

    Args:
        maps: Probes over two coordinates, by them.
        reading: The model.
        draws: Of it.
        answers: What it says.
        level: As for `marginal`.
        sign: Likewise.
    """
    axes = reading.model.space
    parts = {pair: part for part, pair in enumerate(reading.pairs, start=len(axes.axes))}

    def share(one: Reading, weights: Floats) -> Floats:
        found = one.variances(weights)
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(found / np.where(total > 0, total, 1.0))

    drawn = over_draws(draws, share)
    point = share(reading, reading.mean[None])[0]
    variances = reading.variances(reading.mean[None])[0]
    found = []
    for (one, other), probe in maps.items():
        part = parts[one, other]
        whole = [part for pair, part in parts.items() if _units(axes, pair) == _units(axes, (one, other))]
        low, high = positive_band(drawn[:, part], np.array(point[part]))
        (one_at, one_labels), (other_at, other_labels) = (map_axes(axes, p) for p in (one, other))
        values = (level + sign * answers.point(probe)).reshape(len(one_at), len(other_at))
        size = reading.size * reading.model.rows.scale
        found.append(
            Pair(
                axes.axes[one].name,
                axes.axes[other].name,
                (axes.axes[one].unit, axes.axes[other].unit),
                float(point[part]),
                float(low),
                min(1.0, float(high)),
                float(np.sqrt(variances[part]) * size),
                bool(np.mean(drawn[:, whole].sum(axis=1) > PAIR_SHARE) >= _PAIR_SURE),
                one_at,
                other_at,
                tuple(_plain(row) for row in values),
                one_labels,
                other_labels,
            )
        )
    return tuple(found)


def _units(axes: Coordinates, pair: tuple[int, int]) -> frozenset[str]:
    return frozenset(axes.axes[place].unit for place in pair)


def slices_through(
    model: GaussianProcess, space: Space, trials: Sequence[FrozenTrial], place: int
) -> tuple[Probe, list[Probe]]:
    """The configuration of a trial, and slices through it along each parameter that acts there.

    Args:
        model: The model of the study.
        space: Its space.
        trials: All of it.
        place: Place of the trial.
    """
    axes = model.space
    mine = model.rows.acts[model.rows.trial == place]
    acts = mine.any(axis=0) if len(mine) else np.ones(len(axes.axes), dtype=bool)
    point = np.where(acts, axes.points([trials[place]], space)[0], np.nan)
    here = Probe("", "", point[None], np.eye(1), np.zeros(1))
    probes = slice_probes(space, axes, dict(trials[place].params), point)
    return here, [probe for probe in probes if acts[probe.axis]]


def local_effect(
    probe: Probe, here: Probe, answers: Answers, *, around: str, number: int, sign: float
) -> LocalEffect:
    """What a parameter does around a configuration.

    Args:
        probe: The slice along it.
        here: The configuration itself.
        answers: What the model says.
        around: "best" or "baseline".
        number: Of its trial.
        sign: As for `marginal`.
    """
    point = answers.point(probe) - answers.point(here)
    drawn = answers.drawn(probe) - answers.drawn(here)
    low, high = (sign * end for end in band(drawn, point))
    to = int(point.argmin())
    return LocalEffect(
        around,
        number,
        probe.name,
        probe.unit,
        _plain(probe.at),
        probe.labels,
        _plain(sign * point),
        _plain(np.minimum(low, high)),
        _plain(np.maximum(low, high)),
        _at_least_nothing(-point.min(), -drawn.min(axis=1)),
        _at_least_nothing(point.max(), drawn.max(axis=1)),
        probe.labels[int(probe.at[to])] if probe.labels else float(probe.at[to]),
        probe.log,
    )


def _at_least_nothing(point: float, drawn: Floats) -> tuple[float, float, float]:
    low, high = band(drawn, np.array(point))
    return max(0.0, float(point)), max(0.0, float(low)), max(0.0, float(high))


def edge_readings(probes: Sequence[Probe], answers: Answers) -> tuple[EdgeReading, ...]:
    """Slices through the best trial that go on falling at an end; `benchmarks/advice.py` rates it.

    An end is told where in 80 % of the draws the lowest of 13 places lies in the outer tenth, and
    in 90 % it is lower there than anywhere in the inner 80 %.
    """
    found = []
    for probe in probes:
        count = len(probe.at)
        if probe.labels or probe.weight or count < _LEAST_PLACES:
            continue
        even = np.arange(count) / (count - 1)
        drawn = answers.drawn(probe)
        inner = drawn[:, (even > _OUTER) & (even < 1 - _OUTER)].min(axis=1)
        for upper in (False, True):
            outer = even >= 1 - _OUTER if upper else even <= _OUTER
            lies = float(np.mean(outer[drawn.argmin(axis=1)]))
            gains = inner - drawn[:, outer].min(axis=1)
            if lies >= _EDGE_SURE and np.mean(gains > 0) >= _GAIN_SURE:
                found.append(EdgeReading(probe.name, upper, float(np.median(gains)), lies))
    return tuple(found)


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values))
