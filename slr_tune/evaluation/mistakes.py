"""Which glosses are confused, and which utterances go wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from trainables.scoring.alignment import Edit, align_by_least_errors, count_errors


@dataclass(frozen=True)
class Mistakes:
    """The errors of a split, the most frequent first.

    Attributes:
        confusions: (reference, hypothesis, times).
        deleted: (reference, times).
        inserted: (hypothesis, times).
        worst: (utterance's number, its alignment), most errors first, longest first among equals.
    """

    confusions: tuple[tuple[str, str, int], ...]
    deleted: tuple[tuple[str, int], ...]
    inserted: tuple[tuple[str, int], ...]
    worst: tuple[tuple[int, tuple[Edit, ...]], ...]


def find_mistakes(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[str]], *, most: int
) -> Mistakes:
    """Aligns every utterance and counts.

    Args:
        hypotheses: Recognised glosses of each utterance.
        references: Signed glosses.
        most: Entries of each list.
    """
    confused: Counter[tuple[str, str]] = Counter()
    deleted: Counter[str] = Counter()
    inserted: Counter[str] = Counter()
    aligned: list[tuple[int, tuple[Edit, ...]]] = []
    for number, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        edits = tuple(align_by_least_errors(hypothesis, reference))
        for edit in edits:
            if edit.reference is None and edit.hypothesis is not None:
                inserted[edit.hypothesis] += 1
            elif edit.hypothesis is None and edit.reference is not None:
                deleted[edit.reference] += 1
            elif edit.operation == "substitute":
                assert edit.reference is not None and edit.hypothesis is not None
                confused[edit.reference, edit.hypothesis] += 1
        aligned.append((number, edits))
    aligned.sort(key=lambda item: (-count_errors(item[1]).errors, -len(item[1]), item[0]))
    return Mistakes(
        tuple((one, other, times) for (one, other), times in confused.most_common(most)),
        tuple(deleted.most_common(most)),
        tuple(inserted.most_common(most)),
        tuple(item for item in aligned[:most] if count_errors(item[1]).errors),
    )
