"""Shares and points of a fitted model's units and parts, with the sentences that they support."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from slr_tune.importance import rules
from slr_tune.importance.analysis import Bar, Importance
from slr_tune.importance.answers import Answers
from slr_tune.importance.bands import Draw, over_draws, positive_band
from slr_tune.importance.gaussian_process import GaussianProcess
from slr_tune.importance.parameter_columns import Floats, Variable
from slr_tune.importance.probes import Probe
from slr_tune.importance.reading import Reading

_LOW = (True, False, True, False)
"""Which of the ends that `_sizes` gives are lower ends."""


@dataclass(frozen=True)
class FittedModel:
    """A study's model with what belongs to it.

    Attributes:
        model: It.
        numbers: (N,) numbers of the study's trials.
        aside: Places of the trials that were set aside.
        columns: The searched values as a reader sees them.
        rung: Place of the epoch at which it is read.
        late: Units that are not in the model, because too few trials got to where they act, with
            how many did.
    """

    model: GaussianProcess
    numbers: tuple[int, ...]
    aside: tuple[int, ...]
    columns: Sequence[Variable]
    rung: int
    late: Mapping[str, int] = field(default_factory=dict)


def rung_shares(fit: FittedModel, rung: int) -> Importance:
    """Shares at a rung, without bands."""
    model = fit.model
    reading = Reading(model, model.theta, rung=rung)
    shares = reading.shapley(reading.variances(reading.mean[None]))[0]
    reached = int((model.rows.rung == rung).sum())
    units = [
        Bar(unit, float(share), float(share), float(share), reached)
        for unit, share in zip(model.space.units, shares, strict=True)
    ]
    units.sort(key=lambda unit: -unit.share)
    trials = len(np.unique(model.rows.trial))
    return Importance(model.rows.epochs[rung], "gp", trials, tuple(units), (), reached=reached)


def model_bars(
    fit: FittedModel,
    reading: Reading,
    draws: list[Draw],
    probes: Sequence[Probe],
    answers: Answers,
) -> Importance:
    """Importance at the epoch: units with bands, parts, and the rules' verdicts.

    Args:
        fit: The model.
        reading: It at its optimum, at the epoch.
        draws: Of it.
        probes: The curve along each parameter.
        answers: What the model says along them.
    """
    model, rows = fit.model, fit.model.rows
    shares, sizes, ends = _sizes(reading, draws)
    costs = rules.effect_costs(model)
    early = {bar.name: bar.share for bar in rung_shares(fit, 0).units}
    # Where no effect is seen, none at all is within the band.
    seen = costs > rules.least_cost(len(np.unique(rows.trial)))
    unseen = [unit for unit, effect in zip(model.space.units, seen, strict=True) if not effect]
    only_early = _only_early(model, unseen)
    ends = tuple(
        np.where(seen, end, 0.0) if low else end for end, low in zip(ends, _LOW, strict=True)
    )
    units = [
        Bar(
            unit,
            float(shares[place]),
            float(ends[0][place]),
            float(ends[1][place]),
            _beyond(fit, unit),
            points=(float(sizes[place]), float(ends[2][place]), float(ends[3][place])),
            seen=bool(seen[place]),
            first_rung=early[unit],
            covered=_covered(fit, unit),
            early=unit in only_early,
        )
        for place, unit in enumerate(model.space.units)
    ]
    units += [Bar(u, 0.0, 0.0, 1.0, n, seen=False, measured=False) for u, n in fit.late.items()]
    lead = int(shares.argmax())
    explained = rules.explained(reading.solved, rows)
    chance = rules.chance_of_first(draws, lead)
    settled = explained >= rules.LEAST_EXPLAINED and chance >= rules.LEAST_FIRST
    settled = settled and bool(seen[lead])  # else it may have changed only the first epochs
    return Importance(
        rows.epochs[fit.rung],
        "gp",
        len(np.unique(rows.trial)),
        tuple(sorted(units, key=lambda unit: -unit.share)),
        tuple(_parts(fit, reading, draws, probes, answers, {u.name: u.share for u in units})),
        named=model.space.units[lead] if settled else None,
        explained=explained,
        chance_of_first=chance,
        set_aside=tuple(fit.numbers[place] for place in fit.aside),
        bounded=len(rows.bounded),
        reached=int((rows.rung == fit.rung).sum()),
    )


def _only_early(model: GaussianProcess, unseen: Sequence[str]) -> set[str]:
    """Of the units without an effect that lasts, those whose effect on the first epochs is real."""
    costs = rules.effect_costs(model, units=unseen, at_any_epoch=True)
    least = rules.least_cost(len(np.unique(model.rows.trial)))
    return {unit for unit, cost in zip(unseen, costs, strict=True) if cost > least}


def _sizes(reading: Reading, draws: list[Draw]) -> tuple[Floats, Floats, tuple[Floats, ...]]:
    """(U,) shares and standard deviations, and the ends of their bands."""

    def both(one: Reading, weights: Floats) -> Floats:
        variances = one.variances(weights)
        return np.stack([one.shapley(variances), one.deviations(variances)], axis=1)

    shares, sizes = both(reading, reading.mean[None])[0]
    drawn = over_draws(draws, both)
    low, high = positive_band(drawn[:, 0], shares)
    # A share is read in whole percents, and so is its band, outwards.
    low, high = np.floor(100 * low) / 100, np.minimum(np.ceil(100 * high) / 100, 1.0)
    return shares, sizes, (low, high, *positive_band(drawn[:, 1], sizes))


def _beyond(fit: FittedModel, unit: str) -> int:
    """Trials in which some of a unit applies and can have acted by the epoch."""
    rows, places = fit.model.rows, fit.model.space.of_unit(unit)
    observed = np.isfinite(fit.model.values[:, places]).any(axis=1)
    return len(np.unique(rows.trial[observed & (rows.rung <= fit.rung)]))


def _covered(fit: FittedModel, unit: str) -> float:
    """Share of a unit's range that trials which got there cover: the least of its axes'.

    What depends on a choice counts only where the choice is not in the unit itself.
    """
    model, rows = fit.model, fit.model.rows
    there = rows.trial[rows.rung == fit.rung]
    found = []
    places = model.space.of_unit(unit)
    for place in places:
        if place in model.space.branches and model.space.branches[place][0] in places:
            continue
        axis = model.space.axes[place]
        values = axis.values[there]
        values = values[np.isfinite(values)]
        if axis.options:
            found.append(len(np.unique(values)) / len(axis.options))
        else:
            found.append(float(np.ptp(values)) if len(values) else 0.0)
    return min(found)


def _parts(
    fit: FittedModel,
    reading: Reading,
    draws: list[Draw],
    probes: Sequence[Probe],
    answers: Answers,
    shares: dict[str, float],
) -> list[Bar]:
    """Members of units that have several, each by the variance of its own curve."""
    axes, scale = fit.model.space, fit.model.rows.scale
    total = float(reading.variances(reading.mean[None]).sum()) * (reading.size * scale) ** 2
    totals = over_draws(
        draws, lambda one, w: one.variances(w).sum(axis=1) * (one.size * scale) ** 2
    )
    members: dict[str, int] = {}
    for column in fit.columns:
        members[column.group] = members.get(column.group, 0) + 1
    trials = np.unique(fit.model.rows.trial)
    by_name = {column.name: column for column in fit.columns}
    found = []
    for probe in probes:
        if members[probe.unit] < 2 or probe.share is None:
            continue
        place = axes.place(probe.name)
        often = 1.0 if place is None else float(axes.chances[place, place])
        own = often * _variance(answers.point(probe)[None], probe.share)[0] / (total or 1.0)
        drawn = often * _variance(answers.drawn(probe), probe.share) / np.maximum(totals, 1e-12)
        low, high = positive_band(drawn, np.array(own))
        most = shares[probe.unit]
        share = min(float(own), most)
        count = int(by_name[probe.name].active[trials].sum())
        found.append(
            Bar(
                probe.name,
                share,
                min(float(low), share),
                min(max(float(high), share), 1.0),
                count,
                probe.unit,
            )
        )
    return found


def _variance(curves: Floats, share: Floats) -> Floats:
    """(B,) variance of curves (B, G) over the space."""
    gaps = curves - (curves @ share)[:, None]
    return np.asarray(gaps**2 @ share)
