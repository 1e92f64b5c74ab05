"""The cleaning that the official evaluation of RWTH-PHOENIX-2014 puts before sclite.

Its rules are written for lines of text and run over CTM files, which hold one token a line. So the
three rules that look at neighbours (`WIE AUSSEHEN`, spelled letters, repeats) change references
made from annotations, but never a hypothesis: REGEN recognised twice in a row counts as an
insertion, there as here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Tokens = list[str]

# Two tokens of which letters are spelled: a letter alone, or at the end or the beginning of letters
# joined already. SCH before a letter and NN after one are spelled as one.
_SPELLED = re.compile(r"(.*\+)?([A-Z] ([A-Z]|NN)|SCH [A-Z])(\+.*)?")
_CAPITALS = re.compile(r"[A-Z]+")
_ROOM = re.compile(r"([A-Z]{2})RAUM")
_DROPPED_WITH = ("__LEFTHAND__", "__EPENTHESIS__", "__EMOTION__")


def clean_hypothesis(tokens: Sequence[str]) -> tuple[str, ...]:
    """Cleans each token by itself, as the official evaluation does."""
    return tuple(cleaned for token in tokens for cleaned in clean_sentence([token]))


def clean_sentence(tokens: Sequence[str]) -> tuple[str, ...]:
    """Cleans a sentence whose tokens see each other, as an annotation's do.

    A sentence that is clean already comes back as it is.
    """
    cleaned = list(tokens)
    for rule in _RULES:
        cleaned = [token for token in rule(cleaned) if token]
    return tuple(cleaned)


def _replaced(pattern: str | re.Pattern[str], by: str) -> Callable[[Tokens], Tokens]:
    compiled = re.compile(pattern)
    return lambda tokens: [compiled.sub(by, token) for token in tokens]


def _how_it_looks_is_one_word(tokens: Tokens) -> Tokens:
    return " ".join(tokens).replace("WIE AUSSEHEN", "WIE-AUSSEHEN").split(" ")


def _letters_joined(tokens: Tokens) -> Tokens:
    joined: Tokens = []
    for token in tokens:
        if joined and _SPELLED.fullmatch(f"{joined[-1]} {token}"):
            joined[-1] += "+" + token
        else:
            joined.append(token)
    return joined


def _repeats_collapsed(tokens: Tokens) -> Tokens:
    return [
        token
        for index, token in enumerate(tokens)
        if index == 0 or token != tokens[index - 1] or not _CAPITALS.fullmatch(token)
    ]


def _marked_dropped(tokens: Tokens) -> Tokens:
    return [token for token in tokens if not any(mark in token for mark in _DROPPED_WITH)]


# In the order of the official script. What is deleted may be any part of a token.
_RULES: tuple[Callable[[Tokens], Tokens], ...] = (
    *(_replaced(prefix, "") for prefix in ("loc-", "cl-", "qu-", "poss-", "lh-")),
    _replaced("S0NNE", "SONNE"),
    _replaced("HABEN2", "HABEN"),
    *(_replaced(mark, "") for mark in ("__EMOTION__", "__PU__", "__LEFTHAND__")),
    _how_it_looks_is_one_word,
    _replaced("ZEIGEN$", "ZEIGEN-BILDSCHIRM"),
    _letters_joined,
    _replaced(_ROOM, r"\1"),
    _replaced("-PLUSPLUS", ""),
    _repeats_collapsed,
    _marked_dropped,
)
