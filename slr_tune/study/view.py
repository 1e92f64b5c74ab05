"""A study as a reader sees it: list, show, best, reports. Writes nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from slr_tune.errors import StudyError, StudyMissing
from slr_tune.space import StudySpec
from slr_tune.study.belongings import own_trial_folder
from slr_tune.study.folders import found_elsewhere, study_folder
from slr_tune.study.lock import Driver, drivers
from slr_tune.study.notes import read_notes
from slr_tune.study.open_study import check_schema
from slr_tune.study.optuna_private import count_studies, read_trials
from slr_tune.study.record import (
    ATTRIBUTE,
    ended_by,
    epochs_run,
    is_deleted,
    is_foreign,
    is_imported,
    is_paused,
    record_of,
)
from slr_tune.study.remote_files import bring_study, files_of
from slr_tune.study.storage import STORAGE_VARIABLE, opened_storage, storage_errors, storage_url
from trainables.files.curve import CurveFile
from trainables.files.remote import RemoteFolder
from trainables.registry import BUILT_IN_NAMES

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StudyView:
    """A study at one moment.

    Attributes:
        spec: The search-space it was made with.
        trials: Its own trials, in order of their number.
        driver: Who runs it or last ran it, None where that is not known.
        folder: Its folder.
        id: Made once with the study; None of one that an older version made.
        foreign: Trials that another tool added or ended. Nothing that is counted, compared or
            drawn looks at them.
        stored_recogniser: What the study records about `recogniser`; None of an older version's.
        notes: What people wrote of the study (key "") and of its trials (their numbers).
        storage: URL of the database that was named; None for the one of the studies' folder.
        files: The remote place of its files; None of files that are in `folder` alone.
    """

    spec: StudySpec
    trials: list[FrozenTrial]
    driver: Driver | None
    folder: Path
    id: str | None = None
    foreign: tuple[FrozenTrial, ...] = ()
    stored_recogniser: bool | None = None
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    storage: str | None = None
    files: RemoteFolder | None = None

    @property
    def imported(self) -> list[FrozenTrial]:
        """Trials that were run elsewhere and taken over; `trials` holds them too."""
        return [trial for trial in self.trials if is_imported(trial)]

    @property
    def run_here(self) -> list[FrozenTrial]:
        """Trials that this study ran itself: what was requested, and what it cost."""
        return [trial for trial in self.trials if not is_imported(trial)]

    @property
    def recogniser(self) -> bool:
        """Whether its runs are recognisers, built in or derived from one.

        The study says so: who looks at it runs no code of it.
        """
        if self.stored_recogniser is None:
            return self.spec.trainable in BUILT_IN_NAMES
        return self.stored_recogniser

    @property
    def minimizes(self) -> bool:
        """Whether smaller values are better."""
        return self.spec.objective.direction == "minimize"

    @property
    def running(self) -> bool:
        """Whether a driver is running on it."""
        return self.driver is not None and self.driver.alive

    def trial(self, number: int) -> FrozenTrial:
        """A trial of its own by its number.

        Raises:
            StudyError: There is none.
        """
        for trial in self.trials:
            if trial.number == number:
                return trial
        name = self.spec.study
        if any(trial.number == number for trial in self.foreign):
            raise StudyError(
                f"trial {number} of study {name!r} is foreign: another tool added or ended it",
                hint=f"slr-tune show {name} lists the study's own trials.",
            )
        numbers = [trial.number for trial in self.trials]
        hint = f"It has trials {numbers[0]} to {numbers[-1]}." if numbers else "It has none yet."
        raise StudyError(f"study {name!r} has no trial {number}", hint=hint)

    def curve(self, number: int) -> list[dict[str, float]]:
        """Rows of a trial's curve; none where only another study's files are there."""
        return CurveFile(self.own_folder(number) / "curve.csv").rows()

    def own_folder(self, number: int) -> Path:
        """A trial's folder; where another study's is in its place, the one it was moved to."""
        return own_trial_folder(self.folder / "trials", number, self.id)

    def best(self) -> FrozenTrial | None:
        """The best trial that ended by itself, or a pruned one if there is no other. None without.

        A pruned trial's value is of an earlier epoch than the others', so it is not compared.
        """
        sign = 1 if self.minimizes else -1
        for state in (TrialState.COMPLETE, TrialState.PRUNED):
            done = [trial for trial in self.trials if trial.state == state and trial.values]
            if done:
                return min(done, key=lambda trial: sign * trial.values[0])
        return None


def load_study(name: str | None, storage: str | None = None) -> StudyView:
    """Reads a study.

    Args:
        name: Its name; None for the most recent study.
        storage: Database URL, None for the default.

    Raises:
        StudyMissing: There is no such study, or no study at all.
        StudyError: It is not this project's.
        StorageError: The database does not answer.
    """
    if name is not None:
        found_elsewhere(name, None)  # of a study of that name in another database
    with storage_errors(storage_url(storage)):
        with opened_storage(storage) as database:
            known = {driver.study: driver for driver in drivers(database.engine)}
            names = optuna.get_all_study_names(database)
            chosen = _choose(name, names, list(known))
            view = read_study(database, chosen, known.get(chosen))
    if view.files is not None:
        bring_study(view.files, logger.warning)
    return replace(view, storage=storage or os.environ.get(STORAGE_VARIABLE) or None)


def read_study(database: RDBStorage, name: str, driver: Driver | None) -> StudyView:
    """Reads a study that is there.

    Args:
        database: The opened database.
        name: The study's name.
        driver: Who runs it or last ran it.

    Raises:
        StudyError: It is not this project's.
    """
    study_id = database.get_study_id_from_name(name)
    attributes = database.get_study_user_attrs(study_id)
    stored = attributes.get(ATTRIBUTE)
    if stored is None:
        raise StudyError(f"study {name!r} was not made by slr-tune")
    check_schema(name, stored)
    found = [one for one in read_trials(database.engine, study_id) if not is_deleted(one)]
    trials = [trial for trial in found if not is_foreign(trial)]
    foreign = tuple(trial for trial in found if is_foreign(trial))
    here = sum(not is_imported(trial) for trial in trials)
    spec = StudySpec.from_identity(
        stored["identity"], trials=max(1, here), latest=stored.get("latest")
    )
    recogniser = stored.get("recogniser")
    files = files_of(stored, name)
    found_elsewhere(name, None if files is None else files.local)
    folder, notes = study_folder(name), read_notes(attributes)
    return StudyView(
        spec, trials, driver, folder, stored.get("id"), foreign, recogniser, notes, files=files
    )


@dataclass(frozen=True)
class StudyLine:
    """A study in a list.

    Attributes:
        name: Its name.
        trials: Number of its own trials by state, Optuna's names; of a study that another program
            made, of all.
        best: Best value of one of them that is finished, None without.
        last_written: When a trial last began or ended, local time.
        running: Whether a driver is running on it.
        ours: Whether slr-tune made it.
        foreign: Number of trials that another tool added or ended.
        imported: Number of trials that were run elsewhere; `trials` counts them too.
    """

    name: str
    trials: dict[str, int]
    best: float | None
    last_written: datetime | None
    running: bool
    ours: bool
    foreign: int = 0
    imported: int = 0


def list_studies(storage: str | None = None) -> list[StudyLine]:
    """All studies of a database, the one written last first.

    Raises:
        StorageError: The database does not answer.
    """
    with storage_errors(storage_url(storage)):
        with opened_storage(storage) as database:
            return study_lines(database)


def study_lines(database: RDBStorage) -> list[StudyLine]:
    """All studies of an opened database, the one written last first."""
    known = drivers(database.engine)
    order = {driver.study: place for place, driver in enumerate(known)}
    running = {driver.study for driver in known if driver.alive}
    lines = [
        StudyLine(
            one.name,
            one.states,
            one.best,
            one.last_written,
            one.name in running,
            ATTRIBUTE in one.attributes,
            one.foreign,
            one.imported,
        )
        for one in count_studies(database.engine)
    ]
    return sorted(lines, key=lambda line: (order.get(line.name, len(order)), line.name))


def _choose(name: str | None, names: list[str], by_time: list[str]) -> str:
    if name is None:
        # A database may be older than its drivers' table: then the study that was made last.
        latest = [candidate for candidate in by_time if candidate in names] or names[-1:]
        if not latest:
            raise StudyMissing(
                "there is no study yet", hint="Create one with slr-tune run distill."
            )
        return latest[0]
    if name in names:
        return name
    near = get_close_matches(name, names, n=3, cutoff=0.4)
    known = ", ".join(near or sorted(names)[:10]) or "none"
    raise StudyMissing(f"there is no study {name!r}", hint=f"Known, nearest first: {known}.")


def trial_row(trial: FrozenTrial) -> dict[str, Any]:
    """A trial as plain values for a table or JSON."""
    record = record_of(trial)
    return {
        "number": trial.number,
        "state": trial.state.name,
        "ended_by": ended_by(trial) if trial.state.is_finished() else None,
        "value": trial.values[0] if trial.values else None,
        "epochs": epochs_run(trial),
        "best_epoch": None if record is None else record.best_epoch,
        "spared_at": None if record is None else record.spared_at,
        "paused_at": record.paused_at if record is not None and is_paused(trial) else None,
        "source": None if record is None else record.source,
        "seconds": None if record is None else round(record.seconds, 3),
        "params": dict(trial.params),
        "config": None if record is None else dict(record.config),
        "checkpoint": None if record is None else record.checkpoint,
        "error": None if record is None else record.error,
        "imported": None if record is None else record.imported,
    }
