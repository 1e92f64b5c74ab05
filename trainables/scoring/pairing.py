"""Puts each hypothesis next to its reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainables.errors import DataError
from trainables.scoring.formats import Format, format_by_name, recognise
from trainables.scoring.phoenix import clean_hypothesis, clean_sentence
from trainables.scoring.readers import (
    Recording,
    Segment,
    TimedWord,
    read_ctm,
    read_kaldi,
    read_stm,
    read_text,
    read_trn,
)
from trainables.scoring.records import read_json, read_table
from trainables.scoring.source import Glosses, SourceFile, load_source

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


@dataclass(frozen=True)
class Pairs:
    """Hypotheses next to their references.

    Attributes:
        utterances: In the order of the references.
        hypothesis_format: What the file of hypotheses was read as.
        reference_format: What the file of references was read as.
        surprising: Whether one of the two is another than the file's suffix says.
    """

    utterances: tuple[Utterance, ...]
    hypothesis_format: Format
    reference_format: Format
    surprising: bool

    def counted_like_sclite(self, *, phoenix: bool) -> bool:
        """Whether the figures are to be sclite's: for its own formats and for PHOENIX."""
        return phoenix or self.reference_format in ("stm", "trn")


def read_pairs(
    hypothesis: Path,
    reference: Path,
    *,
    phoenix: bool = False,
    formats: tuple[Format | None, Format | None] = (None, None),
) -> Pairs:
    """Reads two files and pairs what they hold, in the order of the references.

    A CTM file has no line for an utterance in which nothing was recognised: one that it leaves out
    is an empty hypothesis. In every other format each id or line must be there.

    Args:
        hypothesis: Recognised glosses, in a format that `formats` recognises.
        reference: Signed glosses.
        phoenix: Clean as the official evaluation of PHOENIX-2014 does: the hypotheses token by
            token, references as sentences. STM references are clean and stay as they are.
        formats: Of the hypotheses and the references; None to find it out.

    Raises:
        DataError: A file cannot be read, its format is not clear, or an utterance is missing from
            one of the two.
    """
    files = load_source(hypothesis), load_source(reference)
    if None in formats:
        found = recognise(*files, _ids)
        formats = formats[0] or found[0], formats[1] or found[1]
    hyp, ref = formats[0] or "text", formats[1] or "text"
    pairs = _paired(files, hyp, ref)
    if not pairs:
        raise DataError(f"{reference}: contains no reference to score against")
    if phoenix:
        pairs = [
            replace(
                pair,
                hypothesis=clean_hypothesis(pair.hypothesis),
                reference=pair.reference if ref == "stm" else clean_sentence(pair.reference),
            )
            for pair in pairs
        ]
    named = [format_by_name(source) or "text" for source in files]
    return Pairs(tuple(pairs), hyp, ref, surprising=named != [hyp, ref])


def _paired(files: tuple[SourceFile, SourceFile], hyp: Format, ref: Format) -> list[Utterance]:
    hypothesis, reference = files
    if (hyp, ref) == ("ctm", "stm"):
        return _by_time(hypothesis, reference)
    hypotheses, references = _sentences(hypothesis, hyp), _sentences(reference, ref)
    if isinstance(hypotheses, dict) and isinstance(references, dict):
        return _by_id(hypothesis, hypotheses, reference, references, may_lack=hyp == "ctm")
    if isinstance(hypotheses, list) and isinstance(references, list):
        return _by_line(hypothesis, hypotheses, reference, references)
    with_ids, without = files if isinstance(hypotheses, dict) else files[::-1]
    raise DataError(
        f"{with_ids} names its utterances, but {without} does not",
        hint="Give both as plain text, line against line, or both with ids; use --format if a "
        "format was not recognised.",
    )


def _ids(source: SourceFile, form: Format) -> list[str]:
    """The ids of a file; none where it has no ids."""
    found = _sentences(source, form)
    return list(found) if isinstance(found, dict) else []


def _by_line(
    hypothesis: SourceFile,
    hypotheses: Sequence[Glosses],
    reference: SourceFile,
    references: Sequence[Glosses],
) -> list[Utterance]:
    if len(hypotheses) != len(references):
        raise DataError(
            f"{hypothesis} and {reference} differ in their number of lines: "
            f"{len(hypotheses)} and {len(references)}",
            hint="Plain text is paired line by line; an empty line is an empty hypothesis. "
            "If the first word is an id, use --format kaldi.",
        )
    return [
        Utterance(str(number), *pair)
        for number, pair in enumerate(zip(hypotheses, references, strict=True), 1)
    ]


def _by_id(
    hypothesis: SourceFile,
    hypotheses: Mapping[str, Glosses],
    reference: SourceFile,
    references: Mapping[str, Glosses],
    *,
    may_lack: bool,
) -> list[Utterance]:
    _refuse_unknown(hypothesis, hypotheses, reference, references)
    missing = [utterance for utterance in references if utterance not in hypotheses]
    if missing and not may_lack:
        raise DataError(
            f"{hypothesis}: no hypothesis for {_some(missing)} of {reference}",
            hint="If nothing was recognised, give the id with an empty text.",
        )
    return [Utterance(name, hypotheses.get(name, ()), references[name]) for name in references]


def _sentences(source: SourceFile, form: Format) -> dict[str, Glosses] | list[Glosses]:
    """The glosses of each id, or of each line, whatever times the file may hold next to them."""
    if form == "ctm":
        return _without_times(source, read_ctm(source))
    if form == "stm":
        return _without_times(source, read_stm(source))
    readers: dict[Format, Callable[[SourceFile], dict[str, Glosses] | list[Glosses]]] = {
        "text": read_text,
        "kaldi": read_kaldi,
        "trn": read_trn,
        "csv": read_table,
        "json": read_json,
    }
    return readers[form](source)


def _without_times(
    source: SourceFile, timed: Mapping[Recording, Sequence[TimedWord | Segment]]
) -> dict[str, Glosses]:
    sentences = {
        recording.file: tuple(gloss for part in parts for gloss in part.glosses or ())
        for recording, parts in timed.items()
    }
    if len(sentences) < len(timed):
        raise DataError(
            f"{source}: has several channels of one recording",
            hint="Channels are kept apart only in a CTM file scored against an STM file.",
        )
    return sentences


def _by_time(hypothesis: SourceFile, reference: SourceFile) -> list[Utterance]:
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
    """Gives each segment the words whose middle is before its end, the last one all others."""
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
    hypothesis: SourceFile,
    hypotheses: Iterable[object],
    reference: SourceFile,
    references: Container[object],
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
