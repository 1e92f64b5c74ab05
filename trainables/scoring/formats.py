"""Which format a file to be scored has: by what it holds, by its name only where that is unclear.

What no reader can see in one file alone is whether the first word of each line is an id (Kaldi) or
a gloss (plain text). The two files are looked at together for that, and where both readings fit,
nothing is scored: a wrong word error rate looks like a right one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from trainables.errors import DataError
from trainables.scoring.readers import TRN_ID
from trainables.scoring.records import delimiter_of, has_heading, is_json
from trainables.scoring.source import SourceFile

Format = Literal["text", "kaldi", "trn", "csv", "json", "ctm", "stm"]
FORMATS: tuple[Format, ...] = get_args(Format)

_SUFFIXES: dict[str, Format] = {
    **{".csv": "csv", ".tsv": "csv", ".ctm": "ctm", ".stm": "stm", ".trn": "trn"},
    **{".json": "json", ".jsonl": "json", ".ndjson": "json"},
}
_WAY_OUT = (
    "Choose one: --format kaldi (the first word is an id) or --format text (all words are "
    "glosses, and lines are paired in order)."
)
_ENOUGH = 0.5
"""Share of the first words that two files have in common from which they may be ids."""


def format_by_name(source: SourceFile) -> Format | None:
    """The format that a file's suffix says; None where it says none."""
    return _SUFFIXES.get(source.path.suffix.lower())


def recognise(
    hypothesis: SourceFile,
    reference: SourceFile,
    ids_of: Callable[[SourceFile, Format], Collection[str]],
) -> tuple[Format, Format]:
    """The formats of two files that belong together.

    Args:
        hypothesis: Recognised glosses.
        reference: Signed glosses.
        ids_of: Reads the ids of a file whose format is known.

    Raises:
        DataError: It is not clear; the message says which option decides.
    """
    hyp, ref = _alone(hypothesis), _alone(reference)
    if hyp is None and ref is None:
        both = _text_or_kaldi(hypothesis, reference)
        return both, both
    if hyp is None and ref is not None:
        hyp = _beside(hypothesis, ids_of(reference, ref))
    elif ref is None and hyp is not None:
        ref = _beside(reference, ids_of(hypothesis, hyp))
    return hyp or "text", ref or "text"


def _alone(source: SourceFile) -> Format | None:
    """The format as far as one file shows it; None where it is plain text or Kaldi's.

    Raises:
        DataError: Two formats fit, or only most lines are of one.
    """
    named = format_by_name(source)
    if is_json(source):
        return "json"
    lines = [line for _, line in source.records()]
    if not lines:
        return named
    fields = [line.split() for line in lines]
    timed: list[Format] = []
    if all(len(line) in (5, 6) and _times(line[2:4]) for line in fields):
        timed.append("ctm")
    if all(len(line) >= 5 and _times(line[3:5]) for line in fields):
        timed.append("stm")
    if len(timed) == 1:
        return timed[0]
    if timed:
        if named in timed:
            return named
        raise DataError(
            f"{source}: may be CTM as well as STM",
            hint="Choose one: --format ctm or --format stm; for hypotheses and references of "
            "different formats HYP,REF, as --format ctm,stm.",
        )
    return _trn(source, lines, named) or _table(source, lines, named) or named


def _trn(source: SourceFile, lines: Sequence[str], named: Format | None) -> Format | None:
    having = [TRN_ID.search(line) is not None for line in lines]
    if all(having):
        return "trn"
    if named is None and 2 * sum(having) > len(having):
        raise DataError(
            f"{source}: {sum(having)} of {len(having)} lines end in an id in brackets, and "
            f"{lines[having.index(False)]!r} does not",
            hint="Give every line its (id), or --format text where (A) is a gloss.",
        )
    return None


def _table(source: SourceFile, lines: Sequence[str], named: Format | None) -> Format | None:
    mark = delimiter_of(source)
    if mark is None or (named is not None and named != "csv"):
        return None
    if named == "csv" or mark in "|\t" or has_heading(source, mark):
        return "csv"
    ids = [line.split(mark)[0] for line in lines]
    if not any(" " in name.strip() for name in ids) and len(set(ids)) == len(ids):
        raise DataError(
            f"{source}: each line has a {mark!r}, after what may be an id or glosses",
            hint="Choose one: --format csv or --format text.",
        )
    return None


def _times(fields: Sequence[str]) -> bool:
    return all(field == "*" or _is_number(field) for field in fields)


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


@dataclass(frozen=True)
class _Words:
    """The lines of a file as words."""

    lines: list[list[str]]

    @classmethod
    def of(cls, source: SourceFile) -> _Words:
        return cls([line.split() for line in source.lines])

    @cached_property
    def first(self) -> list[str]:
        return [line[0] for line in self.lines if line]

    @cached_property
    def last(self) -> list[str]:
        return [line[-1] for line in self.lines if line]

    @cached_property
    def after_first(self) -> set[str]:
        return {word for line in self.lines for word in line[1:]}

    @cached_property
    def before_last(self) -> set[str]:
        return {word for line in self.lines for word in line[:-1]}


def _could_be_ids(words: Sequence[str], others: Collection[str]) -> bool:
    """Whether each occurs once, and nowhere among the glosses."""
    return len(set(words)) == len(words) > 0 and not set(words) & set(others)


def _look_like_ids(words: Sequence[str]) -> bool:
    """Whether each has a figure in it, as names of files and numbered utterances do."""
    return all(any(letter.isdigit() for letter in word) for word in words)


def _text_or_kaldi(hypothesis: SourceFile, reference: SourceFile) -> Format:
    hyp, ref = _Words.of(hypothesis), _Words.of(reference)
    others = hyp.after_first | ref.after_first
    could = [_could_be_ids(words.first, others) for words in (hyp, ref)]
    looks = [
        fits and _look_like_ids(words.first) for fits, words in zip(could, (hyp, ref), strict=True)
    ]
    shared = _shared(hyp.first, ref.first)
    if all(looks) and shared and len(ref.first) > 1:
        return "kaldi"
    if any(looks):
        raise DataError(
            f"the first word of each line may be an id or a gloss: {_first(hyp.first)} in "
            f"{hypothesis} and {_first(ref.first)} in {reference}",
            hint=_WAY_OUT,
        )
    # Where the numbers of lines differ, both readings are refused, so that text will do.
    if all(could) and shared >= _ENOUGH and len(hyp.lines) == len(ref.lines):
        if not _empty_against_full(hyp, ref):
            raise DataError(
                f"the first word of each line may be an id or a gloss in {hypothesis} and "
                f"{reference} ({_first(ref.first)})",
                hint=_WAY_OUT,
            )
    _refuse_ids_at_the_end(reference, hyp, ref)
    return "text"


def _empty_against_full(hyp: _Words, ref: _Words) -> bool:
    """Whether an empty line stands for an utterance, which it cannot where each has an id."""
    return any(bool(h) != bool(r) for h, r in zip(hyp.lines, ref.lines, strict=True))


def _refuse_ids_at_the_end(reference: SourceFile, hyp: _Words, ref: _Words) -> None:
    others = hyp.before_last | ref.before_last
    fits = all(_could_be_ids(words.last, others) for words in (hyp, ref))
    if fits and _look_like_ids(hyp.last + ref.last) and len(ref.last) > 1:
        if _shared(hyp.last, ref.last) >= _ENOUGH:
            raise DataError(
                f"the last words of {reference} look like ids ({_first(ref.last)})",
                hint="Put them first (--format kaldi) or in brackets, as trn has them; or use "
                "--format text if they are glosses.",
            )


def _beside(source: SourceFile, ids: Collection[str]) -> Format:
    """Plain text or Kaldi's, for a file whose other half has these ids."""
    words = _Words.of(source)
    looks = _could_be_ids(words.first, words.after_first) and _look_like_ids(words.first)
    return "kaldi" if looks or set(words.first) & set(ids) else "text"


def _shared(some: Sequence[str], others: Sequence[str]) -> float:
    """Share of the words of both that both have."""
    return len({*some} & {*others}) / max(1, len({*some} | {*others}))


def _first(words: Sequence[str]) -> str:
    shown = ", ".join(words[:3])
    return f"{shown}, ..." if len(words) > 3 else shown
