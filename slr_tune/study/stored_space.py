"""The search space that is stored with a study: for commands that work without its file."""

from __future__ import annotations

from pathlib import Path

from slr_tune.errors import StorageMissing, StudyError, StudyMissing
from slr_tune.study.folders import study_folder
from slr_tune.study.manifest import SPACE_COPY, last_run
from slr_tune.study.view import list_studies, load_study


def stored_space(study: str, storage: str | None) -> tuple[Path, list[str]]:
    """The copy of a study's search-space file, and the changes of its last run.

    Args:
        study: Name of the study.
        storage: Database URL, None for the default.

    Returns:
        The file, and the changes as values of `--set`, such as `["budget.trials=5", "seed=3"]`.

    Raises:
        StudyMissing: There is no such study.
        StudyError: It has no copy of its search-space file.
    """
    if not (study_folder(study) / SPACE_COPY).is_file():
        load_study(study, storage)  # fetches the files of a remote study, or says what is there
    folder = study_folder(study)
    path = folder / SPACE_COPY
    if not path.is_file():
        raise StudyError(
            f"--from-study {study}: this study has no copy of its search space ({path})",
            hint=f"Give the file: slr-tune run FILE --study {study}",
        )
    return path, last_run(folder).sets


def ablated_space(study: str, storage: str | None) -> Path | None:
    """The copy of the search-space file where a study was never searched; else None.

    Raises:
        SlrTuneError: As `stored_space`.
    """
    try:
        if any(line.name == study for line in list_studies(storage)):
            return None  # the database has its space
    except (StudyMissing, StorageMissing):
        pass
    return stored_space(study, storage)[0]
