"""From the runs of a family of arms to its table: the statistics as plain values."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.result import ArmRow, ResultTable, number
from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.statistics import Difference, ErrorCounts, Verdict, compare
from slr_tune.statistics.collapse import Collapses, collapsed_runs, fisher
from slr_tune.statistics.compare import RESAMPLES, contrasts_with
from slr_tune.statistics.components import block_index
from slr_tune.statistics.family import Contrast, alone, with_family
from slr_tune.statistics.paired_t import metric_alone, metric_family
from slr_tune.statistics.verdict import family_verdict, judge_metric
from trainables.data import Dataset, Split

Counts = Mapping[str, Sequence[NDArray[np.int64]]]
"""By arm, for each seed int64 (utterances, 4): substitutions, deletions, insertions, words."""


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
    "The run tells no errors of single utterances, so the intervals come from the seeds alone "
    "(paired t): they say what other seeds would give on the same data, not what other data would."
)


def check_comparable(data: Dataset | None, splits: Sequence[str]) -> None:
    """Refuses data on which no comparison can be made, before anything is trained for it.

    Args:
        data: The prepared data set, None for a custom run without.
        splits: On which arms will be compared.

    Raises:
        SlrTuneError: One utterance, or one of several signers, has all the words of a split.
    """
    for name in splits if data is not None else ():
        split: Split = getattr(data, name)
        signers = split.signers or ()
        blocks = signers if len(set(signers)) > 1 else range(len(split.references))
        spoken = {block for block, words in zip(blocks, split.references, strict=True) if words}
        if len(spoken) < 2:
            unit = "utterance" if isinstance(blocks, range) else "signer"
            raise SlrTuneError(
                f"{name} has {len(spoken)} {unit} with words: arms cannot be compared on it",
                hint=f"The least is two. Give the section data a larger {name} split.",
            )


@dataclass(frozen=True)
class ErrorRuns:
    """Runs of some arms whose errors in every utterance are known, the same seeds in each arm.

    Attributes:
        counts: Errors by arm and seed.
        split: Split on which they were counted.
        signers: Signer of each utterance, where known.
        teachers: That taught the runs, one after another, with as many seeds each.
        margin: Points within which arms count as the same; None not to ask.
        flags: Runs that collapsed, by arm; None to find them.
        others: p-values of comparisons elsewhere that share the error budget.
    """

    counts: Counts
    split: str = "dev"
    signers: Sequence[str] | None = None
    teachers: int = 1
    margin: float | None = None
    flags: Mapping[str, Sequence[bool]] | None = None
    others: Sequence[float] = ()

    @property
    def words(self) -> NDArray[np.int64]:
        """Reference words of each utterance."""
        words: NDArray[np.int64] = next(iter(self.counts.values()))[0][:, 3]
        return words

    @property
    def collapsed(self) -> Mapping[str, Sequence[bool]]:
        """Runs that collapsed, by arm."""
        if self.flags is not None:
            return self.flags
        return collapsed_runs(
            {
                name: [float(100 * run[:, :3].sum() / run[:, 3].sum()) for run in runs]
                for name, runs in self.counts.items()
            }
        )

    def alone(self, baseline: str) -> dict[str, Difference]:
        """Every arm against the baseline, before the family's correction."""
        errors = {name: ErrorCounts.of_runs(runs).errors for name, runs in self.counts.items()}
        found = contrasts_with(errors, baseline, flags=self.collapsed, teachers=self.teachers)
        return measured_contrasts(found, self.words, self.signers)

    def contrasts(self, sides: Mapping[Key, Sides]) -> dict[Key, Difference]:
        """Sums of arms against sums of others, before the family's correction."""
        flags, found = self.collapsed, {}

        def fallen(side: Sequence[str]) -> NDArray[np.bool_]:
            return np.array(list(map(any, zip(*(flags[arm] for arm in side), strict=True))))

        for name, pair in sides.items():
            first, second = fallen(pair.ours), fallen(pair.theirs)
            one, other = int(first.sum()), int(second.sum())
            counted = Collapses(one, other, len(first), fisher(one, other, len(first)))
            found[name] = Contrast(
                self._errors(pair.ours) / pair.over,
                self._errors(pair.theirs) / pair.over,
                ~(first | second),
                counted,
                self.teachers,
                pair.weight,
            )
        return measured_contrasts(found, self.words, self.signers)

    def _errors(self, arms: Sequence[str]) -> NDArray[np.int64]:
        """Errors of some arms together, (seeds, utterances)."""
        pooled = self.pooled({"sum": arms}, mean=False)
        return ErrorCounts.of_runs(pooled.counts["sum"]).errors

    def corrected(
        self, differences: Mapping[Key, Difference], *, intervals: bool = False
    ) -> dict[Key, Difference]:
        """Differences as one family.

        Args:
            differences: Each alone, by any name.
            intervals: Whether intervals are corrected as p is.
        """
        return with_family(
            differences, others=self.others, margin=self.margin, corrected_intervals=intervals
        )

    def table(
        self,
        *,
        role: str,
        baseline: str,
        title: str,
        judged: Mapping[str, Difference] | None = None,
        family: int | None = None,
    ) -> ResultTable:
        """Compares every arm with the baseline, as one family.

        Args:
            role: What the table is for; see `result`.
            baseline: Name of the arm the others are compared with.
            title: What is compared.
            judged: Differences that were corrected as part of another family.
            family: Comparisons of that family.
        """
        errors = {name: ErrorCounts.of_runs(runs) for name, runs in self.counts.items()}
        flags = self.collapsed
        found = compare(
            errors,
            self.words,
            baseline=baseline,
            signers=self.signers,
            margin=self.margin,
            collapses=flags,
            teachers=self.teachers,
            unequal=True,
            judged=judged,
            family=family,
            others=self.others,
        )
        verdicts = {arm.name: arm.verdict for arm in found.arms if arm.verdict is not None}
        rows = []
        for arm in found.arms:
            wer = arm.wer
            parts = (wer.substitutions, wer.deletions, wer.insertions)
            row = ArmRow(arm.name, wer.per_seed, wer.percent, *parts)
            gone = tuple(place for place, flag in enumerate(flags[arm.name]) if flag)
            rows.append(_compared(replace(row, collapsed=gone), arm.difference, arm.verdict))
        return ResultTable(
            role=role,
            title=title,
            split=self.split,
            baseline=baseline,
            rows=tuple(rows),
            verdict=family_verdict(baseline, verdicts),
            seeds=found.seeds,
            utterances=found.utterances,
            words=found.words,
            signers=found.signers,
            resamples=found.resamples,
            limits=found.limits,
            margin=self.margin,
            shares=found.shares,
            family=found.family,
            teachers=self.teachers,
        )

    def pooled(self, groups: Mapping[str, Sequence[str]], *, mean: bool) -> ErrorRuns:
        """The errors of groups of arms added up, seed by seed and utterance by utterance.

        A seed with which an arm of a group collapsed counts as one with which the group did.

        Args:
            groups: Names of the arms by the name of their group.
            mean: Whether their words are added too.
        """
        summed: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
        collapsed = self.collapsed
        flags = {
            group: tuple(map(any, zip(*(collapsed[name] for name in names), strict=True)))
            for group, names in groups.items()
        }
        for group, names in groups.items():
            for arrays in zip(*(self.counts[name] for name in names), strict=True):
                total = np.sum(arrays, axis=0)
                total[:, 3] = (len(names) if mean else 1) * arrays[0][:, 3]
                summed[group].append(total)
        return replace(self, counts=summed, flags=flags)


def measured_contrasts(
    contrasts: Mapping[Key, Contrast], words: NDArray[np.int64], signers: Sequence[str] | None
) -> dict[Key, Difference]:
    """The differences of contrasts on one split, before the family's correction."""
    blocks = None if signers is None else block_index(signers, len(words))
    if blocks is not None and blocks.max() == 0:
        blocks = None  # one signer cannot be drawn anew
    return alone(contrasts, words, blocks, resamples=RESAMPLES, seed=0)


@dataclass(frozen=True)
class MetricRuns:
    """Runs of some arms that tell nothing but a number, the same seeds in each arm.

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
                    f"{name}: a run never had a finite {self.metric}, so it cannot be compared",
                    hint="Leave the level out, or give one that trains.",
                )
        differences = judged or metric_family(self.alone(baseline), others=self.others)
        verdicts = {
            name: judge_metric(name, baseline, found, metric=self.metric, minimize=self.minimize)
            for name, found in differences.items()
        }
        rows = [ArmRow(name, tuple(n), statistics.mean(n)) for name, n in self.values.items()]
        rows = [_compared(row, differences.get(row.name), verdicts.get(row.name)) for row in rows]
        return ResultTable(
            role=role,
            title=title,
            split=self.split,
            baseline=baseline,
            rows=tuple(rows),
            verdict=family_verdict(baseline, verdicts),
            seeds=len(self.values[baseline]),
            limits=(_SEEDS_ALONE,),
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


Runs = ErrorRuns | MetricRuns


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


def _compared(row: ArmRow, difference: Difference | None, verdict: Verdict | None) -> ArmRow:
    """A row with its difference to the baseline, which itself has none."""
    if difference is None or verdict is None:
        return row
    return replace(
        compared_row(row, difference), outcome=str(verdict.outcome), sentence=verdict.sentence
    )
