"""Another program's classes: which of its outputs is which gloss, and which is the blank."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainables.data.dataset import BLANK, BLANK_NAME
from trainables.errors import CheckpointError
from trainables.files.plain_text import decode_text, normalised

NAMES = (
    "vocabulary", "vocab", "glosses", "classes", "labels", "gloss2idx", "gloss_to_idx", "word2idx",
    "idx2gloss", "idx2word", "gloss_dict", "token_to_id", "stoi", "itos", "vocab_dict",
)  # fmt: skip
"""Keys under which programs keep it next to their weights."""
_BLANKS = ("<blank>", "<blk>", "[blank]", "blank", "<ctc_blank>", "<ctc>", "<b>", "-", "_", "<pad>")
_MOST = 5


def stored_vocabulary(beside: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The vocabulary that a file holds next to the weights; None where it holds none."""
    for name in NAMES:
        if name in beside and (found := _ordered(beside[name])) is not None:
            return found
    for inner in beside.values():
        if isinstance(inner, Mapping) and (found := stored_vocabulary(inner)) is not None:
            return found
    return None


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """A vocabulary from a file: a JSON list or mapping, or a gloss a line (`GLOSS` or `GLOSS 3`).

    Raises:
        CheckpointError: It is not one of these.
    """
    try:
        text = decode_text(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"vocabulary {path} cannot be read: {error}") from error
    try:
        found = _ordered(json.loads(text))
    except ValueError:
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if lines and all(len(line) == 2 and line[1].isdecimal() for line in lines):
            found = _ordered({line[0]: int(line[1]) for line in lines})
        else:
            found = tuple(" ".join(line) for line in lines) or None
    if found is None:
        raise CheckpointError(
            f"vocabulary {path} is not a list of glosses",
            hint="A JSON list, a JSON mapping of glosses to numbers, or one gloss per line.",
        )
    return found


def class_order(
    theirs: Sequence[str], ours: Sequence[str] | None, *, classes: int, blank: int | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Place of each of our classes among theirs.

    Args:
        theirs: Their glosses in the order of the outputs, with the blank or without.
        ours: Our vocabulary, the blank first; None to keep their order, the blank moved first.
        classes: Outputs of their model, C.
        blank: Which output is the blank; None to find it by its name.

    Returns:
        Our vocabulary, and for each of it the number of their output.

    Raises:
        CheckpointError: The glosses are not the same, or it is not certain where the blank is.
    """
    each = [normalised(gloss) for gloss in theirs]
    if blank is not None and not 0 <= blank < classes:
        raise CheckpointError(f"--blank {blank}: the model has outputs 0 to {classes - 1}")
    if len(each) == classes - 1:
        if blank is None:
            raise CheckpointError(
                f"the model has {classes} outputs for {len(each)} glosses: one is the blank, but "
                f"it is not known which",
                hint=f"--blank 0 or --blank {classes - 1}.",
            )
        each.insert(blank, BLANK_NAME)
    if len(each) != classes:
        raise CheckpointError(
            f"the model has {classes} outputs, its vocabulary {len(each)} glosses",
            hint="Name the vocabulary that it was trained with: --vocabulary FILE.",
        )
    if blank is None:
        known = set(ours or ())
        named = [n for n, gloss in enumerate(each) if gloss.lower() in _BLANKS]
        named = [n for n in named if each[n] == BLANK_NAME or each[n] not in known]
        exact = [n for n in named if each[n].lower() in _BLANKS[:5]]
        found = exact if len(exact) == 1 else named
        if len(found) != 1:
            raise CheckpointError(
                "it is not certain which output is the blank",
                hint="Give --blank NUMBER, counted from 0.",
            )
        blank = found[0]
    each[blank] = BLANK_NAME
    wanted = tuple(ours) if ours is not None else _blank_first(each, blank)
    if twice := sorted({gloss for gloss in each if each.count(gloss) > 1}):
        raise CheckpointError(f"their vocabulary has {', '.join(twice[:_MOST])} more than once")
    missing, extra = sorted(set(wanted) - set(each)), sorted(set(each) - set(wanted))
    if missing or extra:
        parts = [f"lacks {_listed(missing)}"] if missing else []
        parts += [f"has {_listed(extra)}, which the data lack"] if extra else []
        raise CheckpointError(
            f"their vocabulary {' and '.join(parts)}",
            hint="Name the data that it was trained on with --data.",
        )
    place = {gloss: number for number, gloss in enumerate(each)}
    return wanted, tuple(place[gloss] for gloss in wanted)


def _blank_first(glosses: Sequence[str], blank: int) -> tuple[str, ...]:
    assert BLANK == 0
    return (glosses[blank], *(gloss for n, gloss in enumerate(glosses) if n != blank))


def _ordered(value: Any) -> tuple[str, ...] | None:
    """Glosses in order, from a list, or from a mapping in either direction."""
    if isinstance(value, list | tuple):
        return tuple(value) if value and all(isinstance(one, str) for one in value) else None
    if not isinstance(value, Mapping) or not value:
        return None
    pairs = [*value.items()]
    if all(isinstance(v, list) and v and isinstance(v[0], int) for _, v in pairs):
        pairs = [(k, v[0]) for k, v in pairs]  # [number, count], as some corpora have it
    if all(isinstance(v, str) and str(k).isdecimal() for k, v in pairs):
        pairs = [(v, int(k)) for k, v in pairs]
    if not all(isinstance(v, int) and not isinstance(v, bool) for _, v in pairs):
        return None
    numbers = sorted(v for _, v in pairs)
    start = numbers[0]
    if start not in (0, 1) or numbers != [*range(start, start + len(numbers))]:
        return None
    # Numbers from 1 leave 0 to the blank.
    front = (BLANK_NAME,) if start == 1 else ()
    return (*front, *(str(k) for k, _ in sorted(pairs, key=lambda pair: pair[1])))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")
