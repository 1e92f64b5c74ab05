"""Error counts of the runs of one arm, and the word error rate they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ErrorCounts:
    """Errors of one arm: one row a seed, one column an utterance.

    Attributes:
        substitutions: Counts (seeds, utterances), not negative.
        deletions: The same shape.
        insertions: The same shape.

    Raises:
        ValueError: Shapes differ, a count is negative, not whole, or there is nothing to count.
    """

    substitutions: IntArray
    deletions: IntArray
    insertions: IntArray

    def __post_init__(self) -> None:
        """Checks shapes and values, and turns what was given into int64 arrays."""
        for kind in ("substitutions", "deletions", "insertions"):
            object.__setattr__(self, kind, counts_of(getattr(self, kind), what=kind, ndim=2))
        shapes = {self.substitutions.shape, self.deletions.shape, self.insertions.shape}
        if len(shapes) != 1:
            raise ValueError(f"substitutions, deletions and insertions differ in shape: {shapes}")

    @classmethod
    def of_runs(cls, runs: npt.ArrayLike) -> ErrorCounts:
        """From the counts of each run, (seeds, utterances, 4) with the words last."""
        stacked = np.asarray(runs)
        return cls(stacked[:, :, 0], stacked[:, :, 1], stacked[:, :, 2])

    @property
    def errors(self) -> IntArray:
        """Errors of all three kinds, (seeds, utterances)."""
        return self.substitutions + self.deletions + self.insertions


@dataclass(frozen=True)
class CorpusWer:
    """Word error rate over a whole corpus, in percent of the reference words.

    Attributes:
        percent: Mean over the seeds. Every seed has the same words, so this is also the pooled WER.
        substitutions: The part of `percent` that is substitutions; None where not counted apart.
        deletions: The part that is deletions, or None.
        insertions: The part that is insertions, or None.
        per_seed: WER of each seed, percent.
        words: Reference words of the corpus.
    """

    percent: float
    substitutions: float | None
    deletions: float | None
    insertions: float | None
    per_seed: tuple[float, ...]
    words: int


def counts_of(values: npt.ArrayLike, *, what: str, ndim: int) -> IntArray:
    """Whole, non-negative counts as int64; ValueError names `what` where they are not."""
    array = np.asarray(values)
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{what} has shape {array.shape}; it needs {ndim} non-empty dimensions")
    counts = array.astype(np.int64)
    if not np.array_equal(counts, array) or counts.min() < 0:
        raise ValueError(f"{what} must be whole numbers from 0")
    return counts


def words_of(words: npt.ArrayLike, utterances: int) -> IntArray:
    """Reference words (utterances,), checked; at least one word in all."""
    counts = counts_of(words, what="words", ndim=1)
    if len(counts) != utterances:
        raise ValueError(f"words has {len(counts)} utterances, the errors have {utterances}")
    if counts.sum() == 0:
        raise ValueError("there is no reference word, so there is no word error rate")
    return counts


def corpus_wer(counts: ErrorCounts | npt.ArrayLike, words: Sequence[int] | IntArray) -> CorpusWer:
    """Word error rate of an arm: all errors over all reference words, never a mean of rates.

    Args:
        counts: Error counts by kind, or errors of all kinds together, (seeds, utterances).
        words: Reference words of each utterance, (utterances,).

    Returns:
        Percent of the reference words, per seed and as the mean of the seeds.

    Raises:
        ValueError: Shapes do not fit, a count is negative, or there is no word.
    """
    errors = errors_of(counts)
    lengths = words_of(words, errors.shape[1])
    total = int(lengths.sum())
    per_seed = 100.0 * errors.sum(axis=1) / total
    parts: dict[str, float | None] = dict.fromkeys(("substitutions", "deletions", "insertions"))
    if isinstance(counts, ErrorCounts):
        runs = total * len(errors)
        parts = {kind: float(100.0 * getattr(counts, kind).sum() / runs) for kind in parts}
    return CorpusWer(
        percent=float(per_seed.mean()), per_seed=tuple(per_seed.tolist()), words=total, **parts
    )


def errors_of(counts: ErrorCounts | npt.ArrayLike) -> IntArray:
    """Errors of all kinds (seeds, utterances), from either form."""
    if isinstance(counts, ErrorCounts):
        return counts.errors
    return counts_of(counts, what="errors", ndim=2)
