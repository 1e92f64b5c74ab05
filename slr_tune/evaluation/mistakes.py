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
    wrong: Counter[tuple[str | None, str | None]] = Counter()
    aligned: list[tuple[int, tuple[Edit, ...]]] = []
    for number, (hypothesis, reference) in enumerate(zip(hypotheses, references, strict=True)):
        edits = tuple(align_by_least_errors(hypothesis, reference))
        wrong.update((e.reference, e.hypothesis) for e in edits if e.operation != "equal")
        aligned.append((number, edits))
    aligned.sort(key=lambda item: (-count_errors(item[1]).errors, -len(item[1]), item[0]))
    found = [(reference, other, times) for (reference, other), times in wrong.most_common()]
    confused = [(r, h, times) for r, h, times in found if r is not None and h is not None]
    deleted = [(r, times) for r, h, times in found if r is not None and h is None]
    inserted = [(h, times) for r, h, times in found if r is None and h is not None]
    return Mistakes(
        tuple(confused[:most]),
        tuple(deleted[:most]),
        tuple(inserted[:most]),
        tuple(item for item in aligned[:most] if count_errors(item[1]).errors),
    )
