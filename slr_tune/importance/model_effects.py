"""Curves, pairs, slices and edges of a fitted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from slr_tune.importance.answers import Answers
from slr_tune.importance.bands import Draw, band, over_draws, positive_band
from slr_tune.importance.effects import EdgeReading, LocalEffect, Marginal, Pair
from slr_tune.importance.gaussian_process import GaussianProcess
from slr_tune.importance.parameter_columns import Floats
from slr_tune.importance.probes import Probe, map_axis, map_probe, slice_probes
from slr_tune.importance.reading import Reading
from slr_tune.space import Space

PAIR_SHARE = 0.05
"""Share of all variance that a pair must surely have to be named."""
_PAIR_SURE = 0.9
MOST_MAPS = 6
_OUTER, _EDGE_SURE, _GAIN_SURE = 0.1, 0.8, 0.9
_LEAST_PLACES = 5


def marginal(
    probe: Probe, answers: Answers, *, level: float, sign: float, seen: bool = True
) -> Marginal:
    """The mean over the space along a parameter.

    Args:
        probe: Along it.
        answers: What the model says.
        level: Mean over the space, metric's unit.
        sign: 1 where smaller is better, else -1.
        seen: Whether an effect of its unit is seen; else the band of the swing holds none at all.
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
        (float(swing[0]) if seen else 0.0, float(swing[1])),
    )


@dataclass(frozen=True)
class PairProbe:
    """A pair of parameters to look up.

    Attributes:
        parts: The model's parts that make it: several where one is a simplex.
        one: The curve along the first; of a simplex, along one of its weights.
        other: The curve along the second.
        units: The units that they belong to.
        joint: The map over both.
    """

    parts: tuple[int, ...]
    one: Probe
    other: Probe
    units: tuple[str, str]
    joint: Probe


def strongest_pairs(reading: Reading, curves: Sequence[Probe]) -> list[PairProbe]:
    """Pairs of parameters of two units, the largest share first; six at most."""
    axes = reading.model.space
    variances = reading.variances(reading.mean[None])[0]
    parts: dict[tuple[str, str], list[int]] = {}
    for part, (one, other) in enumerate(reading.pairs, start=len(axes.axes)):
        if axes.axes[one].unit != axes.axes[other].unit:
            names = axes.axes[one].variable, axes.axes[other].variable
            parts.setdefault(names, []).append(part)
    order = sorted(parts, key=lambda names: -variances[parts[names]].sum())
    found = []
    for names in order[:MOST_MAPS]:
        first, second = (_curve_of(name, curves) for name in names)
        units, joint = (first.unit, second.unit), map_probe(first, second)
        found.append(PairProbe(tuple(parts[names]), first, second, units, joint))
    return found


def _curve_of(variable: str, curves: Sequence[Probe]) -> Probe:
    """The curve along a parameter; of a simplex, along its second weight.

    The second has a part in both of its free numbers, whatever the number of weights.
    """
    named = [probe for probe in curves if probe.name == variable]
    weights = [p for p in curves if p.weight and p.name.startswith(f"{variable}.")]
    return named[0] if named else weights[min(1, len(weights) - 1)]


def pairs(
    probes: Sequence[PairProbe],
    reading: Reading,
    draws: list[Draw],
    answers: Answers,
    *,
    level: float,
    sign: float,
) -> tuple[Pair, ...]:
    """The pairs with their shares.

    Args:
        probes: What `strongest_pairs` gave.
        reading: The model.
        draws: Of it.
        answers: What it says.
        level: As for `marginal`.
        sign: Likewise.
    """

    def share(one: Reading, weights: Floats) -> Floats:
        found = one.variances(weights)
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(found / np.where(total > 0, total, 1.0))

    drawn = over_draws(draws, share)
    point = share(reading, reading.mean[None])[0]
    variances = reading.variances(reading.mean[None])[0]
    by_units: dict[frozenset[str], list[int]] = {}
    for probe in probes:
        by_units.setdefault(frozenset(probe.units), []).extend(probe.parts)
    found = []
    for probe in probes:
        parts = list(probe.parts)
        own = float(point[parts].sum())
        low, high = positive_band(drawn[:, parts].sum(axis=1), np.array(own))
        one_at, other_at = map_axis(probe.one), map_axis(probe.other)
        values = (level + sign * answers.point(probe.joint)).reshape(len(one_at), len(other_at))
        size = reading.size * reading.model.rows.scale
        together = drawn[:, by_units[frozenset(probe.units)]].sum(axis=1)
        found.append(
            Pair(
                probe.one.name,
                probe.other.name,
                probe.units,
                own,
                float(low),
                min(1.0, float(high)),
                float(np.sqrt(variances[parts].sum()) * size),
                bool(np.mean(together > PAIR_SHARE) >= _PAIR_SURE),
                one_at,
                other_at,
                tuple(_plain(row) for row in values),
                probe.one.labels,
                probe.other.labels,
            )
        )
    return tuple(found)


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
    probe: Probe,
    here: Probe,
    answers: Answers,
    *,
    around: str,
    number: int,
    sign: float,
    seen: bool = True,
) -> LocalEffect:
    """What a parameter does around a configuration.

    Args:
        probe: The slice along it.
        here: The configuration itself.
        answers: What the model says.
        around: "best" or "baseline".
        number: Of its trial.
        sign: As for `marginal`.
        seen: Likewise, for both bands.
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
        _at_least_nothing(-point.min(), -drawn.min(axis=1), seen=seen),
        _at_least_nothing(point.max(), drawn.max(axis=1), seen=seen),
        probe.labels[int(probe.at[to])] if probe.labels else float(probe.at[to]),
        probe.log,
    )


def _at_least_nothing(point: float, drawn: Floats, *, seen: bool) -> tuple[float, float, float]:
    low, high = band(drawn, np.array(point))
    return max(0.0, float(point)), max(0.0, float(low)) * seen, max(0.0, float(high))


def edge_readings(probes: Sequence[Probe], answers: Answers) -> tuple[EdgeReading, ...]:
    """Slices through the best trial that keep falling at an end; `benchmarks/advice.py` rates it.

    An end is reported where in 80 % of the draws the lowest of 13 places is in the outer tenth, and
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
