"""Compares the arms of an ablation with their baseline: everything the report needs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from slr_tune.statistics.collapse import Collapses, collapsed_runs, fisher
from slr_tune.statistics.components import block_index
from slr_tune.statistics.counts import (
    CorpusWer,
    ErrorCounts,
    IntArray,
    corpus_wer,
    errors_of,
    words_of,
)
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.family import Contrast, alone, with_family
from slr_tune.statistics.moderation import scattering
from slr_tune.statistics.shares import variance_shares
from slr_tune.statistics.verdict import Verdict, judge

RESAMPLES = 10_000
ENOUGH_SEEDS = 5
"""With so many the test holds in every setting that was simulated."""
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
        shares: Of the variance of a difference, by source; see `shares`.
        family: Comparisons that were corrected for together.
    """

    baseline: str
    arms: tuple[ArmResult, ...]
    seeds: int
    utterances: int
    signers: int | None
    words: int
    resamples: int
    limits: tuple[str, ...]
    shares: Mapping[str, float] = field(default_factory=dict)
    family: int = 0

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
    margin: float | None = None,
    collapses: bool | Mapping[str, Sequence[bool]] = False,
    teachers: int = 1,
    orders: int = 1,
    unequal: bool = False,
    judged: Mapping[str, Difference] | None = None,
    family: int | None = None,
    others: Sequence[float] = (),
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
        margin: Points of WER within which two arms count as the same; None not to ask.
        collapses: Whether runs that collapsed are set aside, see `collapse`; or which did, by arm.
        teachers: Teachers that taught the runs, one after another with as many seeds each; then
            teachers are what is replicated.
        orders: Orders of the training data of each seed, one after another; the mean over them is
            what a seed says.
        unequal: Whether arms may have only the first of the baseline's seeds.
        judged: Differences of these arms that were corrected already, as part of another family.
        family: Comparisons of that family.
        others: p-values of comparisons made elsewhere that share the error budget.

    Returns:
        Word error rates, differences with intervals, tests and verdicts.

    Raises:
        ValueError: There is no such baseline, shapes differ between arms, counts are negative,
            there are fewer than two utterances with words, or too few resamples.
    """
    errors = {name: errors_of(counts) for name, counts in arms.items()}
    shape = _common_shape(errors, baseline, unequal=unequal)
    if resamples < 100:
        raise ValueError(f"{resamples} resamples: an interval needs at least 100")
    lengths = words_of(words, shape[1])
    if np.count_nonzero(lengths) < 2:
        raise ValueError("a comparison needs at least two utterances with reference words")
    blocks, number = _blocks(signers, shape[1])
    replicates = shape[0] // orders if teachers == 1 else teachers
    limits = [*_limits(replicates, number), *_scatter(errors, lengths)]
    if number == 1:
        number = None
    differences = judged
    if differences is None:
        flags = collapses if isinstance(collapses, Mapping) else None
        flags = collapsed_runs(_wer(errors, lengths)) if collapses is True else flags
        contrasts = contrasts_with(errors, baseline, flags=flags, teachers=teachers, orders=orders)
        found = alone(contrasts, lengths, blocks, resamples=resamples, seed=seed)
        differences = with_family(found, others=others, margin=margin)
    if family is None:
        family = sum(not one.identical for one in differences.values()) + len(others)
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
    return Comparison(
        baseline,
        tuple(results),
        *shape,
        number,
        total,
        resamples,
        tuple(limits),
        shares=variance_shares(differences.values(), unit=unit),
        family=family,
    )


def _blocks(
    signers: Sequence[Hashable] | None, utterances: int
) -> tuple[IntArray | None, int | None]:
    """Numbered signers, None where they cannot be resampled; and how many there are."""
    if signers is None:
        return None, None
    blocks = block_index(signers, utterances)
    number = int(blocks.max()) + 1
    return (None if number == 1 else blocks), number


def contrasts_with(
    errors: Mapping[str, IntArray],
    baseline: str,
    *,
    flags: Mapping[str, Sequence[bool]] | None = None,
    teachers: int = 1,
    orders: int = 1,
) -> dict[str, Contrast]:
    """Every arm against the baseline, on the seeds that both have.

    Args:
        errors: By arm, (seeds, utterances).
        baseline: Name of the arm the others are compared with.
        flags: Runs that collapsed, by arm; None if unchecked.
        teachers: As in `compare`.
        orders: As in `compare`.
    """
    found = {}
    for name in errors:
        if name == baseline:
            continue
        ours, theirs = errors[name], errors[baseline][: len(errors[name])]
        trained = gone = None
        if flags is not None:
            first, second = (np.array(flags[n][: len(ours)]) for n in (name, baseline))
            fallen = int(first.sum()), int(second.sum())
            gone = Collapses(*fallen, len(ours), fisher(*fallen, len(ours)))
            trained = ~(first | second)
        found[name] = Contrast(ours, theirs, trained, gone, teachers, orders=orders)
    return found


def _wer(errors: Mapping[str, IntArray], words: IntArray) -> dict[str, list[float]]:
    total = words.sum()
    return {name: (100.0 * runs.sum(axis=1) / total).tolist() for name, runs in errors.items()}


def _common_shape(
    errors: Mapping[str, IntArray], baseline: str, *, unequal: bool
) -> tuple[int, int]:
    """Seeds and utterances of the baseline, the same in all arms."""
    if baseline not in errors:
        raise ValueError(f"no arm is called {baseline!r}; there are {', '.join(map(repr, errors))}")
    shape = errors[baseline].shape
    for name, array in errors.items():
        seeds = (shape[0],) if not unequal else range(1, shape[0] + 1)
        if array.shape[1] != shape[1] or len(array) not in seeds:
            raise ValueError(
                f"arm {name!r} has (seeds, utterances) {array.shape}, the baseline has {shape}; "
                "compare the seeds that all arms have"
            )
    return shape[0], shape[1]


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


def _scatter(errors: Mapping[str, IntArray], words: IntArray) -> list[str]:
    """A warning where one arm's runs, or the baseline's, scatter far more than the others'."""
    wer = {
        name: [value for value, gone in zip(values, fallen, strict=True) if not gone]
        for (name, values), fallen in zip(
            _wer(errors, words).items(), collapsed_runs(_wer(errors, words)).values(), strict=True
        )
        if len(values) > 1
    }
    wer = {name: values for name, values in wer.items() if len(values) > 1}
    variances = [float(np.var(values, ddof=1)) for values in wer.values()]
    found: list[str] = []
    flags = scattering(variances, [len(values) for values in wer.values()])
    for name, variance, far in zip(wer, variances, flags, strict=True):
        if not far:
            continue
        others = [v for other, v in zip(wer, variances, strict=True) if other != name]
        few = len(wer[name]) < ENOUGH_SEEDS
        found.append(
            f"The runs of {name} scatter far more over the seeds than the others (standard "
            f"deviation {variance**0.5:.1f} against {np.mean(others) ** 0.5:.1f} points). "
            + (
                f"With {len(wer[name])} seeds such a family errs in up to 8 studies of "
                f"100, not 5: run {ENOUGH_SEEDS} seeds."
                if few
                else "Look at its learning curves; the test holds with so many seeds."
            )
        )
    return found
