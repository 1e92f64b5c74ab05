"""The comparison of arms whose runs tell nothing but a number: over the seeds alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scipy.special import stdtr, stdtrit

from slr_tune.ablation.result import ArmRow, ResultTable
from slr_tune.errors import RunFailed
from slr_tune.statistics import Outcome, Verdict, holm, overall, p_text
from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.power import more_runs, smallest_detectable

_LEVEL = 0.05
_ROUNDING = 1e-9
"""A spread below this share of the values comes from the last digits of the numbers alone."""
_LIMIT = (
    "The run tells no errors of single utterances, so the intervals come from the seeds alone "
    "(paired t): they say what other seeds would give on the same data, not what other data would."
)


def metric_table(
    values: Mapping[str, Sequence[float]],
    *,
    role: str,
    baseline: str,
    title: str,
    metric: str,
    minimize: bool,
) -> ResultTable:
    """Compares every arm with the baseline by a paired t test over the seeds.

    Where all seeds differ by the same there is no test: a metric of whole numbers does so by
    chance, and the test would take no spread for certainty.

    Args:
        values: By arm, the metric of each seed, the same seeds in the same order.
        role: What the table is for.
        baseline: Name of the arm the others are compared with.
        title: What is compared.
        metric: Its name.
        minimize: Whether smaller values are better.

    Raises:
        RunFailed: A run has no value.
    """
    for name, numbers in values.items():
        if not all(map(math.isfinite, numbers)):
            raise RunFailed(
                f"{name}: a run never had a finite {metric}, so it cannot be compared",
                hint="Leave the level out, or give one that trains.",
            )
    rows = [
        _row(name, numbers, None if name == baseline else values[baseline])
        for name, numbers in values.items()
    ]
    judged = _judged(rows, baseline, metric=metric, minimize=minimize)
    seeds = len(values[baseline])
    return ResultTable(
        role=role,
        title=title,
        split="dev",
        baseline=baseline,
        rows=tuple(judged),
        verdict=_overall(judged, baseline),
        seeds=seeds,
        utterances=None,
        words=None,
        signers=None,
        resamples=None,
        limits=(_LIMIT,),
        measure=metric,
        minimize=minimize,
    )


def _row(name: str, numbers: Sequence[float], own: Sequence[float] | None) -> ArmRow:
    row = ArmRow(name, tuple(numbers), statistics.mean(numbers))
    if own is None:
        return row
    differences = [a - b for a, b in zip(numbers, own, strict=True)]
    count, mean = len(differences), statistics.mean(differences)
    row = replace(row, difference=mean, difference_per_seed=tuple(differences))
    if not any(differences):
        return replace(row, low=0.0, high=0.0, p_value=1.0) if count > 1 else row
    if count == 1 or _equal(differences, largest=max(map(abs, (*numbers, *own)))):
        return row
    error = statistics.stdev(differences) / math.sqrt(count)
    reach = error * float(stdtrit(count - 1, 1 - _LEVEL / 2))
    better = float(stdtr(count - 1, -mean / error))
    components = VarianceComponents(error**2, 0.0, count, count, float(count))
    return replace(
        row,
        low=mean - reach,
        high=mean + reach,
        p_value=2 * min(better, 1 - better),
        probability_of_improvement=better,
        smallest_detectable=smallest_detectable(components),
    )


def _equal(differences: Sequence[float], *, largest: float) -> bool:
    """Whether they are one number, as far as the digits of the values tell."""
    return max(differences) - min(differences) <= _ROUNDING * largest


def _judged(rows: Sequence[ArmRow], baseline: str, *, metric: str, minimize: bool) -> list[ArmRow]:
    """Holm over the arms that differ, and the verdicts."""
    tested = [row for row in rows if row.p_value is not None and any(row.difference_per_seed)]
    corrected = holm([row.p_value or 0.0 for row in tested])
    by_name = dict(zip([row.name for row in tested], corrected, strict=True))
    return [
        row
        if row.difference is None
        else _verdict(row, by_name.get(row.name), baseline, metric=metric, minimize=minimize)
        for row in rows
    ]


def _verdict(
    row: ArmRow, holm_p: float | None, baseline: str, *, metric: str, minimize: bool
) -> ArmRow:
    difference = row.difference
    assert difference is not None
    pair, seeds = f"{row.name} against {baseline}", len(row.per_seed)
    if not minimize and row.probability_of_improvement is not None:
        row = replace(row, probability_of_improvement=1 - row.probability_of_improvement)
    if not any(row.difference_per_seed):
        outcome, sentence = Outcome.IDENTICAL, f"Identical: {pair}: the runs have equal values."
    elif seeds == 1:
        outcome = Outcome.ONE_SEED
        sentence = f"Not shown: {pair}: {difference:+.3g} in {metric}, one seed."
    elif holm_p is None or row.low is None or row.high is None:
        outcome = Outcome.NOT_SHOWN
        sentence = (
            f"Not shown: {pair}: {difference:+.3g} in {metric} in each of {seeds} seeds. They do "
            "not spread, so there is no telling how far other seeds would."
        )
    else:
        shown = holm_p < _LEVEL and (row.low > 0 or row.high < 0)
        good = (difference < 0) == minimize
        outcome = (Outcome.BETTER if good else Outcome.WORSE) if shown else Outcome.NOT_SHOWN
        sentence = (
            f"{outcome.capitalize()}: {pair}: {difference:+.3g} in {metric} "
            f"[{row.low:+.3g}, {row.high:+.3g}], {seeds} seeds, Holm p {p_text(holm_p)}."
        )
        row = row if shown else _with_more(row)
        if row.more_seeds is not None:
            sentence += f" About {row.more_seeds} more seeds would settle such a difference."
    return replace(row, holm_p=holm_p, outcome=str(outcome), sentence=sentence)


def _with_more(row: ArmRow) -> ArmRow:
    spread = statistics.variance(row.difference_per_seed) / len(row.per_seed)
    components = VarianceComponents(
        spread, 0.0, len(row.per_seed), len(row.per_seed), float(len(row.per_seed))
    )
    more = more_runs(row.difference or 0.0, components)
    return row if more is None else replace(row, more_seeds=more.seeds)


def _overall(rows: Sequence[ArmRow], baseline: str) -> str:
    others = [row for row in rows if row.difference is not None]
    if len(others) == 1:
        return others[0].sentence
    if not others:
        return "There is nothing to compare."
    return overall(
        baseline, {row.name: Verdict(Outcome(row.outcome), row.sentence) for row in others}
    )
