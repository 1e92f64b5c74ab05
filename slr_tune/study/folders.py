"""Where a study's files lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slr_tune.errors import SlrTuneError
from trainables.files.remote import check_url, is_url, private_folder

STUDIES_VARIABLE = "SLR_TUNE_STUDIES"
CACHE_VARIABLE = "SLR_TUNE_CACHE"

_chosen: list[str] = []
"""Remote places that this process works with, the innermost last."""
_elsewhere: dict[str, Path] = {}
"""Folders of studies whose files have a remote place, as their databases say."""


def studies_root() -> Path:
    """Folder of all studies: `SLR_TUNE_STUDIES`, or `studies` below the working directory.

    Where that is a URL, the local folder that stands for it.

    Raises:
        SlrTuneError: It is in the home directory of somebody who has none.
    """
    url = remote_studies()
    if url is not None:
        return local_root(url)
    return at_home(os.environ.get(STUDIES_VARIABLE) or "studies", STUDIES_VARIABLE).absolute()


def remote_studies() -> str | None:
    """URL of the place of all studies, as a space or `SLR_TUNE_STUDIES` says; None of a folder.

    Raises:
        SlrTuneError: The variable's holds a password.
    """
    if _chosen:
        return _chosen[-1]
    given = os.environ.get(STUDIES_VARIABLE, "")
    if not is_url(given):
        return None
    try:
        return check_url(given)
    except ValueError as error:
        raise SlrTuneError(f"{STUDIES_VARIABLE}: {error}") from error


@contextmanager
def studies_in(url: str | None) -> Iterator[None]:
    """Has the studies in a remote place for the time of a block; None leaves all as it is."""
    if url is None:
        yield
        return
    _chosen.append(url)
    try:
        yield
    finally:
        _chosen.remove(url)


@contextmanager
def study_in(study: str, url: str | None) -> Iterator[None]:
    """Has one study in its remote place for the time of a block; None for the usual folder.

    What an earlier study of that name, in another database, left noted is forgotten.
    """
    with studies_in(url):
        found_elsewhere(study, None if url is None else local_root(url) / study)
        yield


def local_root(url: str) -> Path:
    """The local folder that stands for a remote place; nobody else can look into it.

    It is in `SLR_TUNE_CACHE`, or in `~/.cache/slr-tune`.
    """
    given = os.environ.get(CACHE_VARIABLE) or "~/.cache/slr-tune"
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = at_home(given, CACHE_VARIABLE).absolute() / name
    private_folder(folder)
    return folder


def found_elsewhere(study: str, folder: Path | None) -> None:
    """Notes where the files of a study are that its database knows; None of a usual place."""
    if folder is None:
        _elsewhere.pop(study, None)
    else:
        _elsewhere[study] = folder


def at_home(path: str, what: str) -> Path:
    """A path with `~` for the home directory, which nobody expands in a variable or a URL.

    Args:
        path: As it was written.
        what: Where it was written, for the error.

    Raises:
        SlrTuneError: There is no such home directory. A folder called ~ is never meant.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        user = path.split("/")[0]
        raise SlrTuneError(
            f"{what}: there is no home directory {user!r} in {path!r}",
            hint="Write the whole path, or ./~name if the folder has that name.",
        )
    return Path(expanded)


def cache_root() -> Path:
    """Folder of what can be made again: packed data, trained teachers, their outputs."""
    return studies_root() / ".cache"


def study_folder(study: str) -> Path:
    """Folder of one study: its `study.yaml`, `trials/`, reports."""
    return _elsewhere.get(study) or studies_root() / study


def trial_folder(study: str, number: int) -> Path:
    """Folder of one trial: `curve.csv`, TensorBoard events, `checkpoints/`."""
    return study_folder(study) / "trials" / str(number)
