"""Importance from the model of a study: shares, points, bands, curves, pairs, slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from optuna.trial import FrozenTrial

from slr_tune.importance import model_effects, rules
from slr_tune.importance.analysis import MIN_TRIALS, Importance
from slr_tune.importance.answers import Answers
from slr_tune.importance.bands import posterior_draws
from slr_tune.importance.coordinates import Coordinates, coordinates
from slr_tune.importance.effects import EdgeReading, LocalEffect, Marginal, Pair
from slr_tune.importance.model_bars import FittedModel, model_bars, rung_shares
from slr_tune.importance.parameter_columns import Variable
from slr_tune.importance.probes import Probe, curve_probes
from slr_tune.importance.reading import Reading
from slr_tune.importance.trial_rows import TrialRows, trial_rows
from slr_tune.space import Space

ActsFrom = Callable[[FrozenTrial, str], float]
"""(trial, dotted name) -> first epoch whose value may depend on the parameter; inf for never."""


@dataclass(frozen=True)
class ModelImportance:
    """All that the model says of a study.

    Attributes:
        main: Importance at the last epoch, or the one requested.
        over_rungs: Shares at each epoch at which trials are compared, ascending.
        marginals: Mean over the space along each parameter.
        pairs: Pairs of parameters by their share, the largest first.
        local: What each parameter does around the best trial and around the baseline.
        edges: Numbers whose slice through the best keeps falling at an end of the range.
        level: Mean over the space at the epoch, metric's unit; None with too few trials.
    """

    main: Importance
    over_rungs: tuple[Importance, ...] = ()
    marginals: tuple[Marginal, ...] = ()
    pairs: tuple[Pair, ...] = ()
    local: tuple[LocalEffect, ...] = ()
    edges: tuple[EdgeReading, ...] = ()
    level: float | None = None


def model_importance(
    space: Space,
    trials: Sequence[FrozenTrial],
    epochs: Sequence[int],
    *,
    columns: Sequence[Variable],
    sign: float = 1.0,
    acts_from: ActsFrom | None = None,
    ceilings: Mapping[str, float] | None = None,
    around: Mapping[str, int] | None = None,
    epoch: int | None = None,
    seed: int = 0,
) -> ModelImportance:
    """Fits the model and reads it.

    Args:
        space: The study's space.
        trials: N of it, stopped ones too.
        epochs: Rungs and the last epoch, ascending.
        columns: The searched values as a reader sees them.
        sign: 1 where smaller is better, else -1.
        acts_from: When a parameter acts; None where all act from the first epoch.
        ceilings: By dotted name, the value above which a number changes nothing.
        around: "best" and "baseline": place of the trial through which slices are laid.
        epoch: Where to read it, one of `epochs`; None for the last.
        seed: Of the draws.
    """
    axes, rows = _data(space, trials, epochs, sign, acts_from, ceilings, (), seed)
    late = {} if rows is None else rules.acting_too_late(axes, rows)
    if late and len(late) < len(axes.units):
        axes, rows = _data(space, trials, epochs, sign, acts_from, ceilings, tuple(late), seed)
    count = 0 if rows is None else len(np.unique(rows.trial))
    if rows is None or count < MIN_TRIALS or not axes.axes:
        last = epochs[-1] if rows is None else rows.epochs[-1]
        return ModelImportance(Importance(last, "gp", count, (), (), reached=count))
    model, aside = rules.fitted(axes, rows)
    used = model.rows.epochs
    rung = len(used) - 1 if epoch is None else sum(one <= epoch for one in used) - 1
    numbers = tuple(trial.number for trial in trials)
    fit = FittedModel(model, numbers, aside, columns, max(rung, 0), late)
    return _read(fit, space, trials, sign, around or {}, seed)


def _data(
    space: Space,
    trials: Sequence[FrozenTrial],
    epochs: Sequence[int],
    sign: float,
    acts_from: ActsFrom | None,
    ceilings: Mapping[str, float] | None,
    without: Sequence[str],
    seed: int,
) -> tuple[Coordinates, TrialRows | None]:
    axes = coordinates(space, trials, ceilings=ceilings, without=without)
    acts = _acting(axes, trials, acts_from)
    return axes, trial_rows(trials, epochs, sign=sign, acts=acts, seed=seed)


def _acting(
    axes: Coordinates, trials: Sequence[FrozenTrial], acts_from: ActsFrom | None
) -> Callable[[int, int], list[bool]]:
    if acts_from is None:
        return lambda trial, epoch: [True] * len(axes.axes)

    @cache  # asked only of the trials that count, of which a long study has a part
    def begins(trial: int) -> tuple[float, ...]:
        names = dict.fromkeys(axis.variable for axis in axes.axes)
        found = {name: acts_from(trials[trial], name) for name in names}
        return tuple(found[axis.variable] for axis in axes.axes)

    return lambda trial, epoch: [epoch >= begin for begin in begins(trial)]


def _read(
    fit: FittedModel,
    space: Space,
    trials: Sequence[FrozenTrial],
    sign: float,
    around: Mapping[str, int],
    seed: int,
) -> ModelImportance:
    model = fit.model
    reading = Reading(model, model.theta, rung=fit.rung)
    draws = posterior_draws(model, model.theta, rung=fit.rung, seed=seed)
    curves = curve_probes(space, model.space, fit.columns)
    strongest = model_effects.strongest_pairs(reading, curves)
    slices = {
        name: model_effects.slices_through(model, space, trials, place)
        for name, place in around.items()
    }
    probes = [*curves]
    probes += [probe for here, through in slices.values() for probe in (here, *through)]
    answers = Answers(reading, draws, probes, [pair.joint for pair in strongest])
    main = model_bars(fit, reading, draws, curves, answers)
    level = sign * _level(fit, reading)
    unseen = {bar.name for bar in main.units if not bar.seen}
    local = tuple(
        model_effects.local_effect(
            probe,
            here,
            answers,
            around=name,
            number=fit.numbers[around[name]],
            sign=sign,
            seen=probe.unit not in unseen,
        )
        for name, (here, through) in slices.items()
        for probe in through
    )
    best: list[Probe] = slices["best"][1] if "best" in slices else []
    return ModelImportance(
        main,
        tuple(
            main if rung == fit.rung else rung_shares(fit, rung)
            for rung in range(len(model.rows.epochs))
        ),
        tuple(
            model_effects.marginal(p, answers, level=level, sign=sign, seen=p.unit not in unseen)
            for p in curves
        ),
        model_effects.pairs(strongest, reading, draws, answers, level=level, sign=sign),
        local,
        model_effects.edge_readings(best, answers),
        level,
    )


def _level(fit: FittedModel, reading: Reading) -> float:
    """Mean over the space at the epoch, smaller is better."""
    rows = fit.model.rows
    own = reading.solved.alpha[rows.rung == fit.rung].sum()
    return float(rows.centres[fit.rung] + fit.model.rung_variance * own * rows.scale)
