"""From errors to tables: the statistics of one family of arms, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.result import ArmRow, ResultTable, number
from slr_tune.errors import SlrTuneError
from slr_tune.statistics import ArmResult, Comparison, ErrorCounts, compare, overall

Counts = Mapping[str, Sequence[NDArray[np.int64]]]
"""By arm, for each seed int64 (utterances, 4): substitutions, deletions, insertions, words."""


def check_comparable(data: Any, splits: Sequence[str]) -> None:
    """Refuses data on which no comparison can be made, before anything is trained for it.

    Args:
        data: The prepared data set.
        splits: On which arms will be compared.

    Raises:
        SlrTuneError: One utterance, or one of several signers, has all the words of a split.
    """
    for name in splits:
        split = getattr(data, name)
        signers = split.signers or ()
        blocks = signers if len(set(signers)) > 1 else range(len(split.references))
        spoken = {block for block, words in zip(blocks, split.references, strict=True) if words}
        if len(spoken) < 2:
            unit = "utterance" if isinstance(blocks, range) else "signer"
            raise SlrTuneError(
                f"{name} has {len(spoken)} {unit} with words: arms cannot be compared on it",
                hint=f"The least is two. Give the section data a larger {name} split.",
            )


def result_table(
    counts: Counts,
    *,
    role: str,
    baseline: str,
    split: str,
    title: str,
    signers: Sequence[str] | None,
) -> ResultTable:
    """Compares every arm with the baseline, as one family.

    Args:
        counts: Errors of all arms, the same seeds in the same order.
        role: What the table is for; see `result`.
        baseline: Name of the arm the others are compared with.
        split: They were counted on.
        title: What is compared.
        signers: Of each utterance, where known.
    """
    words = next(iter(counts.values()))[0][:, 3]
    errors = {name: _error_counts(runs) for name, runs in counts.items()}
    comparison = compare(errors, words, baseline=baseline, signers=signers)
    return _table(comparison, role=role, split=split, title=title)


def _error_counts(runs: Sequence[NDArray[np.int64]]) -> ErrorCounts:
    stacked = np.stack(runs)  # [seeds, utterances, 4]
    return ErrorCounts(stacked[:, :, 0], stacked[:, :, 1], stacked[:, :, 2])


def _table(comparison: Comparison, *, role: str, split: str, title: str) -> ResultTable:
    verdicts = {arm.name: arm.verdict for arm in comparison.arms if arm.verdict is not None}
    sentence = "There is nothing to compare."
    if len(verdicts) == 1:
        sentence = next(iter(verdicts.values())).sentence
    elif verdicts:
        sentence = overall(comparison.baseline, verdicts)
    return ResultTable(
        role=role,
        title=title,
        split=split,
        baseline=comparison.baseline,
        rows=tuple(_row(arm) for arm in comparison.arms),
        verdict=sentence,
        seeds=comparison.seeds,
        utterances=comparison.utterances,
        words=comparison.words,
        signers=comparison.signers,
        resamples=comparison.resamples,
        limits=comparison.limits,
    )


def _row(arm: ArmResult) -> ArmRow:
    wer, difference = arm.wer, arm.difference
    if difference is None or arm.verdict is None:
        return ArmRow(
            arm.name, wer.per_seed, wer.percent, wer.substitutions, wer.deletions, wer.insertions
        )
    more = difference.more
    return ArmRow(
        name=arm.name,
        per_seed=wer.per_seed,
        mean=wer.percent,
        substitutions=wer.substitutions,
        deletions=wer.deletions,
        insertions=wer.insertions,
        difference=difference.points,
        low=difference.low,
        high=difference.high,
        difference_per_seed=difference.per_seed,
        p_value=difference.p_value,
        holm_p=difference.holm_p,
        probability_of_improvement=difference.probability_of_improvement,
        mapsswe_p=tuple(number(test.p_value) for test in difference.mapsswe),
        smallest_detectable=difference.smallest_detectable,
        more_seeds=None if more is None else more.seeds,
        more_units=None if more is None else more.units,
        outcome=str(arm.verdict.outcome),
        sentence=arm.verdict.sentence,
    )
