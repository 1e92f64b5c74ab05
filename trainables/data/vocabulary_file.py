"""A file of the glosses to recognise, one per line, in place of those of train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.data.dataset import BLANK_NAME
from trainables.files.plain_text import decode_text, normalised

_SHOWN = 20


def read_vocabulary(path: Path, problems: list[str]) -> list[str]:
    """Glosses of a file in its order, one per line; `<blank>` in the first line is accepted.

    Args:
        path: The file.
        problems: Takes what is wrong with it.
    """
    try:
        lines = decode_text(path.expanduser().read_bytes()).splitlines()
    except OSError as error:
        problems.append(f"data.vocabulary: {path}: {error.strerror}")
        return []
    except ValueError as error:
        problems.append(f"data.vocabulary: {path}: {error}")
        return []
    words = [normalised(line.strip()) for line in lines if line.strip()]
    if words[:1] == [BLANK_NAME]:
        words = words[1:]
    bad = [word for word in words if len(word.split()) > 1 or word == BLANK_NAME]
    twice = [word for word, times in Counter(words).items() if times > 1]
    problems += [
        f"data.vocabulary: {path}: {word!r} is not a single gloss" for word in bad[:_SHOWN]
    ]
    problems += [f"data.vocabulary: {path}: {word} is listed twice" for word in twice[:_SHOWN]]
    if not words:
        problems.append(f"data.vocabulary: {path} contains no gloss")
    return words


def lacking_glosses(
    name: str, vocabulary: Sequence[str], signed: Mapping[str, int], problems: list[str]
) -> list[str]:
    """A warning of the glosses of train that a file lacks; nothing where it has all of them.

    Args:
        name: The file, as the settings name it.
        vocabulary: Its glosses.
        signed: How often each gloss of train is signed there.
        problems: Takes a line where the file has none of them.
    """
    known, total = {*vocabulary}, sum(signed.values())
    unknown = {gloss: count for gloss, count in signed.items() if gloss not in known}
    if not unknown:
        return []
    often = sorted(unknown, key=lambda gloss: (-unknown[gloss], gloss))
    if len(unknown) == len(signed):
        problems.append(
            f"data.vocabulary: {name} contains no gloss of train, where {often[0]} is the most "
            "frequent; are both written in the same way?"
        )
    noun = "gloss" if len(unknown) == 1 else "glosses"
    more = f" and {len(often) - _SHOWN} more" if len(often) > _SHOWN else ""
    return [
        f"data.vocabulary lacks {len(unknown)} {noun} of train, {sum(unknown.values()):,} of "
        f"{total:,} signs: none of them is learnt, and each counts as an error: "
        f"{', '.join(often[:_SHOWN])}{more}"
    ]
