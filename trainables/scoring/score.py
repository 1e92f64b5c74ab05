"""The errors of a file of hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainables.errors import DataError
from trainables.scoring.alignment import (
    Edit,
    align_by_least_errors,
    align_like_sclite,
    count_errors,
    folded,
)
from trainables.scoring.pairing import Utterance
from trainables.scoring.wer import WerResult, corpus_wer


@dataclass(frozen=True)
class Score:
    """What was counted.

    Attributes:
        utterances: Hypotheses and references.
        alignments: Alignment of each utterance.
        total: Errors of all of them.
        least: Errors that it takes at least; fewer than `total` only where sclite's costs count.
    """

    utterances: tuple[Utterance, ...]
    alignments: tuple[tuple[Edit, ...], ...]
    total: WerResult
    least: WerResult

    @property
    def sentences_with_errors(self) -> int:
        """Utterances that are not recognised word for word."""
        return sum(count_errors(edits).errors > 0 for edits in self.alignments)

    @property
    def empty_hypotheses(self) -> int:
        """Utterances in which nothing was recognised."""
        return sum(not utterance.hypothesis for utterance in self.utterances)


def score(utterances: Sequence[Utterance], *, like_sclite: bool) -> Score:
    """Aligns each utterance and counts.

    Args:
        utterances: At least one with a word in its reference.
        like_sclite: Align by sclite's costs, else by the least number of errors.

    Raises:
        DataError: No reference holds a word: the WER is not defined.
    """
    if not any(utterance.reference for utterance in utterances):
        raise DataError("no reference contains a gloss: the WER is not defined")
    align = align_like_sclite if like_sclite else align_by_least_errors
    alignments = tuple(tuple(align(u.hypothesis, u.reference)) for u in utterances)
    total = count_errors([edit for edits in alignments for edit in edits])
    return Score(tuple(utterances), alignments, total, _least(utterances) if like_sclite else total)


def _least(utterances: Sequence[Utterance]) -> WerResult:
    """The least errors between words that are equal for sclite."""
    hypotheses = [[folded(word) for word in utterance.hypothesis] for utterance in utterances]
    references = [[folded(word) for word in utterance.reference] for utterance in utterances]
    return corpus_wer(hypotheses, references)
