"""Reads corpus files of the PHOENIX-2014 layout: who signed which glosses in which utterance.

PHOENIX-2014-T has another heading and other names of files, and is read as it is; its translation
into German is not used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.data.config import Subset
from trainables.data.dataset import BLANK_NAME, SPLITS
from trainables.files.plain_text import decode_text, normalised

HEADER = ["id", "folder", "signer", "annotation"]
HEADER_T = ["name", "video", "start", "end", "speaker", "orth", "translation"]
"""Of PHOENIX-2014-T."""

_COLUMNS = {tuple(HEADER): (0, 2, 3), tuple(HEADER_T): (0, 4, 5)}
"""Where id, signer and glosses are."""

OFFICIAL_COUNTS: dict[Subset, dict[str, int]] = {
    "multisigner": {"train": 5672, "dev": 540, "test": 629},
    "si5": {"train": 4376, "dev": 111, "test": 180},
}

_MARKS = {
    BLANK_NAME: "CTC's blank",
    **dict.fromkeys(("<s>", "</s>", "<unk>", "<UNK>"), "a mark of language models"),
}


@dataclass(frozen=True)
class CorpusEntry:
    """One line of a corpus file.

    Attributes:
        id: Name, unique in all splits; its features are in `<id>.npz`.
        signer: Who signed it, may be empty.
        glosses: What was signed.
    """

    id: str
    signer: str
    glosses: tuple[str, ...]


def corpus_path(root: Path, split: str, subset: Subset) -> Path:
    """The corpus file of a split; that of PHOENIX-2014-T where only that is there."""
    middle = ".SI5" if subset == "si5" else ""
    path = root / "annotations" / "manual" / f"{split}{middle}.corpus.csv"
    of_t = path.with_name(f"PHOENIX-2014-T.{split}.corpus.csv")
    return of_t if subset == "multisigner" and not path.exists() and of_t.exists() else path


def read_corpora(
    root: Path, subset: Subset, exclude: Collection[str] = ()
) -> tuple[dict[str, list[CorpusEntry]], list[str], list[str]]:
    """Reads the corpus files of all splits.

    Args:
        root: Folder that holds `annotations/`.
        subset: Which files to read.
        exclude: Ids to leave out.

    Returns:
        The utterances of each split as far as they could be read, every problem found, and what
        was left out, as `split/id`.
    """
    excluded = {normalised(name).strip() for name in exclude}
    left_out: list[str] = []
    corpora: dict[str, list[CorpusEntry]] = {}
    problems: list[str] = []
    seen: dict[str, str] = {}
    for split in SPLITS:
        path = corpus_path(root, split, subset)
        corpora[split] = []
        found = len(problems)
        rows = list(_rows(path, problems))
        problems += _quoted(path, rows)
        for line, row in rows:
            where = f"{path.name}:{line}"
            if row[0] in excluded:
                left_out.append(f"{split}/{row[0]}")
                continue
            utterance = _utterance(where, row, problems)
            if utterance is None:
                continue
            if utterance.id in seen:
                problems.append(f"{where}: {utterance.id}: the id is also at {seen[utterance.id]}")
                continue
            seen[utterance.id] = where
            corpora[split].append(utterance)
        if not corpora[split] and len(problems) == found:
            problems.append(f"{path.name}: the split is empty")
    unknown = excluded - {name.partition("/")[2] for name in left_out}
    problems += [f"data.exclude: {name!r} is not in any corpus file" for name in sorted(unknown)]
    return corpora, problems, left_out


def subset_warnings(corpora: dict[str, list[CorpusEntry]], subset: Subset) -> list[str]:
    """Warns where a split has just as many utterances as that of the other subset."""
    return [
        f"{split} has {counts[split]} utterances, as in the subset {other}, but the "
        f"data says {subset}; results of the two must not be compared"
        for other, counts in OFFICIAL_COUNTS.items()
        for split, utterances in corpora.items()
        if other != subset and len(utterances) == counts[split]
    ]


def _rows(path: Path, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    try:
        text = decode_text(path.read_bytes())
    except FileNotFoundError:
        problems.append(f"{path.name}: is missing in {path.parent}{_other_files(path.parent)}")
        return
    except (UnicodeDecodeError, OSError) as error:
        what = "cannot be read" if isinstance(error, OSError) else "is not UTF-8"
        problems.append(f"{path.name}: {what}: {error}")
        return
    # Not the csv module: quotes have no meaning in these files.
    lines = (line.split("|") for line in text.split("\n"))
    header = [name.strip() for name in next(lines)]
    columns = _COLUMNS.get(tuple(header))
    if columns is None:
        problems.append(
            f"{path.name}:1: header {'|'.join(header)!r}, must be {'|'.join(HEADER)!r}, or "
            f"{'|'.join(HEADER_T)!r} as PHOENIX-2014-T has it"
        )
        return
    for line, row in enumerate(lines, start=2):
        if not any(value.strip() for value in row):
            continue
        if len(row) == len(header):
            yield line, [row[column].strip() for column in columns]
        else:
            problems.append(
                f"{path.name}:{line}: {row[0]}: has {len(row)} fields, must have {len(header)}"
            )


def _quoted(path: Path, rows: Sequence[tuple[int, list[str]]]) -> list[str]:
    """A problem where every annotation is in quotes, as a program that writes CSV puts them.

    They would become part of the first and the last gloss. Single glosses may have quotes: some
    conventions mark gestures so.
    """
    if not rows or not all(re.fullmatch('".*"', row[2]) for _, row in rows):
        return []
    return [
        f"{path.name}:{rows[0][0]}: {rows[0][1][0]}: every annotation is in double quotes, which "
        "would become part of its first and its last gloss; write them without"
    ]


def _utterance(where: str, row: list[str], problems: list[str]) -> CorpusEntry | None:
    name, signer, annotation = row
    glosses = tuple(annotation.split())
    if not name or name in (".", "..") or any(mark in name for mark in "/\\\0"):
        problems.append(f"{where}: {name!r} cannot be the id of an utterance and name its file")
        return None
    if not glosses:
        problems.append(f"{where}: {name}: the annotation is empty")
    for mark, meaning in _MARKS.items():
        if mark in glosses:
            problems.append(f"{where}: {name}: {mark} is {meaning} and cannot be a gloss")
    return CorpusEntry(name, signer, glosses)


def _other_files(folder: Path) -> str:
    found = sorted(path.name for path in folder.glob("*.csv")) if folder.is_dir() else []
    return f", which has {', '.join(found[:6])}" if found else ""
