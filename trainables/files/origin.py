"""`origin.json`: what the files of a trial belong to, so that no folder is trusted by its name.

A trial's folder and each of its checkpoints say of which study they are, of which of its trials,
and what configuration, seed, data and teacher made them. What says otherwise is moved aside under a
name that says what it was. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from trainables.files.atomic import replace_file

FILE = "origin.json"
KEY = "origin"
"""Key of a checkpoint that has the same."""

_ASIDE = re.compile(r"(\d+)\.of-.+")


@dataclass(frozen=True)
class Origin:
    """What a trial's files belong to.

    Attributes:
        study_id: The study's id, made once and stored in its database.
        study: The study's name, for a person.
        trial: The trial's number.
        configuration: Hash of the resolved configuration and the seed.
        data: Hash of the prepared data; None where there are none, or it is not known.
        teacher: Hash of the teacher's file; None where there is none, or it is not known.
        adopted: Whether the files were written before studies had ids, and taken over once.
    """

    study_id: str
    study: str
    trial: int
    configuration: str
    data: str | None = None
    teacher: str | None = None
    adopted: bool = False

    def to_json(self) -> dict[str, Any]:
        """As stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: object) -> Origin | None:
        """From what `to_json` gave; None where that is something else."""
        if not isinstance(stored, Mapping):
            return None
        names = {item.name for item in fields(cls)}
        try:
            return cls(**{name: value for name, value in stored.items() if name in names})
        except TypeError:
            return None


def configuration_hash(config: Mapping[str, Any], seed: int) -> str:
    """SHA-256 of a resolved configuration and a seed."""
    text = json.dumps([dict(config), seed], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def other_than(found: Origin | None, mine: Origin) -> str | None:
    """What files are that do not belong, as the end of a name; None where they belong.

    Data and teacher count where both sides know them.

    Args:
        found: What they say of themselves; None where they say nothing.
        mine: What they have to be.
    """
    if found is None:
        return "of-unknown-origin"
    if found.study_id != mine.study_id:
        return of_study(found)
    if found.trial != mine.trial:
        return f"of-trial-{found.trial}"
    if found.configuration != mine.configuration:
        return "of-another-configuration"
    if None not in (found.data, mine.data) and found.data != mine.data:
        return "of-other-data"
    if None not in (found.teacher, mine.teacher) and found.teacher != mine.teacher:
        return "of-another-teacher"
    return None


def read_origin(folder: Path) -> Origin | None:
    """What a folder says of itself; None where it does not."""
    try:
        return Origin.from_json(json.loads((folder / FILE).read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def write_origin(folder: Path, origin: Origin) -> None:
    """Says of a folder what it belongs to."""
    replace_file(folder / FILE, (json.dumps(origin.to_json(), indent=2) + "\n").encode())


def claim(folder: Path, mine: Origin) -> Path | None:
    """Makes a folder a trial's own; what is there and is not the trial's is moved aside.

    Returns:
        Where that was moved, None where nothing had to be.
    """
    found = read_origin(folder)
    aside = None
    if found is not None or (folder.is_dir() and any(folder.iterdir())):
        wrong = other_than(found, mine)
        aside = None if wrong is None else move_aside(folder, wrong)
    if aside is not None or found is None:
        found = mine
    known = replace(mine, data=mine.data or found.data, teacher=mine.teacher or found.teacher)
    known = replace(known, adopted=found.adopted)
    if read_origin(folder) != known:
        write_origin(folder, known)
    return aside


def move_aside(path: Path, what: str) -> Path:
    """Renames a file or folder to one next to it whose name says what it was; gives that."""
    aside, count = path.with_name(f"{path.name}.{what}"), 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.{what}-{count}")
    os.replace(path, aside)
    return aside


def sort_out(trials: Path, study_id: str) -> tuple[list[Path], list[Path]]:
    """Moves other studies' folders out of a study's folder of trials, and its own back.

    Args:
        trials: The folder of trials, each named by its number.
        study_id: The study's id.

    Returns:
        Where the others now lie, and the own ones that came back.
    """
    moved, back = [], []
    entries = sorted(trials.iterdir()) if trials.is_dir() else []
    for entry in entries:
        found = read_origin(entry) if entry.name.isdecimal() else None
        if found is not None and found.study_id != study_id:
            moved.append(move_aside(entry, of_study(found)))
    for entry in entries:
        match = _ASIDE.fullmatch(entry.name)
        found = read_origin(entry) if match else None
        if found is None or match is None or found.study_id != study_id:
            continue
        place = trials / match[1]
        # Only what lost its place to another study: other data or another teacher stay aside.
        if of_study(found) in entry.name and found.trial == int(match[1]) and not place.exists():
            os.replace(entry, place)
            back.append(place)
    return moved, back


def of_study(found: Origin) -> str:
    """The end of a name that says whose files they were."""
    name = re.sub(r"[^\w.-]", "_", found.study)
    return f"of-study-{name}-{found.study_id[:8]}"
