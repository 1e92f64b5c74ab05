"""From the runs of a family of arms to its table: the statistics as plain values."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.result import ArmRow, ResultTable, number
from slr_tune.errors import RunFailed, SlrTuneError
from slr_tune.statistics import Difference, ErrorCounts, Verdict, compare
from slr_tune.statistics.paired_t import metric_differences
from slr_tune.statistics.verdict import family_verdict, judge_metric
from trainables.data import Dataset, Split

Counts = Mapping[str, Sequence[NDArray[np.int64]]]
"""By arm, for each seed int64 (utterances, 4): substitutions, deletions, insertions, words."""

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
    """

    counts: Counts
    split: str = "dev"
    signers: Sequence[str] | None = None

    def table(self, *, role: str, baseline: str, title: str) -> ResultTable:
        """Compares every arm with the baseline, as one family.

        Args:
            role: What the table is for; see `result`.
            baseline: Name of the arm the others are compared with.
            title: What is compared.
        """
        words = next(iter(self.counts.values()))[0][:, 3]
        errors = {name: ErrorCounts.of_runs(runs) for name, runs in self.counts.items()}
        found = compare(errors, words, baseline=baseline, signers=self.signers)
        verdicts = {arm.name: arm.verdict for arm in found.arms if arm.verdict is not None}
        rows = []
        for arm in found.arms:
            wer = arm.wer
            parts = (wer.substitutions, wer.deletions, wer.insertions)
            row = ArmRow(arm.name, wer.per_seed, wer.percent, *parts)
            rows.append(_compared(row, arm.difference, arm.verdict))
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
        )

    def pooled(self, groups: Mapping[str, Sequence[str]], *, mean: bool) -> ErrorRuns:
        """The errors of groups of arms added up, seed by seed and utterance by utterance.

        Args:
            groups: Names of the arms by the name of their group.
            mean: Whether their words are added too.
        """
        summed: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
        for group, names in groups.items():
            for arrays in zip(*(self.counts[name] for name in names), strict=True):
                total = np.sum(arrays, axis=0)
                total[:, 3] = (len(names) if mean else 1) * arrays[0][:, 3]
                summed[group].append(total)
        return ErrorRuns(summed, self.split, self.signers)


@dataclass(frozen=True)
class MetricRuns:
    """Runs of some arms that tell nothing but a number, the same seeds in each arm.

    Attributes:
        values: The metric on dev by arm and seed.
        metric: Its name.
        minimize: Whether smaller values are better.
    """

    values: Mapping[str, Sequence[float]]
    metric: str
    minimize: bool
    split = "dev"

    def table(self, *, role: str, baseline: str, title: str) -> ResultTable:
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
        differences = metric_differences(self.values, baseline=baseline, minimize=self.minimize)
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
        )

    def pooled(self, groups: Mapping[str, Sequence[str]], *, mean: bool) -> MetricRuns:
        """The values of groups of arms added up, or their means, seed by seed."""
        summed = {}
        for group, names in groups.items():
            share = 1 / len(names) if mean else 1.0
            by_seed = zip(*(self.values[name] for name in names), strict=True)
            summed[group] = [share * sum(values) for values in by_seed]
        return MetricRuns(summed, self.metric, self.minimize)


Runs = ErrorRuns | MetricRuns


def _compared(row: ArmRow, difference: Difference | None, verdict: Verdict | None) -> ArmRow:
    """A row with its difference to the baseline, which itself has none."""
    if difference is None or verdict is None:
        return row
    more = difference.more
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
        outcome=str(verdict.outcome),
        sentence=verdict.sentence,
    )
