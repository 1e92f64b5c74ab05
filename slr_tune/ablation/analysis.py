"""From errors to tables: the statistics of one family of arms, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from slr_tune.ablation.result import INTERACTION, ArmRow, ResultTable, number
from slr_tune.ablation.statistics import (
    ArmResult,
    Comparison,
    ErrorCounts,
    compare,
    holm,
    overall,
    signed_points,
)

Counts = Mapping[str, Sequence[NDArray[np.int64]]]
"""By arm, for each seed int64 (utterances, 4): substitutions, deletions, insertions, words."""


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


def interaction_table(
    counts: Counts,
    cells: Mapping[tuple[str, str], str],
    *,
    own: tuple[str, str],
    split: str,
    signers: Sequence[str] | None,
) -> ResultTable | None:
    """Whether the effect of one factor depends on the level of the other.

    The interaction of levels a and b is (ab - b) - (a - baseline): the effect of a in the company
    of b less its effect alone. As errors it is (ab + baseline) - (a + b), so that the same
    statistics hold.

    Args:
        counts: Errors of all cells of the crossing.
        cells: Name of the arm by its two levels.
        own: The baseline's two levels.
        split: They were counted on.
        signers: Of each utterance, where known.

    Returns:
        One row for each pair of levels; None where there is none.
    """
    firsts = [a for a in dict.fromkeys(a for a, _ in cells) if a != own[0]]
    seconds = [b for b in dict.fromkeys(b for _, b in cells) if b != own[1]]
    words = next(iter(counts.values()))[0][:, 3]
    found: list[ArmRow] = []
    limits: tuple[str, ...] = ()
    family: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for a in firsts:
        for b in seconds:
            names = [(a, b), own, (a, own[1]), (own[0], b)]
            if all(name in cells for name in names):
                both, base, first, second = (_totals(counts[cells[name]]) for name in names)
                family[f"{a} with {b}"] = (both + base, first + second)
    if not family:
        return None
    last: Comparison | None = None
    for name, (with_both, apart) in family.items():
        last = compare({"apart": apart, name: with_both}, words, baseline="apart", signers=signers)
        found.append(_row(last[name]))
        limits = last.limits
    assert last is not None
    rows = _holm(found)
    shown = [row.name for row in rows if row.holm_p is not None and row.holm_p < 0.05]
    verdict = (
        f"The effects depend on each other, shown for: {', '.join(shown)}."
        if shown
        else "Not shown: that the effect of one factor depends on the level of the other."
    )
    return ResultTable(
        role=INTERACTION,
        title="Interaction: effect together, less the effects apart",
        split=split,
        baseline="no interaction",
        rows=tuple(rows),
        verdict=verdict,
        seeds=last.seeds,
        utterances=last.utterances,
        words=last.words,
        signers=last.signers,
        resamples=last.resamples,
        limits=limits,
    )


def _holm(rows: Sequence[ArmRow]) -> list[ArmRow]:
    """Corrects over all pairs of levels, and says each verdict anew."""
    corrected = holm([row.p_value if row.p_value is not None else 1.0 for row in rows])
    result = []
    for row, p_value in zip(rows, corrected, strict=True):
        assert row.difference is not None and row.low is not None and row.high is not None
        shown = p_value < 0.05 and (row.low > 0 or row.high < 0)
        interval = f"[{signed_points(row.low)}, {signed_points(row.high)}]"
        text = f"{row.name}: {signed_points(row.difference)} points {interval} more than apart"
        outcome = "shown" if shown else "not shown"
        result.append(
            replace(
                row,
                holm_p=p_value,
                outcome=outcome,
                sentence=f"{outcome.capitalize()}: {text}.",
                per_seed=(),
                substitutions=None,
                deletions=None,
                insertions=None,
            )
        )
    return result


def _error_counts(runs: Sequence[NDArray[np.int64]]) -> ErrorCounts:
    stacked = np.stack(runs)  # [seeds, utterances, 4]
    return ErrorCounts(stacked[:, :, 0], stacked[:, :, 1], stacked[:, :, 2])


def _totals(runs: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    totals: NDArray[np.int64] = np.stack(runs)[:, :, :3].sum(axis=2)
    return totals


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
