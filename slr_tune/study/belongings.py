"""What a study's folder holds, set against what its database says: nothing is trusted by its name.

The same name may be that of a study in another database, or of one whose database was deleted.
Their folders are moved aside before a search, and reported in one line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from optuna.trial import FrozenTrial

from slr_tune.study.record import TrialRecord, record_of
from slr_tune.text import counted
from trainables.files.curve import CurveFile
from trainables.files.origin import (
    Origin,
    configuration_hash,
    of_study,
    read_origin,
    sort_out,
    write_origin,
)

_MOST_NAMES = 3


def trial_origin(study_id: str, study: str, number: int, record: TrialRecord) -> Origin:
    """What the files of a trial belong to, data and teacher left open."""
    return Origin(study_id, study, number, configuration_hash(record.config, record.seed))


def sort_out_folders(folder: Path, study_id: str, tell: Callable[[str], None]) -> None:
    """Moves the trials of other studies out of a study's folder, and brings its own back."""
    moved, back = sort_out(folder / "trials", study_id)
    if moved:
        tell(
            f"{folder / 'trials'} held {counted(len(moved), 'trial')} of another study of this "
            f"name, deleted or in another database: moved to {_names(moved)}"
        )
    if back:
        tell(f"Trials {', '.join(path.name for path in back)} were moved aside earlier; restored")


def adopt_folders(
    folder: Path, study_id: str, study: str, trials: Sequence[FrozenTrial], metric: str
) -> None:
    """Takes the folders over that a study of before ids wrote, once.

    One whose curve does not agree with the stored values stays as it is: nobody takes it up.
    """
    adopted = []
    for trial in trials:
        place = folder / "trials" / str(trial.number)
        record = record_of(trial)
        if record is None or not place.is_dir() or read_origin(place) is not None:
            continue
        if _agrees(place, trial, metric):
            origin = trial_origin(study_id, study, trial.number, record)
            write_origin(place, replace(origin, adopted=True))
            adopted.append(trial.number)
    if adopted:
        logging.getLogger(__name__).info("took over the folders of %d trials", len(adopted))


def _agrees(place: Path, trial: FrozenTrial, metric: str) -> bool:
    """Whether the curve says what the database says: best values so far are never better."""
    values = trial.intermediate_values
    rows = CurveFile(place / "curve.csv").rows()
    first = next((row for row in rows if row.get(metric) == row.get(metric)), None)
    if first is None or int(first.get("epoch", 0)) not in values:
        return True
    return values[int(first["epoch"])] == first.get(metric)


def own_trial_folder(trials: Path, number: int, study_id: str | None) -> Path:
    """A trial's folder, or where it was moved to when a study of the same name took its place.

    Args:
        trials: The folder of trials.
        number: The trial's.
        study_id: The study's; None of one that has none yet, which trusts names.
    """
    folder = trials / str(number)
    found = None if study_id is None else read_origin(folder)
    if study_id is None or found is None or found.study_id == study_id:
        return folder
    return trials / f"{number}.{of_study(replace(found, study_id=study_id))}"


def _names(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths[:_MOST_NAMES]]
    return ", ".join(names) + (", ..." if len(paths) > _MOST_NAMES else "")
