"""A storage that only reads: what the dashboard writes stays in memory and in a file of its own.

The driver of a study is its only writer. A dashboard that could delete a study, end a trial or
rename a parameter under a running search would be a second one.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from slr_tune.dashboard.notes import KeptNotes, study_attributes
from slr_tune.dashboard.optuna_dashboard_private import note_of
from slr_tune.dashboard.translation import Translation
from slr_tune.errors import StudyError
from slr_tune.space import StudySpec
from slr_tune.study.folders import study_folder
from slr_tune.study.optuna_private import (
    FrozenStudy,
    read_trials,
    study_key,
    study_of_trial,
    trial_key,
    with_attributes,
)
from slr_tune.study.record import ATTRIBUTE


@dataclass(frozen=True)
class _Study:
    """What is read once of a study.

    Attributes:
        spec: None for a study that this project did not make: it is shown as it is.
        translation: Into the terms of its space.
        notes: What people typed.
    """

    spec: StudySpec | None
    translation: Translation | None
    notes: KeptNotes


class ReadOnlyStorage(BaseStorage):
    """The studies' database under additions that never reach it."""

    def __init__(self, database: RDBStorage) -> None:
        """Wraps an opened database."""
        self.database = database
        self._lock = threading.RLock()
        self._additions: dict[int, dict[str, Any]] = {}
        self._trial_additions: dict[int, dict[str, Any]] = {}
        self._studies: dict[int, _Study] = {}
        self._finished: dict[int, FrozenTrial] = {}

    def add(self, study_id: int, attributes: Mapping[str, Any]) -> None:
        """Replaces what is shown of a study beyond its database: note, plots, artifacts."""
        with self._lock:
            self._additions[study_id] = dict(attributes)

    def add_to_trials(self, attributes: Mapping[int, Mapping[str, Any]]) -> None:
        """Adds to what is shown of trials, by the database's key of the trial."""
        with self._lock:
            for trial_id, more in attributes.items():
                if self._trial_additions.get(trial_id) != more:
                    self._trial_additions[trial_id] = dict(more)
                    self._finished.pop(trial_id, None)

    # Reading

    def get_study_id_from_name(self, study_name: str) -> int:
        """As stored."""
        return self.database.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """As stored."""
        return self.database.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """As stored."""
        return self.database.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As stored, with this project's record in words."""
        stored = self.database.get_study_user_attrs(study_id)
        others = {key: value for key, value in stored.items() if key != ATTRIBUTE}
        with self._lock:
            spec = self._study(study_id).spec
        return {**(study_attributes(spec) if spec else {}), **others}

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As stored, with what was added; a person's own note comes before the made one."""
        stored = self.database.get_study_system_attrs(study_id)
        with self._lock:
            kept = self._study(study_id).notes.attributes
            made = self._additions.get(study_id, {})
            typed = {note_of(key) for key in kept} - {None}
            made = {key: value for key, value in made.items() if note_of(key) not in typed}
            return {**stored, **made, **kept}

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies with the same attributes as above."""
        return [
            with_attributes(
                study,
                user=self.get_study_user_attrs(study_key(study)),
                system=self.get_study_system_attrs(study_key(study)),
            )
            for study in sorted(self.database.get_all_studies(), key=study_key)
        ]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """In the file's terms."""
        trial = self.database.get_trial(trial_id)
        return self._shown(study_of_trial(self.database.engine, trial_id), [trial])[0]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """In the file's terms, in order of their numbers."""
        trials = self._shown(study_id, read_trials(self.database.engine, study_id))
        return [trial for trial in trials if states is None or trial.state in states]

    def _shown(self, study_id: int, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        with self._lock:
            fresh = [trial for trial in trials if trial_key(trial) not in self._finished]
            found = {trial_key(trial): trial for trial in self._translated(study_id, fresh)}
            for key, trial in found.items():
                trial.system_attrs = {**trial.system_attrs, **self._trial_additions.get(key, {})}
                if trial.state.is_finished():
                    self._finished[key] = trial
            return [found.get(trial_key(t)) or self._finished[trial_key(t)] for t in trials]

    def _translated(self, study_id: int, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        translation = self._study(study_id).translation
        return list(trials) if translation is None else translation.translate(trials)

    def _study(self, study_id: int) -> _Study:
        if study_id not in self._studies:
            stored = self.database.get_study_user_attrs(study_id).get(ATTRIBUTE)
            spec = StudySpec.from_identity(stored["identity"], trials=1) if stored else None
            translation = Translation(spec.space) if spec else None
            folder = study_folder(self.database.get_study_name_from_id(study_id))
            self._studies[study_id] = _Study(spec, translation, KeptNotes(folder))
        return self._studies[study_id]

    # Writing: notes are kept next to the study, all else is refused

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keeps a note in the study's folder.

        Raises:
            StudyError: It is anything else.
        """
        if note_of(key) is None:
            self._refuse()
        with self._lock:
            self._study(study_id).notes.keep(key, value)

    def _refuse(self, *args: Any, **more: Any) -> NoReturn:
        raise StudyError("the dashboard is read-only: only the search writes its study")

    create_new_study = delete_study = set_study_user_attr = _refuse
    create_new_trial = set_trial_param = set_trial_state_values = _refuse
    set_trial_intermediate_value = set_trial_user_attr = set_trial_system_attr = _refuse
