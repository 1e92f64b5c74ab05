"""Importance of a study's parameters at one epoch, with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from slr_tune.importance.joint_ped_anova import JointGrid
from slr_tune.importance.parameter_columns import Floats, Groups, Variable
from slr_tune.importance.ped_anova import MarginalGrid, top_weights

NAMES = {"ped-anova": "PED-ANOVA", "fanova": "fANOVA", "mdi": "MDI"}
"""Evaluators by their name on the command line."""

MIN_TRIALS = 10
"""Below so many trials nothing is computed."""

ENOUGH_TRIALS = 50
"""So many trials have five among their best tenth, the least that PED-ANOVA's authors advise."""

TARGET_QUANTILE = 0.1
_LEAST_TOP = 5
_RESAMPLES = 200
_SWAP_LIMIT = 0.2
_MOST_NEEDED = 100_000


@dataclass(frozen=True)
class Bar:
    """How much a unit or a part of one matters.

    Attributes:
        name: Dotted name of a parameter, or of a group.
        share: Of all units' importance, 0..1. Parts of a group have a share on the same scale,
            at most the group's; they do not sum to it.
        low: Lower end of its 90 % interval.
        high: Upper end.
        trials: Trials that have it.
        raw: The evaluator's own figure, before the level of chance is taken off.
        chance: What the evaluator gives a parameter without any effect, on average.
        group: Name of the unit that it is a part of; empty for a unit.
        swaps: Share of resamples in which it and its neighbour in rank change places.
        unstable: Whether that is above one in five.
    """

    name: str
    share: float
    low: float
    high: float
    trials: int
    raw: float
    chance: float
    group: str = ""
    swaps: float = 0.0
    unstable: bool = False


@dataclass(frozen=True)
class Importance:
    """Importance at one epoch.

    Attributes:
        epoch: Where the trials were compared.
        evaluator: One of `NAMES`.
        trials: Trials that reached the epoch.
        top: Trials that counted as the best.
        units: Single parameters and whole groups, the most important first; shares sum to 1.
        parts: Members of groups, in the order of the file.
        needed: Trials that would make the first unit's place stable, if it is the first; None
            where it is stable, or cannot be told.
        resamples: Bootstrap resamples behind the intervals.
    """

    epoch: int
    evaluator: str
    trials: int
    top: int
    units: tuple[Bar, ...]
    parts: tuple[Bar, ...]
    needed: int | None
    resamples: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing it."""
        reached = f"{self.trials} reached epoch {self.epoch}"
        if self.trials < MIN_TRIALS:
            return (
                f"Too few trials: {reached}, at least {MIN_TRIALS} "
                f"are needed, {ENOUGH_TRIALS} for a figure to rely on.",
            )
        found = []
        if self.trials < ENOUGH_TRIALS:
            found.append(
                f"Few trials: {reached}; their best {self.top} "
                f"stand for the best tenth. At least {ENOUGH_TRIALS} are advised."
            )
        unstable = [bar.name for bar in self.units if bar.unstable]
        if unstable:
            found.append(
                f"Order unstable: {', '.join(unstable)} change places when trials are drawn anew."
            )
        if self.needed is not None and len(self.units) > 1:
            found.append(
                f"To tell {self.units[0].name} from {self.units[1].name}, about {self.needed} "
                "trials at this epoch are needed, if the difference is real."
            )
        return tuple(found)


Scores = Callable[[Floats, Floats], dict[str, Floats]]
"""(losses (N,), weights (B, N)) -> raw figure of every unit and part, (B,) each."""


def analyse(
    variables: Sequence[Variable],
    losses: Floats,
    *,
    epoch: int,
    evaluator: str = "ped-anova",
    seed: int = 0,
    resamples: int | None = None,
) -> Importance:
    """Importance of every unit and part.

    Args:
        variables: Columns of N trials.
        losses: (N,) values, smaller is better, none NaN.
        epoch: Where they were taken.
        evaluator: One of `NAMES`.
        seed: Of the resampling.
        resamples: How many; None for the evaluator's own number.
    """
    groups = grouped(variables)
    count = len(losses)
    top = min(count, max(_LEAST_TOP, math.ceil(TARGET_QUANTILE * count)))
    if count < MIN_TRIALS:
        return Importance(epoch, evaluator, count, top, (), (), None, 0)
    rng = np.random.default_rng(seed)
    if evaluator == "ped-anova":
        scores, drawn = _ped_anova(groups, top / count), resamples or _RESAMPLES
    else:
        from slr_tune.importance.forest import FOREST_RESAMPLES, forest_scores

        scores = forest_scores(groups, evaluator, seed=seed)
        drawn = resamples or FOREST_RESAMPLES
    weights = rng.multinomial(count, np.full(count, 1.0 / count), size=drawn).astype(np.float64)
    point = scores(losses, np.ones((1, count)))
    boot = scores(losses, weights)
    rounds, within, held = (40, 8, 20) if evaluator == "ped-anova" else (4, 2, 2)
    shuffled = [losses[rng.permutation(count)] for _ in range(rounds)]
    chance = _mean_of([scores(one, np.ones((1, count))) for one in shuffled])
    # A resample repeats trials, which looks like clusters: it has a level of chance of its own.
    chance_boot = _mean_of([scores(one, weights[:held]) for one in shuffled[:within]])
    return _summary(
        groups, point, boot, chance, chance_boot, epoch=epoch, evaluator=evaluator, top=top
    )


def grouped(variables: Sequence[Variable]) -> dict[str, list[Variable]]:
    """Columns by the unit they belong to, in the order of the file."""
    groups: dict[str, list[Variable]] = {}
    for variable in variables:
        groups.setdefault(variable.group, []).append(variable)
    return groups


def _ped_anova(groups: Groups, quantile: float) -> Scores:
    columns = {name: [(m.name, MarginalGrid(m)) for m in group] for name, group in groups.items()}
    grids = {name: JointGrid(group) for name, group in groups.items() if len(group) > 1}

    def scores(losses: Floats, weights: Floats) -> dict[str, Floats]:
        top = top_weights(losses, weights, quantile)
        found: dict[str, Floats] = {}
        for name, members in columns.items():
            parts = [column.divergences(top, weights) for _, column in members]
            found |= {member: part for (member, _), part in zip(members, parts, strict=True)}
            if name in grids:
                # Together they tell at least as much as each alone; the coarse grid may lose some.
                found[f"{name}/*"] = np.max([grids[name].divergences(top, weights), *parts], axis=0)
        return found

    return scores


def _mean_of(rounds: Sequence[Mapping[str, Floats]]) -> dict[str, float]:
    return {key: float(np.mean([one[key].mean() for one in rounds])) for key in rounds[0]}


def _summary(
    groups: Groups,
    point: Mapping[str, Floats],
    boot: Mapping[str, Floats],
    chance: Mapping[str, float],
    chance_boot: Mapping[str, float],
    *,
    epoch: int,
    evaluator: str,
    top: int,
) -> Importance:
    keys = {name: f"{name}/*" if len(g) > 1 else g[0].name for name, g in groups.items()}
    above = _above_chance(point, chance, groups, keys)
    above_boot = _above_chance(boot, chance_boot, groups, keys)
    total = sum(float(above[key][0]) for key in keys.values()) or 1.0
    totals = np.sum([above_boot[key] for key in keys.values()], axis=0)
    totals = np.where(totals > 0, totals, 1.0)

    def bar(name: str, key: str, members: Sequence[Variable], group: str = "") -> Bar:
        share = float(above[key][0]) / total
        low, high = map(float, np.quantile(above_boot[key] / totals, [0.05, 0.95]))
        return Bar(
            name,
            share,
            low=min(low, share),
            high=max(min(high, 1.0), share),
            trials=int(np.any([member.active for member in members], axis=0).sum()),
            raw=float(point[key][0]),
            chance=chance[key],
            group=group,
        )

    units = [bar(name, keys[name], members) for name, members in groups.items()]
    units.sort(key=lambda unit: -unit.share)
    parts = [
        bar(member.name, member.name, [member], name)
        for name, members in groups.items()
        if len(members) > 1
        for member in members
    ]
    count = len(next(iter(groups.values()))[0].values)
    marked = _with_swaps([(unit, above_boot[keys[unit.name]]) for unit in units])
    needed = _needed(marked, count)
    return Importance(
        epoch, evaluator, count, top, marked, tuple(parts), needed, resamples=len(totals)
    )


def _above_chance(
    raw: Mapping[str, Floats], chance: Mapping[str, float], groups: Groups, keys: Mapping[str, str]
) -> dict[str, Floats]:
    """(B,) of every unit and part, at least 0; a part of a group at most the group's."""
    found = {key: np.maximum(0.0, values - chance[key]) for key, values in raw.items()}
    for name, members in groups.items():
        if len(members) > 1:
            # The parts' levels of chance are lower than the group's, and noise does the rest.
            for member in members:
                found[member.name] = np.minimum(found[member.name], found[keys[name]])
    return found


def _with_swaps(ranked: Sequence[tuple[Bar, Floats]]) -> tuple[Bar, ...]:
    """Units, the most important first, with how often they change places with a neighbour."""
    swaps = [_swapped(one, other) for (_, one), (_, other) in pairwise(ranked)]
    worst = map(max, pairwise([0.0, *swaps, 0.0]))
    return tuple(
        replace(unit, swaps=most, unstable=most > _SWAP_LIMIT)
        for (unit, _), most in zip(ranked, worst, strict=True)
    )


def _swapped(one: Floats, other: Floats) -> float:
    """Share of resamples in which `other` is ahead of `one`; a tie is half a swap."""
    return float(np.mean(one < other) + 0.5 * np.mean(one == other))


def _needed(units: Sequence[Bar], count: int) -> int | None:
    """Trials at which the first two units would change places in one resample of five.

    Their difference in standard errors is the normal quantile of the share of swaps; the error
    falls with the root of the number of trials.
    """
    if len(units) < 2 or not units[0].unstable or units[0].swaps >= 0.5:
        return None
    normal = NormalDist()
    wanted = count * (normal.inv_cdf(_SWAP_LIMIT) / normal.inv_cdf(units[0].swaps)) ** 2
    return None if wanted > _MOST_NEEDED else int(float(f"{math.ceil(wanted):.2g}"))
