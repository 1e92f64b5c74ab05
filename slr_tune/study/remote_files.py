"""The remote place of a study's files: `studies: s3://...`, and what each side does with it.

A worker sends a trial's checkpoints and then its curve, in the background. The driver sends the
manifest at the start, and at the end what is left. A reader of a study fetches its small files,
and a checkpoint when it needs one. The study's database says where the place is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage

from slr_tune.errors import SlrTuneError, StudyError
from slr_tune.study.folders import local_root, remote_studies
from slr_tune.study.record import ATTRIBUTE
from trainables.errors import first_line
from trainables.files.remote import RemoteError, RemoteFolder, join_url

SIZE_VARIABLE = "SLR_TUNE_CACHE_GB"
_DEFAULT_GB = 20.0
_GIGABYTE = 1_000_000_000
KEY = "files"
"""Key of a study's attribute that has the place of all studies."""


def files_of(stored: Any, study: str) -> RemoteFolder | None:
    """Where a study's files are, local and remote; None where they have no remote place.

    Args:
        stored: The study's own attribute.
        study: Its name.
    """
    url = stored.get(KEY) if stored else None
    if url is None:
        return None
    # Two databases may have studies of one name: their files do not meet.
    return RemoteFolder(join_url(url, f"{study}-{stored['id'][:8]}"), local_root(url) / study)


def remote_place(study: str, storage: RDBStorage) -> str | None:
    """The place of a study that is there, or the one that is requested; None without.

    Raises:
        StudyError: They differ, or the study has files in a folder of this machine.
    """
    asked = remote_studies()
    names = optuna.get_all_study_names(storage)
    if study not in names:
        return asked
    number = storage.get_study_id_from_name(study)
    stored = storage.get_study_user_attrs(number).get(ATTRIBUTE) or {}
    if stored.get(KEY) == asked or asked is None:
        return stored.get(KEY)
    if KEY not in stored and not storage.get_all_trials(number, deepcopy=False):
        return asked
    place = stored.get(KEY, "the studies folder")
    raise StudyError(
        f"study {study!r} keeps its files in {place}, but {asked} is requested",
        hint="Change studies (or SLR_TUNE_STUDIES) back, or choose another name with --study.",
    )


def cache_bytes() -> int:
    """What the checkpoints of a study may take locally, in addition to those not sent yet.

    Raises:
        SlrTuneError: `SLR_TUNE_CACHE_GB` is not a number above 0.
    """
    given = os.environ.get(SIZE_VARIABLE) or str(_DEFAULT_GB)
    try:
        size = float(given)
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise SlrTuneError(
            f"{SIZE_VARIABLE} is {given!r}, which is not a number of gigabytes above 0",
            hint="For example SLR_TUNE_CACHE_GB=20.",
        )
    return int(size * _GIGABYTE)


def is_small(name: str) -> bool:
    """Whether a reader wants a file at once: all but checkpoints."""
    return not name.endswith(".pt")


def bring_trial(files: RemoteFolder, folder: Path) -> None:
    """Brings what a driver has to know of a trial; the worker brings the checkpoints.

    Raises:
        RemoteError: The remote place does not answer, so that nobody knows what it has.
    """
    try:
        files.pull(folder, is_small)
    except OSError as error:
        raise RemoteError(
            f"{folder} is not here, and {files.url} does not answer: {first_line(error)}",
            hint="Nothing is lost. Run the same command again when it does.",
        ) from error


def bring_study(files: RemoteFolder, tell: Callable[[str], None]) -> None:
    """Fetches a study's small files for a reader; reports what is not available."""
    try:
        files.pull(files.local, is_wanted_by_readers)
    except (OSError, RemoteError) as error:
        tell(f"{files.url} does not answer ({first_line(error)}): curves may be missing here")


def is_wanted_by_readers(name: str) -> bool:
    """Whether a view of a study needs a file: its manifest, curves, what runs reported."""
    return is_small(name) and "tfevents" not in name


def send_left(files: RemoteFolder) -> None:
    """At the end of a search: sends what no worker has sent.

    Raises:
        RemoteError: The remote place refuses it; the files are kept.
    """
    trials = files.local / "trials"
    folders = [path for path in trials.glob("*") if path.name.isdecimal() and files.left(path)]
    try:
        for folder in sorted(folders):
            files.push(folder)
    except OSError as error:
        raise RemoteError(
            f"files of {len(folders)} trials could not be sent to {files.url}: {first_line(error)}",
            hint=f"They are kept in {trials}; run the same command again to send them.",
        ) from error
