"""Differences of one family: each arm alone, then what depends on the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from slr_tune.statistics.bootstrap import (
    DifferenceDistribution,
    difference_distribution,
    resampled_totals,
)
from slr_tune.statistics.collapse import Collapses
from slr_tune.statistics.components import (
    Estimate,
    VarianceComponents,
    estimate,
    unit_totals,
)
from slr_tune.statistics.counts import FloatArray, IntArray
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.mapsswe import mapsswe
from slr_tune.statistics.moderation import moderated
from slr_tune.statistics.multiplicity import decision_levels, holm, holm_levels
from slr_tune.statistics.power import more_runs, seeds_for_equivalence, smallest_detectable

Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class Contrast:
    """Errors on one side less those on the other, run by run.

    Attributes:
        ours: Errors of the arm, (runs, utterances).
        theirs: Of the baseline, with the same seeds.
        trained: Runs with which neither side collapsed, (runs,); None for all.
        collapses: How many did; None if unchecked.
        teachers: Teachers that the runs had, one after another, with as many seeds each.
        weight: Variance, if all runs scatter alike, in that of one arm against another.
        orders: Orders of the training data that each seed had, one after another.
    """

    ours: IntArray | FloatArray
    theirs: IntArray | FloatArray
    trained: npt.NDArray[np.bool_] | None = None
    collapses: Collapses | None = None
    teachers: int = 1
    weight: float = 1.0
    orders: int = 1

    @property
    def values(self) -> IntArray | FloatArray:
        """The difference in errors, (runs, utterances)."""
        return self.ours - self.theirs

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Runs that count: those that trained, or all where these are too few for a verdict."""
        everything = np.ones(len(self.ours), dtype=bool)
        return everything if self.trained is None or not self.decided else self.trained

    @property
    def decided(self) -> bool:
        """Whether collapses leave enough for a verdict: two seeds, or two teachers."""
        if self.trained is None or self.trained.all():
            return True
        return self.trained_replicates > 1

    @property
    def trained_replicates(self) -> int:
        """Seeds, or teachers, with a run that trained on both sides."""
        kept = slice(None) if self.trained is None else self.trained
        return len(set(self._replicate[kept].tolist()))

    @property
    def _replicate(self) -> IntArray:
        """Number of each run's teacher; of its seed where there is one teacher."""
        count = len(self.ours)
        several = self.teachers if self.teachers > 1 else count // self.orders
        return np.arange(count) * several // count

    def replicates(
        self, blocks: IntArray | None, *, every: bool = False
    ) -> tuple[FloatArray, float, int]:
        """What the t distribution counts: seeds, or teachers with the mean of their seeds.

        A seed with several orders of the data counts by their mean.

        Args:
            blocks: Signer of each utterance as a number; None for utterances.
            every: Whether to take the collapsed runs too.

        Returns:
            Errors (replicates, units); the mean variance of the errors in all over the seeds of
            one teacher, or the orders of one seed, 0 where each has one; how many each has.
        """
        kept = np.ones(len(self.ours), dtype=bool) if every else self.kept
        values = unit_totals(self.values[kept], blocks)
        if self.teachers < 2 and self.orders < 2:
            return values, 0.0, 1
        member = self._replicate[kept]
        groups = [values[member == one] for one in dict.fromkeys(member.tolist())]
        several = [group.sum(axis=1).var(ddof=1) for group in groups if len(group) > 1]
        within = float(np.mean(several)) if several else 0.0
        return np.stack([g.mean(axis=0) for g in groups]), within, min(map(len, groups))


@dataclass(frozen=True, eq=False)
class _Draws:
    """Resampled totals, (resamples,) each, and the units' words."""

    totals: Mapping[Any, FloatArray]
    every: Mapping[Any, FloatArray]
    runs: Mapping[Any, FloatArray]
    words: FloatArray
    unit_words: FloatArray
    signers: bool
    seed: int

    def spread(
        self, points: float, components: VarianceComponents, errors: FloatArray
    ) -> DifferenceDistribution:
        return difference_distribution(
            points, components, errors=errors, words=self.words, seed=self.seed
        )


def alone(
    contrasts: Mapping[Key, Contrast],
    words: IntArray,
    blocks: IntArray | None,
    *,
    resamples: int,
    seed: int,
) -> dict[Key, Difference]:
    """Every contrast by itself, all from the same resamples, their seed variances moderated.

    Args:
        contrasts: By name.
        words: Reference words, (utterances,).
        blocks: Signer of each utterance as a number; None to resample utterances.
        resamples: Draws of the bootstrap.
        seed: Of the draws.
    """
    unit_words = unit_totals(words, blocks)
    rows: dict[Key, FloatArray] = {}
    estimates: dict[Key, Estimate] = {}
    for name, contrast in contrasts.items():
        rows[name], within, each = contrast.replicates(blocks)
        estimates[name] = estimate(
            rows[name],
            unit_words,
            signers=blocks is not None,
            nested=1e4 * within / float(unit_words.sum()) ** 2,
            nested_seeds=each,
        )
    collapsed = [n for n, one in contrasts.items() if one.collapses and one.collapses.any]
    every = {name: contrasts[name].replicates(blocks, every=True)[0] for name in collapsed}
    columns = [array.mean(axis=0) for array in (*rows.values(), *every.values())]
    drawn = resampled_totals(
        np.column_stack([*columns, unit_words]), resamples=resamples, seed=seed
    )
    draws = _Draws(
        dict(zip(rows, drawn.T, strict=False)),
        dict(zip(every, drawn.T[len(rows) :], strict=False)),
        every,
        drawn[:, -1],
        unit_words,
        blocks is not None,
        seed,
    )
    tested = [n for n, one in contrasts.items() if one.decided and one.values.any()]
    own = [estimates[name] for name in tested]
    lent = moderated(
        [one.per_seed for one in own],
        [one.seeds for one in own],
        [contrasts[name].weight for name in tested],
    )
    components = {name: one.finished() for name, one in estimates.items()}
    for name, prior in zip(tested, lent, strict=True):
        components[name] = estimates[name].finished(per_seed=prior.variance, prior=prior.prior)
    return {
        name: replace(
            _difference(contrast, rows[name], components[name], draws, name),
            estimate=estimates[name],
        )
        for name, contrast in contrasts.items()
    }


def _difference(
    contrast: Contrast,
    rows: FloatArray,
    components: VarianceComponents,
    draws: _Draws,
    name: object,
) -> Difference:
    """One contrast: `rows` are its replicates, (replicates, units)."""
    total = draws.unit_words.sum()
    points = float(100.0 * rows.sum() / (len(rows) * total))  # exactly 0 where tied
    spread = draws.spread(points, components, draws.totals[name])
    low, high = spread.interval()
    p_value = spread.p_value() if contrast.decided else 1.0
    if not contrast.decided:
        components = replace(components, seeds=contrast.trained_replicates)
    pairs = zip(contrast.ours, contrast.theirs, strict=True)
    return Difference(
        points=points,
        low=low,
        high=high,
        per_seed=tuple((100.0 * contrast.values.sum(axis=1) / total).tolist()),
        p_value=p_value,
        holm_p=p_value,
        probability_of_improvement=spread.probability_of_improvement(),
        mapsswe=tuple(mapsswe(ours, theirs) for ours, theirs in pairs),
        components=components,
        identical=not contrast.values.any(),
        collapses=contrast.collapses,
        teachers=contrast.teachers,
        orders=contrast.orders,
        all_runs=_all_runs(draws, name),
        spread=spread if contrast.decided else None,
    )


def _all_runs(draws: _Draws, name: object) -> tuple[float, float, float] | None:
    """With the collapsed runs: the difference, and its interval from its own spread alone."""
    if name not in draws.every:
        return None
    values = draws.runs[name]
    points = float(100.0 * values.sum() / (len(values) * draws.unit_words.sum()))
    components = estimate(values, draws.unit_words, signers=draws.signers).finished()
    return (points, *draws.spread(points, components, draws.every[name]).interval())


def with_family(
    differences: Mapping[Key, Difference],
    *,
    others: Sequence[float] = (),
    margin: float | None = None,
    corrected_intervals: bool = False,
    same: Mapping[Key, float] | None = None,
) -> dict[Key, Difference]:
    """Adds what depends on the other arms. An identical arm is not a test, and costs them nothing.

    Args:
        differences: Of one family, each alone.
        others: p-values of comparisons made elsewhere that share the error budget.
        margin: Points within which arms count as the same, None not to ask.
        corrected_intervals: Whether intervals are corrected as p is, so that both agree.
        same: p-values of not being the same within the margin, where they are known already.
    """
    family = dict(differences)
    tested = [n for n, one in differences.items() if not (one.identical or np.isnan(one.p_value))]
    p_values = [*(differences[name].p_value for name in tested), *others]
    adjusted, levels, decided = holm(p_values), holm_levels(p_values), decision_levels(p_values)
    margins = [1.0 if margin is None else differences[name].tost_p(margin) for name in tested]
    if same is not None:
        margins = [same.get(name, 1.0) for name in tested]
    not_same, same_levels = holm(margins), holm_levels(margins)
    for place, name in enumerate(tested):
        one, level = differences[name], levels[place]
        components = one.components
        changed: dict[str, object] = {}
        if corrected_intervals and one.spread is not None:
            low, high = one.spread.interval(1.0 - decided[place])
            changed = {"low": low, "high": high, "level": 1.0 - decided[place]}
        if margin is not None:
            needed = seeds_for_equivalence(components, margin, alpha=same_levels[place])
            changed |= {"margin": margin, "same_p": not_same[place], "seeds_for_same": needed}
        family[name] = replace(
            one,
            holm_p=adjusted[place],
            smallest_detectable=smallest_detectable(components, alpha=level),
            more=more_runs(one.points, components, alpha=level),
            **changed,  # type: ignore[arg-type]
        )
    return family
