"""Importance as plain values, and the evaluators that rank trials at a matched epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from slr_tune.importance.parameter_columns import Floats, Groups, Variable
from slr_tune.importance.ped_anova import MarginalGrid, top_weights

DEFAULT = "gp"
NAMES = {"gp": "Gaussian process", "ped-anova": "PED-ANOVA", "fanova": "fANOVA", "mdi": "MDI"}
"""Evaluators by their name on the command line."""

MIN_TRIALS = 10
"""Below so many trials nothing is computed."""

TARGET_QUANTILE = 0.1
_LEAST_TOP = 5
_RESAMPLES = 200
_SWAP_LIMIT = 0.2


@dataclass(frozen=True)
class Bar:
    """How much a unit or a part of one matters.

    Attributes:
        name: Dotted name of a parameter, or of a group.
        share: Of all units' importance, 0..1. Parts of a group do not sum to it.
        low: Lower end of its 90 % band.
        high: Upper end.
        trials: Trials that have it.
        group: Name of the unit that it is a part of; empty for a unit.
        points: Standard deviation over the space of all that it touches, with its band, metric's
            unit; None where the evaluator has no such figure.
        seen: Whether the trials show any effect of it; None where the evaluator cannot tell.
        measured: Whether enough trials got to where it acts.
        first_rung: Its share at the first rung; None where the evaluator has no such figure.
        covered: Share of its range that the trials which got to the epoch cover.
        early: Whether the trials show an effect at the first epochs only: not seen at the epoch,
            which too few of its values may have reached.
        unstable: Whether it changes places with a neighbour in rank in more than one resample in
            five.
    """

    name: str
    share: float
    low: float
    high: float
    trials: int
    group: str = ""
    points: tuple[float, float, float] | None = None
    seen: bool | None = None
    measured: bool = True
    first_rung: float | None = None
    covered: float | None = None
    early: bool = False
    unstable: bool = False


@dataclass(frozen=True)
class Importance:
    """Importance at one epoch.

    Attributes:
        epoch: Where it is read.
        evaluator: One of `NAMES`.
        trials: Trials that it was found from.
        units: Single parameters and whole groups, the most important first; shares sum to 1.
        parts: Members of groups, in the order of the file.
        named: The unit that may be called the first; None where the trials do not decide it.
        explained: Share of the variance at the first rung that the model predicts of trials that
            it has not seen; None of other evaluators.
        chance_of_first: Share of the draws in which the first unit is the largest.
        set_aside: Numbers of the trials that failed in a way no configuration explains.
        bounded: Number of trials whose value exploded and counts as a bound.
        reached: Trials that have a value at the epoch.
        resamples: Resamples behind the intervals; 0 where they are not from resamples.
    """

    epoch: int
    evaluator: str
    trials: int
    units: tuple[Bar, ...]
    parts: tuple[Bar, ...]
    named: str | None = None
    explained: float | None = None
    chance_of_first: float | None = None
    set_aside: tuple[int, ...] = ()
    bounded: int = 0
    reached: int = 0
    resamples: int = 0


Scores = Callable[[Floats, Floats], dict[str, Floats]]
"""(losses (N,), weights (B, N)) -> figure of every unit and part, (B,) each."""


def analyse(
    variables: Sequence[Variable],
    losses: Floats,
    *,
    epoch: int,
    evaluator: str,
    seed: int = 0,
    resamples: int | None = None,
) -> Importance:
    """Importance of every unit and part, by one of the evaluators on request.

    Nothing is taken off for chance: shares of a whole have no level of chance that could be taken
    off each of them.

    Args:
        variables: Columns of N trials.
        losses: (N,) values, smaller is better, none NaN.
        epoch: Where they were taken.
        evaluator: "ped-anova", "fanova" or "mdi".
        seed: Of the resampling.
        resamples: How many; None for the evaluator's own number.
    """
    groups = grouped(variables)
    count = len(losses)
    if count < MIN_TRIALS:
        return Importance(epoch, evaluator, count, (), (), reached=count)
    rng = np.random.default_rng(seed)
    if evaluator == "ped-anova":
        scores, drawn = _ped_anova(groups, top_count(count) / count), resamples or _RESAMPLES
    else:
        from slr_tune.importance.forest import FOREST_RESAMPLES, forest_scores

        scores = forest_scores(groups, evaluator, seed=seed)
        drawn = resamples or FOREST_RESAMPLES
    weights = rng.multinomial(count, np.full(count, 1.0 / count), size=drawn).astype(np.float64)
    return _summary(
        groups,
        scores(losses, np.ones((1, count))),
        scores(losses, weights),
        epoch=epoch,
        evaluator=evaluator,
    )


def top_count(count: int) -> int:
    """How many of so many trials count as the best for PED-ANOVA."""
    return min(count, max(_LEAST_TOP, math.ceil(TARGET_QUANTILE * count)))


def grouped(variables: Sequence[Variable]) -> dict[str, list[Variable]]:
    """Columns by the unit they belong to, in the order of the file."""
    groups: dict[str, list[Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.group, []).append(variable)
    return groups


def _ped_anova(groups: Groups, quantile: float) -> Scores:
    columns = {}
    for name, group in groups.items():
        weights = sum(member.simplex for member in group)
        columns[name] = [(member.name, MarginalGrid(member, weights=weights)) for member in group]

    def scores(losses: Floats, weights: Floats) -> dict[str, Floats]:
        top = top_weights(losses, weights, quantile)
        differ = float(np.ptp(losses) > 0)  # none is best where all are equal
        found: dict[str, Floats] = {}
        for name, members in columns.items():
            parts = {
                member: differ * column.divergences(top, weights) for member, column in members
            }
            found |= parts
            if len(members) > 1:
                found[f"{name}/*"] = np.max(list(parts.values()), axis=0)
        return found

    return scores


def _summary(
    groups: Groups,
    point: Mapping[str, Floats],
    boot: Mapping[str, Floats],
    *,
    epoch: int,
    evaluator: str,
) -> Importance:
    keys = {name: f"{name}/*" if len(g) > 1 else g[0].name for name, g in groups.items()}
    total = sum(float(point[key][0]) for key in keys.values()) or 1.0
    totals = np.sum([boot[key] for key in keys.values()], axis=0)
    totals = np.where(totals > 0, totals, 1.0)

    def bar(name: str, key: str, members: Sequence[Variable], group: str = "") -> Bar:
        share = float(point[key][0]) / total
        low, high = map(float, np.quantile(boot[key] / totals, [0.05, 0.95]))
        trials = int(np.any([member.active for member in members], axis=0).sum())
        return Bar(name, share, min(low, share), max(min(high, 1.0), share), trials, group)

    units = [bar(name, keys[name], members) for name, members in groups.items()]
    units.sort(key=lambda unit: -unit.share)
    parts = [
        bar(member.name, member.name, [member], name)
        for name, members in groups.items()
        if len(members) > 1
        for member in members
    ]
    count = len(next(iter(groups.values()))[0].values)
    marked = _with_swaps([(unit, boot[keys[unit.name]]) for unit in units])
    named = marked[0].name if not marked[0].unstable and marked[0].share > 0 else None
    return Importance(
        epoch,
        evaluator,
        count,
        marked,
        tuple(parts),
        named,
        reached=count,
        resamples=len(totals),
    )


def _with_swaps(ranked: Sequence[tuple[Bar, Floats]]) -> tuple[Bar, ...]:
    """Units, the most important first, with whether they change places with a neighbour."""
    swaps = [_swapped(one, other) for (_, one), (_, other) in pairwise(ranked)]
    worst = map(max, pairwise([0.0, *swaps, 0.0]))
    return tuple(
        replace(unit, unstable=most > _SWAP_LIMIT)
        for (unit, _), most in zip(ranked, worst, strict=True)
    )


def _swapped(one: Floats, other: Floats) -> float:
    """Share of resamples in which `other` is ahead of `one`; a tie is half a swap."""
    return float(np.mean(one < other) + 0.5 * np.mean(one == other))
