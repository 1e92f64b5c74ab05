"""What is in the studies folder and is not needed, or can be made again.

Nothing is taken for unneeded by its name alone: a partial file is one whose writer is dead, packed
data and teachers' outputs are those that no `study.yaml` of this folder names and no process has
mapped: a search writes that file when its teacher is trained.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from slr_tune.study.in_use import mapped_below
from slr_tune.study.manifest import FILE as MANIFEST
from slr_tune.study.mounts import network_mount
from slr_tune.study.unfinished import give_up_unfinished, unfinished_ablations
from slr_tune.study.view import StudyView

Kind = Literal[
    "partial", "data", "teacher-outputs", "scores", "aside", "stages", "checkpoints", "unfinished"
]

KINDS: dict[Kind, str] = {
    "partial": "partial files of processes that have died",
    "data": "packed data that no study here uses; it can be packed again",
    "teacher-outputs": "outputs of teachers that no study here uses; they can be computed again",
    "scores": "outputs of checkpoints on a split; they can be computed again",
    "aside": "folders of trials that were moved aside because they belong to another study",
    "stages": "stages of ablations that are done; more seeds or arms train them again",
    "checkpoints": "checkpoints of trials that were pruned or failed",
    "unfinished": "stages where an ablation was interrupted; it would continue with them",
}
"""What can be removed, in the order in which it is missed least."""

OF_STUDY: tuple[Kind, ...] = ("aside", "stages", "checkpoints", "unfinished")
"""Those of one study, which has to be named."""

UNASKED: tuple[Kind, ...] = ("partial", "data", "teacher-outputs")
"""Removed where no kind is named: nobody needs them."""

_PARTIAL = re.compile(r"\.(\d+)\.partial$")
_ASIDE = re.compile(r"\d+\.of-")

_QUIET_SECONDS = 24 * 3600.0
"""On a shared disk a partial file may be of another machine, whose processes are not seen here."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can go.

    Attributes:
        kind: Why.
        path: What.
        size: Bytes on disk.
        study: Whose, empty where it is shared.
    """

    kind: Kind
    path: Path
    size: int
    study: str = ""


def shared_leftovers(root: Path, kinds: Sequence[Kind]) -> list[Leftover]:
    """What no study needs, in the cache and next to the studies.

    Args:
        root: The studies folder.
        kinds: What to look for.
    """
    found: list[Leftover] = []
    manifests = _manifests(root)
    cache = root / ".cache"
    if "partial" in kinds:
        found += [_leftover("partial", path) for path in _partials(root)]
    if "data" in kinds:
        used = {str(content.get("data_hash")) for content in manifests}
        folders = [path for path in (cache / "data").glob("*") if (path / "index.json").is_file()]
        used |= {part for path in folders if path.name in used for part in _whole_of(path)}
        mapped = _parts_below(cache / "data")
        used |= mapped | {path.name for path in folders if mapped & {*_whole_of(path)}}
        found += [_leftover("data", path) for path in folders if path.name not in used]
    if "teacher-outputs" in kinds:
        teachers = {str((content.get("teacher") or {}).get("sha256")) for content in manifests}
        folders = [path for path in (cache / "teacher-outputs").glob("*") if path.is_dir()]
        asked = {path: _key(path) for path in folders if path.suffix != ".partial"}
        used = _parts_below(cache / "teacher-outputs")
        gone = [path for path, key in asked.items() if key and key[0] not in teachers]
        gone = [path for path in gone if path.name not in used]
        found += [_leftover("teacher-outputs", path) for path in gone]
    if "scores" in kinds:
        folders = [path for path in (cache / "log-probs").glob("*") if path.is_dir()]
        found += [_leftover("scores", path) for path in folders if path.suffix != ".partial"]
    return sorted(found, key=lambda item: str(item.path))


def study_leftovers(view: StudyView, kinds: Sequence[Kind], *, keep: int) -> list[Leftover]:
    """What a study can do without.

    Args:
        view: The study.
        kinds: What to look for.
        keep: Of "checkpoints": so many of the best trials keep theirs, whatever ended them.
    """
    name, folder = view.spec.study, view.folder
    found: list[Leftover] = []
    if "aside" in kinds:
        paths = [path for path in (folder / "trials").glob("*") if _ASIDE.match(path.name)]
        found += [_leftover("aside", path, name) for path in paths]
    of_stages: Kind = "unfinished" if unfinished_ablations(folder) else "stages"
    if of_stages in kinds:
        paths = [*(folder / "ablations").glob(".stages")]
        found += [_leftover(of_stages, path, name) for path in paths]
    if "checkpoints" in kinds:
        sign = 1 if view.minimizes else -1
        valued = [trial for trial in view.trials if trial.state.is_finished() and trial.values]
        best = sorted(valued, key=lambda trial: sign * trial.values[0])[:keep]
        kept = {trial.number for trial in best}
        for trial in view.trials:
            if trial.state in (TrialState.PRUNED, TrialState.FAIL) and trial.number not in kept:
                path = view.own_folder(trial.number) / "checkpoints"
                if path.is_dir():
                    found.append(_leftover("checkpoints", path, name))
    return sorted(found, key=lambda item: str(item.path))


def remove(leftover: Leftover) -> int:
    """Removes it; gives the bytes that are free now.

    Raises:
        OSError: It cannot be removed.
    """
    if leftover.path.is_dir() and not leftover.path.is_symlink():
        shutil.rmtree(leftover.path)
    else:
        leftover.path.unlink(missing_ok=True)
    if leftover.kind == "unfinished":
        give_up_unfinished(leftover.path.parents[1])
    return leftover.size


def _manifests(root: Path) -> list[dict[str, Any]]:
    found = []
    for path in root.glob(f"*/{MANIFEST}"):
        with suppress(OSError, yaml.YAMLError):
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            if isinstance(content, dict):
                found.append(content)
    return found


def _parts_below(folder: Path) -> set[str]:
    """Names of what lies in a folder and is mapped by a process."""
    return {path.relative_to(folder).parts[0] for path in mapped_below(folder)}


def _partials(root: Path) -> Iterator[Path]:
    shared = network_mount(root) is not None
    for path in root.rglob("*.partial"):
        named = _PARTIAL.search(path.name)
        if named is not None:
            if not (_alive(int(named[1])) or (shared and _is_fresh(path))):
                yield path
        elif path.is_dir() and _unlocked(path):
            yield path


def _is_fresh(path: Path) -> bool:
    """Whether a file was written to lately."""
    try:
        return time.time() - path.stat().st_mtime < _QUIET_SECONDS
    except OSError:
        return True


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _unlocked(partial: Path) -> bool:
    """Whether nobody is making what a partial folder is to become: its maker holds a lock."""
    locks = [partial.with_suffix(".lock"), partial.parent / "keys" / f"{partial.stem}.lock"]
    for lock in locks:
        if lock.exists():
            try:
                with FileLock(lock, timeout=0):
                    pass
            except Timeout:
                return False
    return True


def _whole_of(folder: Path) -> list[str]:
    """Of a part of a data set, the whole, which has the files."""
    with suppress(OSError, ValueError):
        whole = json.loads((folder / "index.json").read_text(encoding="utf-8")).get("part_of")
        return [] if whole is None else [str(whole)]
    return []


def _key(folder: Path) -> list[str]:
    """What a teacher's outputs depend on, the teacher's hash first; nothing if unknown."""
    with suppress(OSError, ValueError):
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        return [str(part) for part in index.get("key", [])]
    return []


def _leftover(kind: Kind, path: Path, study: str = "") -> Leftover:
    return Leftover(kind, path, _size(path), study)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_blocks * 512
    return total
