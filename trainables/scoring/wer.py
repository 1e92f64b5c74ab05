"""Word error rate: substitutions, deletions and insertions per gloss of the references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray

Sentence = Sequence[str]
_COLUMNS = {"substitute": 0, "delete": 1, "insert": 2}


@dataclass(frozen=True)
class WerResult:
    """Errors of a corpus.

    Attributes:
        substitutions: Glosses of the references that were recognised as another.
        deletions: Glosses of the references that were not recognised.
        insertions: Recognised glosses that no reference has.
        words: Glosses of all references.
    """

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def wer_percent(self) -> float:
        """Errors per hundred reference glosses; above 100 where much is inserted."""
        return 100.0 * self.errors / self.words


def corpus_wer(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> WerResult:
    """Counts the errors of all utterances together.

    Args:
        hypotheses: Recognised glosses of each utterance; an empty one counts as deletions.
        references: Glosses that were signed, in the same order; an empty one can only have
            insertions.

    Raises:
        ValueError: The two differ in number, or no reference contains a gloss.
    """
    substitutions, deletions, insertions, words = (
        int(count) for count in utterance_errors(hypotheses, references).sum(axis=0)
    )
    if words == 0:
        raise ValueError(f"no gloss in {len(references)} references: the WER is not defined")
    return WerResult(substitutions, deletions, insertions, words)


def utterance_errors(
    hypotheses: Sequence[Sentence], references: Sequence[Sentence]
) -> NDArray[np.int64]:
    """Counts the errors of each utterance, for tests over utterances.

    Several alignments can share the smallest number of errors and differ in its split; the split
    is jiwer's.

    Args:
        hypotheses: Recognised glosses of each utterance.
        references: Glosses that were signed, in the same order.

    Returns:
        int64 (N, 4): substitutions, deletions, insertions, words of the reference.

    Raises:
        ValueError: The two differ in number.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"got {len(hypotheses)} hypotheses for {len(references)} references")
    counts = np.zeros((len(references), 4), dtype=np.int64)
    chunks_of = aligned_chunks(hypotheses, references)
    for row, chunks, reference in zip(counts, chunks_of, references, strict=True):
        for chunk in chunks:
            if chunk.type in _COLUMNS:
                in_reference = chunk.ref_end_idx - chunk.ref_start_idx
                in_hypothesis = chunk.hyp_end_idx - chunk.hyp_start_idx
                row[_COLUMNS[chunk.type]] += max(in_reference, in_hypothesis)
        row[3] = len(reference)
    return counts


def aligned_chunks(
    hypotheses: Sequence[Sentence], references: Sequence[Sentence]
) -> list[list[jiwer.AlignmentChunk]]:
    """Runs of equal, substituted, deleted and inserted words of each utterance, least errors."""
    # jiwer would split sentences at spaces: handed over as words, a gloss stays what it is.
    found: list[list[jiwer.AlignmentChunk]] = jiwer.process_words(
        references, hypotheses, reference_transform=_words, hypothesis_transform=_words
    ).alignments
    return found


def _words(sentences: Sequence[Sentence]) -> list[list[str]]:
    return [list(sentence) for sentence in sentences]
