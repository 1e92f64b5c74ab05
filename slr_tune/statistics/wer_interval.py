"""How far a WER, and a difference of two, may lie from what other utterances would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slr_tune.statistics import Difference, ErrorCounts, compare
from slr_tune.statistics.bootstrap import difference_distribution, resampled_totals
from slr_tune.statistics.components import block_index, unit_totals, variance_components

_RESAMPLES = 10_000
Counts = NDArray[np.int64]
"""(N, 4): substitutions, deletions, insertions, words of each utterance."""


@dataclass(frozen=True)
class Wer:
    """A corpus WER with its 95 % interval, percent.

    Attributes:
        percent: Errors per hundred words.
        low: Lower end.
        high: Upper end.
        substitutions: Count.
        deletions: Count.
        insertions: Count.
        words: Of the references.
    """

    percent: float
    low: float
    high: float
    substitutions: int
    deletions: int
    insertions: int
    words: int

    def text(self) -> str:
        """For a table: `18.33 [16.20, 20.55]`."""
        return f"{self.percent:.2f} [{self.low:.2f}, {self.high:.2f}]"


def percent(counts: Counts) -> float:
    """The corpus WER of a split, percent."""
    return float(100 * counts[:, :3].sum() / counts[:, 3].sum())


def wer_with_interval(counts: Counts, signers: Sequence[str] | None) -> Wer:
    """The WER of a split with the interval of this package, of utterances, or signers where known.

    A plain bootstrap of few signers is too narrow: its ends cover the truth in about 73 % of
    splits with three signers and 88 % with nine (`benchmarks/signers.py`). Here the draws are as
    wide as the jackknife says and have the tails of a t distribution, as `bootstrap` describes.

    Args:
        counts: int64 (N, 4).
        signers: Signer of each utterance, None where they are not known.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", ICASSP.
    """
    blocks = None if signers is None else block_index(signers, len(counts))
    if blocks is not None and blocks.max() == 0:
        blocks = None  # one signer cannot be drawn again
    errors = unit_totals(counts[:, :3].sum(axis=1), blocks)
    words = unit_totals(counts[:, 3], blocks)
    found = percent(counts)
    substitutions, deletions, insertions, total = (int(value) for value in counts.sum(axis=0))
    kinds = (substitutions, deletions, insertions, total)
    if np.count_nonzero(words) < 2:
        return Wer(found, found, found, *kinds)  # one alone shows nothing about others
    drawn = resampled_totals(np.column_stack([errors, words]), resamples=_RESAMPLES, seed=0)
    low, high = difference_distribution(
        found,
        variance_components(errors[None], words),
        errors=drawn[:, 0],
        words=drawn[:, 1],
        seed=0,
    ).interval()
    return Wer(found, max(low, 0.0), high, *kinds)


def drawn_units(signers: Sequence[str] | None) -> str:
    """What the bootstrap draws, in words: utterances, or signers where there are several."""
    number = 0 if signers is None else len(set(signers))
    return f"signers ({number} here)" if number > 1 else "utterances"


def paired_difference(
    counts: Counts, baseline: Counts, signers: Sequence[str] | None
) -> Difference | None:
    """WER of one system minus that of another on the same utterances, with interval and tests.

    None where fewer than two utterances have words: one alone shows nothing about others.
    """
    if np.count_nonzero(baseline[:, 3]) < 2:
        return None
    found = compare(
        {"baseline": ErrorCounts.of_runs([baseline]), "system": ErrorCounts.of_runs([counts])},
        baseline[:, 3],
        baseline="baseline",
        signers=signers,
    )["system"].difference
    assert found is not None  # only the baseline has none
    return found
