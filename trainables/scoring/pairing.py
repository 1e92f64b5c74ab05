"""Puts each hypothesis beside its reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainables.errors import DataError
from trainables.scoring.phoenix import clean_hypothesis, clean_sentence
from trainables.scoring.readers import (
    Glosses,
    Recording,
    Segment,
    TimedWord,
    format_of,
    read_csv,
    read_ctm,
    read_stm,
    read_text,
    refuse_unreadable,
)

_NAMED_IN_MESSAGES = 3


@dataclass(frozen=True)
class Utterance:
    """What is aligned as one.

    Attributes:
        id: Name in the references; the line's number in plain text.
        hypothesis: Recognised glosses.
        reference: Signed glosses.
    """

    id: str
    hypothesis: Glosses
    reference: Glosses


def counted_like_sclite(reference: Path, *, phoenix: bool) -> bool:
    """Whether the figures are to be sclite's: for STM references and for PHOENIX."""
    return phoenix or format_of(reference) == "stm"


def read_pairs(hypothesis: Path, reference: Path, *, phoenix: bool = False) -> list[Utterance]:
    """Reads two files and pairs what they hold, in the order of the references.

    A CTM file has no line for an utterance in which nothing was recognised: one that it leaves out
    is an empty hypothesis. In every other format each id or line must be there.

    Args:
        hypothesis: Recognised glosses; their format follows from the suffix, see `readers`.
        reference: Signed glosses.
        phoenix: Clean as the official evaluation of PHOENIX-2014 does: the hypotheses token by
            token, references as sentences. STM references are clean and stay as they are.

    Raises:
        DataError: A file cannot be read, or an utterance is missing from one of the two.
    """
    for path in (hypothesis, reference):
        refuse_unreadable(path)
    if format_of(hypothesis) == "ctm" and format_of(reference) == "stm":
        pairs = _by_time(hypothesis, reference)
    elif "text" in (format_of(hypothesis), format_of(reference)):
        pairs = _by_line(hypothesis, reference)
    else:
        pairs = _by_id(hypothesis, reference)
    if not pairs:
        raise DataError(f"{reference}: holds no reference to score against")
    if phoenix:
        clean = format_of(reference) == "stm"
        pairs = [
            replace(
                pair,
                hypothesis=clean_hypothesis(pair.hypothesis),
                reference=pair.reference if clean else clean_sentence(pair.reference),
            )
            for pair in pairs
        ]
    return pairs


def _by_line(hypothesis: Path, reference: Path) -> list[Utterance]:
    for path, other in ((hypothesis, reference), (reference, hypothesis)):
        if format_of(path) != "text":
            raise DataError(
                f"{path} names its utterances, but {other} is plain text and does not",
                hint="Give both as plain text, line against line, or both with ids.",
            )
    hypotheses, references = read_text(hypothesis), read_text(reference)
    if len(hypotheses) != len(references):
        raise DataError(
            f"{hypothesis} and {reference} differ in their number of lines: "
            f"{len(hypotheses)} and {len(references)}",
            hint="Plain text is paired line by line; an empty line is an empty hypothesis.",
        )
    return [
        Utterance(str(number), *pair)
        for number, pair in enumerate(zip(hypotheses, references, strict=True), 1)
    ]


def _by_id(hypothesis: Path, reference: Path) -> list[Utterance]:
    hypotheses, references = _sentences(hypothesis), _sentences(reference)
    _refuse_unknown(hypothesis, hypotheses, reference, references)
    missing = [utterance for utterance in references if utterance not in hypotheses]
    if missing and format_of(hypothesis) != "ctm":
        raise DataError(
            f"{hypothesis}: no hypothesis for {_some(missing)} of {reference}",
            hint="Where nothing was recognised, give the id with an empty text.",
        )
    return [Utterance(name, hypotheses.get(name, ()), references[name]) for name in references]


def _sentences(path: Path) -> dict[str, Glosses]:
    """The glosses of each id, whatever times the file may hold beside them."""
    if format_of(path) == "csv":
        return read_csv(path)
    timed: Mapping[Recording, Sequence[TimedWord | Segment]] = (
        read_ctm(path) if format_of(path) == "ctm" else read_stm(path)
    )
    sentences = {
        recording.file: tuple(gloss for part in parts for gloss in part.glosses or ())
        for recording, parts in timed.items()
    }
    if len(sentences) < len(timed):
        raise DataError(
            f"{path}: has several channels of one recording",
            hint="Channels are kept apart only in a CTM file scored against an STM file.",
        )
    return sentences


def _by_time(hypothesis: Path, reference: Path) -> list[Utterance]:
    words, segments = read_ctm(hypothesis), read_stm(reference)
    _refuse_unknown(hypothesis, words, reference, segments)
    channels = Counter(recording.file for recording in segments)
    return [
        utterance
        for recording, parts in segments.items()
        for utterance in _segmented(
            recording.file if channels[recording.file] == 1 else str(recording),
            words.get(recording, []),
            parts,
        )
    ]


def _segmented(
    name: str, words: Sequence[TimedWord], segments: Sequence[Segment]
) -> Iterator[Utterance]:
    """Gives each segment the words whose middle lies before its end, the last one all others."""
    rest = list(words)
    for index, segment in enumerate(segments):
        taken = 0
        last = index == len(segments) - 1
        while taken < len(rest) and (last or rest[taken].middle < segment.end):
            taken += 1
        within, rest = rest[:taken], rest[taken:]
        if segment.glosses is not None:
            place = name if len(segments) == 1 else f"{name} from {segment.begin:g} s"
            yield Utterance(
                place, tuple(gloss for word in within for gloss in word.glosses), segment.glosses
            )


def _refuse_unknown(
    hypothesis: Path, hypotheses: Iterable[object], reference: Path, references: Container[object]
) -> None:
    unknown = [str(name) for name in hypotheses if name not in references]
    if unknown:
        raise DataError(
            f"{hypothesis}: no reference in {reference} for {_some(unknown)}",
            hint="Score against the references of the same split.",
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_IN_MESSAGES])
    more = len(names) - _NAMED_IN_MESSAGES
    return f"{shown} and {more} more" if more > 0 else shown
