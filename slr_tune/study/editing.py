"""A study changed by hand: a configuration added, a trial ended, a trial or the study deleted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from slr_tune.errors import SpecError, StudyError
from slr_tune.study.lock import StudyLock, forget_driver, locked_folder
from slr_tune.study.optuna_private import empty_trial, end_trial, trial_key
from slr_tune.study.record import DELETED, TrialRecord, record_of
from slr_tune.study.view import StudyView
from trainables.files.origin import read_origin


def enqueue(storage: RDBStorage, view: StudyView, values: Mapping[str, Any]) -> int:
    """Adds a configuration, which is tried before any new suggestion; a search may be running.

    Args:
        storage: The opened database.
        view: The study.
        values: Nested values of its space.

    Returns:
        The trial's number.

    Raises:
        SpecError: The values are not in the space, or the trainable refuses them.
        StudyError: A trial of the study has these values already.
    """
    spec = view.spec
    params = spec.space.encode(values)
    spec.config_for(values)
    study = optuna.load_study(study_name=spec.study, storage=storage)
    wanted = spec.space.decode(params)
    for trial in study.get_trials(deepcopy=False):
        asked = trial.params or trial.system_attrs.get("fixed_params") or {}
        with suppress(SpecError):  # another tool's trial may be none of the space
            same = spec.space.decode(asked) == wanted
            if not same or trial.state == TrialState.FAIL:
                continue
            state = trial.state.name.lower()
            raise StudyError(
                f"trial {trial.number} of study {spec.study!r} has these values already; it is "
                f"{state}",
                hint="The same seed would give the same run: slr-tune confirm uses new seeds.",
            )
    study.enqueue_trial(params)
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return max(trial.number for trial in waiting)


def stop_trial(storage: RDBStorage, view: StudyView, number: int) -> None:
    """Ends a trial that runs or waits; a driver notices with its next report.

    Raises:
        StudyError: There is no such trial, or it has ended.
    """
    trial = view.trial(number)
    record = record_of(trial) or TrialRecord(view.spec.fixed, view.spec.seed)
    values = trial.intermediate_values
    stopped = replace(
        record,
        ended_by="aborted",
        epochs=max(record.epochs, max(values, default=0)),
        error="stopped by hand",
    )
    if not end_trial(storage.engine, trial_key(trial), stopped.to_json()):
        raise StudyError(
            f"trial {number} of study {view.spec.study!r} has ended: {trial.state.name.lower()}",
            hint="Only one that runs or waits can be stopped.",
        )


@dataclass(frozen=True)
class Deletion:
    """What a deletion takes away.

    Attributes:
        trials: Number of trials.
        paths: Files and folders.
        size: Their bytes.
    """

    trials: int
    paths: tuple[Path, ...]
    size: int


def deletion_of(view: StudyView, number: int | None) -> Deletion:
    """What would be deleted: a trial, or the study where no number is given.

    Folders in the study's folder that another study of its name has left are not touched.

    Raises:
        StudyError: There is no such trial.
    """
    if number is not None:
        view.trial(number)
        paths = [folder] if (folder := view.own_folder(number)).exists() else []
        return Deletion(1, tuple(paths), sum(map(_size, paths)))
    entries = [*view.folder.iterdir()] if view.folder.is_dir() else []
    trials = view.folder / "trials"
    paths = [path for path in entries if path != trials]
    for entry in trials.iterdir() if trials.is_dir() else ():
        origin = read_origin(entry) if entry.is_dir() else None
        if origin is None or view.id is None or origin.study_id == view.id:
            paths.append(entry)
    return Deletion(len(view.trials) + len(view.foreign), tuple(paths), sum(map(_size, paths)))


def delete(storage: RDBStorage, view: StudyView, number: int | None) -> Deletion:
    """Deletes a trial, or the study where no number is given.

    Of a trial its number stays, so that no other gets it; nothing counts or shows it.

    Raises:
        StudyError: There is no such trial, or a driver works on the study.
    """
    name = view.spec.study
    with StudyLock(storage.engine, name):
        if view.folder.is_dir():
            with locked_folder(view.folder):
                found = _delete(storage, view, number)
        else:
            found = _delete(storage, view, number)
    if number is None:
        forget_driver(storage.engine, name)
        for folder in (view.folder / "trials", view.folder):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return found


def _delete(storage: RDBStorage, view: StudyView, number: int | None) -> Deletion:
    """The database first: files of a study that is gone harm nobody."""
    found = deletion_of(view, number)
    if number is None:
        optuna.delete_study(study_name=view.spec.study, storage=storage)
    else:
        gone = TrialRecord({}, view.spec.seed, ended_by=DELETED)
        empty_trial(storage.engine, trial_key(view.trial(number)), gone.to_json())
    if view.files is not None:
        view.files.delete(view.folder if number is None else view.own_folder(number))
    for path in found.paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return found


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())
