"""Alignments of a hypothesis with its reference, by the two rules that are in use.

The word error rate is the least number of substitutions, deletions and insertions that turn the
reference into the hypothesis; jiwer finds it, here and wherever this project reports a WER.

sclite, with which the official figures of PHOENIX and others are made, looks for the least *cost*
instead, where a substitution costs 4 and a deletion or an insertion 3. Between five substitutions
(20) and three deletions with three insertions (18) it takes the latter, and so counts one error
more: A B C D E against D E X Y Z has 5 errors by the definition and 6 by sclite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from trainables.scoring.wer import WerResult, aligned_chunks

Operation = Literal["equal", "substitute", "delete", "insert"]

_SUBSTITUTION = 4
_GAP = 3
_TO_LOWER = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True)
class Edit:
    """One column of an alignment.

    Attributes:
        operation: What happened to the reference's word.
        reference: The word, None where the hypothesis has one more.
        hypothesis: The word, None where it was not recognised.
    """

    operation: Operation
    reference: str | None
    hypothesis: str | None


def align_by_least_errors(hypothesis: Sequence[str], reference: Sequence[str]) -> list[Edit]:
    """Aligns with as few errors as there can be; words are equal only if every letter is."""
    (chunks,) = aligned_chunks([hypothesis], [reference])
    edits: list[Edit] = []
    for chunk in chunks:
        expected = reference[chunk.ref_start_idx : chunk.ref_end_idx]
        found = hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]
        edits += [Edit(chunk.type, *words) for words in zip_longest(expected, found)]
    return edits


def folded(word: str) -> str:
    """A word as sclite compares it: A to Z in lower case, other letters as they are."""
    return word.translate(_TO_LOWER)


def align_like_sclite(hypothesis: Sequence[str], reference: Sequence[str]) -> list[Edit]:
    """Aligns as sclite does by default: with its costs, its ties, and A-Z equal to a-z."""
    costs = _sclite_costs(hypothesis, reference)
    edits: list[Edit] = []
    r, h = len(reference), len(hypothesis)
    while r or h:
        substituting, deleting, inserting = _sclite_steps(costs, hypothesis, reference, r, h)
        if substituting <= min(deleting, inserting):
            r, h = r - 1, h - 1
            same = folded(reference[r]) == folded(hypothesis[h])
            edits.append(Edit("equal" if same else "substitute", reference[r], hypothesis[h]))
        elif deleting < inserting:
            r -= 1
            edits.append(Edit("delete", reference[r], None))
        else:
            h -= 1
            edits.append(Edit("insert", None, hypothesis[h]))
    return edits[::-1]


def count_errors(edits: Sequence[Edit]) -> WerResult:
    """Counts the errors of an alignment, or of several put together."""
    counts = Counter(edit.operation for edit in edits)
    return WerResult(
        substitutions=counts["substitute"],
        deletions=counts["delete"],
        insertions=counts["insert"],
        words=counts["equal"] + counts["substitute"] + counts["delete"],
    )


def _sclite_costs(hypothesis: Sequence[str], reference: Sequence[str]) -> list[list[float]]:
    """Least cost of every beginning of the reference against every one of the hypothesis."""
    costs: list[list[float]] = []
    for r in range(len(reference) + 1):
        costs.append([])
        for h in range(len(hypothesis) + 1):
            steps = _sclite_steps(costs, hypothesis, reference, r, h)
            costs[r].append(min(steps) if r or h else 0.0)
    return costs


def _sclite_steps(
    costs: list[list[float]], hypothesis: Sequence[str], reference: Sequence[str], r: int, h: int
) -> tuple[float, float, float]:
    """Costs of coming to (r, h) by a substitution or a hit, by a deletion, by an insertion."""
    never = float("inf")
    substituting = never
    if r and h:
        same = folded(reference[r - 1]) == folded(hypothesis[h - 1])
        substituting = costs[r - 1][h - 1] + (0 if same else _SUBSTITUTION)
    deleting = costs[r - 1][h] + _GAP if r else never
    inserting = costs[r][h - 1] + _GAP if h else never
    return substituting, deleting, inserting
