"""Compares the arms of an ablation with their baseline: everything the report needs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from slr_tune.statistics.bootstrap import difference_distribution, resampled_totals
from slr_tune.statistics.components import block_index, unit_totals, variance_components
from slr_tune.statistics.counts import (
    CorpusWer,
    ErrorCounts,
    FloatArray,
    IntArray,
    corpus_wer,
    errors_of,
    words_of,
)
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.mapsswe import Mapsswe, mapsswe
from slr_tune.statistics.multiplicity import holm, holm_levels
from slr_tune.statistics.power import more_runs, smallest_detectable
from slr_tune.statistics.verdict import Verdict, judge

RESAMPLES = 10_000
_FEW_SIGNERS = 5


@dataclass(frozen=True)
class ArmResult:
    """One arm: its WER, and unless it is the baseline, its difference and the verdict."""

    name: str
    wer: CorpusWer
    difference: Difference | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Comparison:
    """All arms of one family against its baseline.

    Attributes:
        baseline: Name of the baseline.
        arms: The arms in the given order, the baseline among them.
        seeds: Seeds of every arm.
        utterances: Utterances that were scored.
        signers: Signers that were resampled as blocks; None where utterances were.
        words: Reference words.
        resamples: Draws of the bootstrap.
        limits: Sentences on what the intervals do not cover, for the report. May be empty.
    """

    baseline: str
    arms: tuple[ArmResult, ...]
    seeds: int
    utterances: int
    signers: int | None
    words: int
    resamples: int
    limits: tuple[str, ...]

    def __getitem__(self, name: str) -> ArmResult:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)


def compare(
    arms: Mapping[str, ErrorCounts | npt.ArrayLike],
    words: Sequence[int] | IntArray,
    *,
    baseline: str,
    signers: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compares every arm with the baseline, as one family.

    Args:
        arms: Error counts by arm, (seeds, utterances): the same seeds in the same order, and the
            same utterances, in every arm.
        words: Reference words of each utterance, (utterances,).
        baseline: Name of the arm the others are compared with.
        signers: Signer of each utterance, (utterances,), where known: then whole signers are
            resampled. One signer alone cannot be; utterances are then, and `limits` says so.
        resamples: Draws of the bootstrap, from 100.
        seed: Of the bootstrap: the same input gives the same output.

    Returns:
        Word error rates, differences with intervals, tests and verdicts.

    Raises:
        ValueError: There is no such baseline, shapes differ between arms, counts are negative,
            there are fewer than two utterances with words, or too few resamples.
    """
    errors = {name: errors_of(counts) for name, counts in arms.items()}
    shape = _common_shape(errors, baseline)
    if resamples < 100:
        raise ValueError(f"{resamples} resamples: an interval needs at least 100")
    lengths = words_of(words, shape[1])
    if np.count_nonzero(lengths) < 2:
        raise ValueError("a comparison needs at least two utterances with reference words")
    blocks = None if signers is None else block_index(signers, shape[1])
    number = None if blocks is None else int(blocks.max()) + 1
    limits = _limits(shape[0], number)
    if number == 1:
        blocks = number = None
    found = _differences(errors, lengths, blocks, baseline=baseline, draws=(resamples, seed))
    differences = _with_family(found)
    family = sum(not difference.identical for difference in differences.values())
    unit = "utterances" if blocks is None else "signers"
    verdicts = {
        name: judge(name, baseline, difference, family=family, unit=unit)
        for name, difference in differences.items()
    }
    results = [
        ArmResult(name, corpus_wer(counts, lengths), differences.get(name), verdicts.get(name))
        for name, counts in arms.items()
    ]
    total = int(lengths.sum())
    return Comparison(baseline, tuple(results), *shape, number, total, resamples, limits)


def _common_shape(errors: Mapping[str, IntArray], baseline: str) -> tuple[int, int]:
    """Seeds and utterances, the same in all arms."""
    if baseline not in errors:
        raise ValueError(f"no arm is called {baseline!r}; there are {', '.join(map(repr, errors))}")
    shape = errors[baseline].shape
    for name, array in errors.items():
        if array.shape != shape:
            raise ValueError(
                f"arm {name!r} has (seeds, utterances) {array.shape}, the baseline has {shape}; "
                "compare the seeds that all arms have"
            )
    return shape[0], shape[1]


def _differences(
    errors: Mapping[str, IntArray],
    words: IntArray,
    blocks: IntArray | None,
    *,
    baseline: str,
    draws: tuple[int, int],
) -> dict[str, Difference]:
    """Every arm alone against the baseline, all from the same resamples (number, seed)."""
    others = [name for name in errors if name != baseline]
    per_unit = [unit_totals(errors[name] - errors[baseline], blocks) for name in others]
    unit_words = unit_totals(words, blocks)
    columns = np.column_stack([*(values.mean(axis=0) for values in per_unit), unit_words])
    resamples, seed = draws
    drawn = resampled_totals(columns, resamples=resamples, seed=seed)
    found = {}
    for column, (name, values) in enumerate(zip(others, per_unit, strict=True)):
        totals = (drawn[:, column], drawn[:, -1])
        pairs = zip(errors[name], errors[baseline], strict=True)
        tests = tuple(mapsswe(ours, theirs) for ours, theirs in pairs)
        found[name] = _difference(values, unit_words, totals, tests, seed=seed)
    return found


def _difference(
    values: FloatArray,
    words: FloatArray,
    totals: tuple[FloatArray, FloatArray],
    tests: tuple[Mapsswe, ...],
    *,
    seed: int,
) -> Difference:
    """One arm: `values` (seeds, units), with resampled errors and words, (resamples,) each."""
    per_seed = 100.0 * values.sum(axis=1) / words.sum()
    points = float(100.0 * values.sum() / (len(values) * words.sum()))  # exactly 0 where tied
    components = variance_components(values, words)
    distribution = difference_distribution(
        points, components, errors=totals[0], words=totals[1], seed=seed
    )
    low, high = distribution.interval()
    p_value = distribution.p_value()
    return Difference(
        points=points,
        low=low,
        high=high,
        per_seed=tuple(per_seed.tolist()),
        p_value=p_value,
        holm_p=p_value,
        probability_of_improvement=distribution.probability_of_improvement(),
        mapsswe=tests,
        components=components,
        identical=not values.any(),
    )


def _with_family(alone: Mapping[str, Difference]) -> dict[str, Difference]:
    """Adds what depends on the other arms. An identical arm is no test, and costs them nothing."""
    family = dict(alone)
    tested = [name for name, difference in alone.items() if not difference.identical]
    p_values = [alone[name].p_value for name in tested]
    corrected = zip(tested, holm(p_values), holm_levels(p_values), strict=True)
    for name, holm_p, level in corrected:
        difference = alone[name]
        components = difference.components
        family[name] = replace(
            difference,
            holm_p=holm_p,
            smallest_detectable=smallest_detectable(components, alpha=level),
            more=more_runs(difference.points, components, alpha=level),
        )
    return family


def _limits(seeds: int, signers: int | None) -> tuple[str, ...]:
    """What the intervals do not cover, in sentences."""
    found = []
    if seeds == 1:
        found.append(
            "One seed: the intervals hold for these runs on other utterances; "
            "how much another seed would change is not known."
        )
    if seeds == 2:
        found.append("Two seeds: the spread of seeds is hardly known, and the intervals are wide.")
    if signers == 1:
        found.append("One signer: the intervals say nothing about other signers.")
    elif signers is not None and signers < _FEW_SIGNERS:
        found.append(
            f"{signers} signers: the spread between signers is hardly known, "
            "and the intervals are wide."
        )
    return tuple(found)
