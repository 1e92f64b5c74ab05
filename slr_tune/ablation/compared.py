"""Contrasts of arms, runs with nothing but a number, and the rows of a table."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from slr_tune.ablation.result import ArmRow, ResultTable, number
from slr_tune.errors import RunFailed
from slr_tune.statistics import Difference, Verdict
from slr_tune.statistics.paired_t import metric_alone, metric_family
from slr_tune.statistics.verdict import family_verdict, judge_metric
from slr_tune.study.no_effect import seeds_note


@dataclass(frozen=True)
class Sides:
    """The arms of a contrast: as many on either side.

    Attributes:
        ours: Whose errors are added.
        theirs: Whose errors are subtracted.
        over: By what the sums are divided.
    """

    ours: Sequence[str]
    theirs: Sequence[str]
    over: int = 1

    @property
    def weight(self) -> float:
        """Variance, if all runs scatter alike, in that of one arm against another."""
        return len(self.ours) / self.over**2


Key = TypeVar("Key")


_SEEDS_ALONE = (
    "The run reports no errors per utterance, so the intervals come from the seeds alone (paired "
    "t): they cover other seeds on the same data, not other data."
)


@dataclass(frozen=True)
class MetricRuns:
    """Runs of some arms with nothing but a number, the same seeds in each arm.

    Attributes:
        values: The metric on dev by arm and seed.
        metric: Its name.
        minimize: Whether smaller values are better.
        others: p-values of comparisons elsewhere that share the error budget.
    """

    values: Mapping[str, Sequence[float]]
    metric: str
    minimize: bool
    others: Sequence[float] = ()
    split = "dev"

    def alone(self, baseline: str) -> dict[str, Difference]:
        """As `ErrorRuns.alone`."""
        pairs = {
            name: (numbers, self.values[baseline][: len(numbers)])
            for name, numbers in self.values.items()
            if name != baseline
        }
        return metric_alone(pairs, minimize=self.minimize)

    def contrasts(self, sides: Mapping[Key, Sides]) -> dict[Key, Difference]:
        """As `ErrorRuns.contrasts`."""
        pairs, weights = {}, {}
        for name, pair in sides.items():
            first, second = (
                [
                    value / pair.over
                    for value in self.pooled({"sum": arms}, mean=False).values["sum"]
                ]
                for arms in (pair.ours, pair.theirs)
            )
            pairs[name], weights[name] = (first, second), pair.weight
        return metric_alone(pairs, minimize=self.minimize, weights=weights)

    def corrected(
        self, differences: Mapping[Key, Difference], *, intervals: bool = False
    ) -> dict[Key, Difference]:
        """As `ErrorRuns.corrected`."""
        return metric_family(differences, others=self.others, corrected_intervals=intervals)

    def table(
        self,
        *,
        role: str,
        baseline: str,
        title: str,
        judged: Mapping[str, Difference] | None = None,
        family: int | None = None,
    ) -> ResultTable:
        """Compares every arm with the baseline, as one family; see `ErrorRuns.table`.

        Raises:
            RunFailed: A run has no value.
        """
        for name, numbers in self.values.items():
            if not all(map(math.isfinite, numbers)):
                raise RunFailed(
                    f"{name}: a run never reported a finite {self.metric}, so it cannot be "
                    f"compared",
                    hint="Remove this level, or choose one that trains.",
                )
        differences = judged or metric_family(self.alone(baseline), others=self.others)
        verdicts = {
            name: judge_metric(name, baseline, found, metric=self.metric, minimize=self.minimize)
            for name, found in differences.items()
        }
        rows = [ArmRow(name, tuple(n), statistics.mean(n)) for name, n in self.values.items()]
        rows = [verdict_row(row, differences.get(row.name), verdicts.get(row.name)) for row in rows]
        return ResultTable(
            role=role,
            title=title,
            split=self.split,
            baseline=baseline,
            rows=tuple(rows),
            verdict=family_verdict(baseline, verdicts, compared="values"),
            seeds=len(self.values[baseline]),
            limits=tuple(filter(None, (seeds_note(self.values.values()), _SEEDS_ALONE))),
            measure=self.metric,
            minimize=self.minimize,
            family=family,
        )

    def pooled(self, groups: Mapping[str, Sequence[str]], *, mean: bool) -> MetricRuns:
        """The values of groups of arms added up, or their means, seed by seed."""
        summed = {}
        for group, names in groups.items():
            share = 1 / len(names) if mean else 1.0
            by_seed = zip(*(self.values[name] for name in names), strict=True)
            summed[group] = [share * sum(values) for values in by_seed]
        return replace(self, values=summed)


def compared_row(row: ArmRow, difference: Difference) -> ArmRow:
    """A row with the figures of its difference, before its verdict."""
    more, whole = difference.more, difference.all_runs
    return replace(
        row,
        difference=difference.points,
        low=number(difference.low),
        high=number(difference.high),
        difference_per_seed=difference.per_seed,
        p_value=number(difference.p_value),
        holm_p=number(difference.holm_p),
        probability_of_improvement=number(difference.probability_of_improvement),
        mapsswe_p=tuple(number(test.p_value) for test in difference.mapsswe),
        smallest_detectable=difference.smallest_detectable,
        more_seeds=None if more is None else more.seeds,
        more_units=None if more is None else more.units,
        tried_seeds=None if more is None else more.tried,
        chance=None if more is None else more.chance,
        level=difference.level,
        same_p=number(difference.same_p),
        all_runs=() if whole is None else whole,
        unit_variance=number(difference.components.unit),
    )


def verdict_row(row: ArmRow, difference: Difference | None, verdict: Verdict | None) -> ArmRow:
    """A row with its difference to the baseline, which itself has none."""
    if difference is None or verdict is None:
        return row
    return replace(
        compared_row(row, difference), outcome=str(verdict.outcome), sentence=verdict.sentence
    )
