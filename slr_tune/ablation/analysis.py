"""From the runs of a family of arms to its table: the statistics as plain values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.compared import Key, MetricRuns, Sides, verdict_row
from slr_tune.ablation.result import ArmRow, ResultTable
from slr_tune.errors import SlrTuneError
from slr_tune.statistics import Difference, ErrorCounts, compare
from slr_tune.statistics.collapse import Collapses, collapsed_runs, fisher
from slr_tune.statistics.compare import RESAMPLES, contrasts_with
from slr_tune.statistics.components import block_index
from slr_tune.statistics.family import Contrast, alone, with_family
from slr_tune.statistics.verdict import family_verdict
from trainables.data import Dataset, Split

Counts = Mapping[str, Sequence[NDArray[np.int64]]]
"""By arm, for each seed int64 (utterances, 4): substitutions, deletions, insertions, words."""


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
                hint=f"At least two are needed. In section data, choose a larger {name} split.",
            )


@dataclass(frozen=True)
class ErrorRuns:
    """Runs of some arms whose errors in every utterance are known, the same seeds in each arm.

    Attributes:
        counts: Errors by arm and seed.
        split: Split on which they were counted.
        signers: Signer of each utterance, where known.
        teachers: Teachers of the runs, one after another, with as many seeds each.
        orders: Orders of the training data of each seed, one after another.
        margin: Points within which arms count as the same; None not to ask.
        flags: Runs that collapsed, by arm; None to find them.
        others: p-values of comparisons elsewhere that share the error budget.
    """

    counts: Counts
    split: str = "dev"
    signers: Sequence[str] | None = None
    teachers: int = 1
    orders: int = 1
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
        found = contrasts_with(
            errors,
            baseline,
            flags=self.collapsed,
            teachers=self.teachers,
            orders=self.orders,
        )
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
                self.orders,
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
            orders=self.orders,
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
            rows.append(verdict_row(replace(row, collapsed=gone), arm.difference, arm.verdict))
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
            orders=self.orders,
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
        blocks = None  # one signer cannot be drawn again
    return alone(contrasts, words, blocks, resamples=RESAMPLES, seed=0)


Runs = ErrorRuns | MetricRuns
