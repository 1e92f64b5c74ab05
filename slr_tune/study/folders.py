"""Where a study's files lie."""

from __future__ import annotations

import os
from pathlib import Path

from slr_tune.errors import SlrTuneError

STUDIES_VARIABLE = "SLR_TUNE_STUDIES"


def studies_root() -> Path:
    """Folder of all studies: `SLR_TUNE_STUDIES`, or `studies` below the working directory.

    Raises:
        SlrTuneError: It is in the home directory of somebody who has none.
    """
    return at_home(os.environ.get(STUDIES_VARIABLE) or "studies", STUDIES_VARIABLE).absolute()


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
            hint="Write the whole path, or ./~name where the folder is called that.",
        )
    return Path(expanded)


def cache_root() -> Path:
    """Folder of what can be made again: packed data, trained teachers, their outputs."""
    return studies_root() / ".cache"


def study_folder(study: str) -> Path:
    """Folder of one study: its `study.yaml`, `trials/`, reports."""
    return studies_root() / study


def trial_folder(study: str, number: int) -> Path:
    """Folder of one trial: `curve.csv`, TensorBoard events, `checkpoints/`."""
    return study_folder(study) / "trials" / str(number)
