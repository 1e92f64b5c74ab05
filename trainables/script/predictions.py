"""What a run recognised in each utterance: from a script's file, or from a custom run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.errors import DataError


@dataclass(frozen=True)
class Prediction:
    """An utterance as it was recognised.

    Attributes:
        id: Of the utterance.
        hypothesis: Recognised glosses.
        reference: Glosses that were signed.
        signer: Who signed it; None where that is not known.
    """

    id: str
    hypothesis: tuple[str, ...]
    reference: tuple[str, ...]
    signer: str | None = None


def read_jsonl(path: Path) -> list[Prediction]:
    """Reads JSON lines with `id`, `hypothesis` and `reference`, glosses as text or list.

    Raises:
        DataError: A line is not one of that; it is named.
    """
    found: list[Any] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"{path}:{number}: no JSON: {error}") from error
    return predictions_from(found, what=str(path))


def read_ctm(ctm: Path, stm: Path) -> list[Prediction]:
    """Reads a recogniser's words and their references in NIST's formats.

    Raises:
        DataError: A file cannot be read, or their utterances differ.
    """
    from trainables.scoring.pairing import read_pairs

    pairs = read_pairs(ctm, stm, formats=("ctm", "stm"))
    found = [Prediction(u.id, tuple(u.hypothesis), tuple(u.reference)) for u in pairs.utterances]
    return predictions_from(found, what=str(ctm))


def predictions_from(given: Iterable[Any], *, what: str) -> list[Prediction]:
    """Checks what a run gave: mappings, or tuples of id, hypothesis, reference and maybe signer.

    Args:
        given: The utterances.
        what: Whose they are, for errors.

    Returns:
        In the order of their ids.

    Raises:
        DataError: Something is missing, of another kind, or there twice.
    """
    found: dict[str, Prediction] = {}
    for number, item in enumerate(given, start=1):
        one = _prediction(item, f"{what}, utterance {number}")
        if one.id in found:
            raise DataError(f"{what}: utterance {one.id!r} is there twice")
        found[one.id] = one
    if not any(one.reference for one in found.values()):
        raise DataError(f"{what}: no utterance has a reference")
    return [found[name] for name in sorted(found)]


def _prediction(item: Any, where: str) -> Prediction:
    if isinstance(item, Prediction):
        return item
    if isinstance(item, list | tuple):
        item = dict(zip(("id", "hypothesis", "reference", "signer"), item, strict=False))
    if not isinstance(item, Mapping):
        raise DataError(f"{where} is a {type(item).__name__}; it must be a mapping")
    missing = [name for name in ("id", "hypothesis", "reference") if item.get(name) is None]
    if missing:
        has = ", ".join(map(str, item)) or "nothing"
        raise DataError(f"{where} has no {', no '.join(missing)}; it has {has}")
    signer = item.get("signer")
    return Prediction(
        str(item["id"]),
        _glosses(item["hypothesis"], f"{where}: hypothesis"),
        _glosses(item["reference"], f"{where}: reference"),
        None if signer is None else str(signer),
    )


def _glosses(given: Any, where: str) -> tuple[str, ...]:
    if isinstance(given, str):
        return tuple(given.split())
    if isinstance(given, list | tuple) and all(isinstance(word, str) for word in given):
        return tuple(given)
    raise DataError(f"{where} is {given!r}; it must be a text, or a list of glosses")


def to_jsonl(predictions: Iterable[Prediction]) -> str:
    """The same as JSON lines, as `read_jsonl` takes them."""
    lines = []
    for one in predictions:
        content = {
            "id": one.id,
            "hypothesis": " ".join(one.hypothesis),
            "reference": " ".join(one.reference),
        }
        if one.signer is not None:
            content["signer"] = one.signer
        lines.append(json.dumps(content, ensure_ascii=False) + "\n")
    return "".join(lines)
