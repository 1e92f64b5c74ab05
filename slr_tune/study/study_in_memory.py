"""The study's own part of Optuna's storage interface, from memory: name, direction, attributes.

What other programs write to a study's attributes meanwhile is not seen; each program writes
attributes of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from slr_tune.study.batches import StudyAttribute
from slr_tune.study.optuna_private import FrozenStudy


class StudyInMemory(BaseStorage):
    """One study of a storage; see `BufferedStorage`, which adds its trials."""

    def __init__(self, storage: BaseStorage, study: int) -> None:
        """Reads the study.

        Args:
            storage: Where it is stored.
            study: Its key.
        """
        self._study = study
        self._name = storage.get_study_name_from_id(study)
        self._directions = storage.get_study_directions(study)
        self._user_attributes = dict(storage.get_study_user_attrs(study))
        self._system_attributes = dict(storage.get_study_system_attrs(study))

    @abstractmethod
    def _note_attribute(self, attribute: StudyAttribute, value: Any) -> None:
        """Sees to it that an attribute of the study is stored."""

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Notes an attribute of the study."""
        self._user_attributes = {**self._user_attributes, key: value}
        self._note_attribute(StudyAttribute(key), value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Notes an attribute of the study that is a sampler's."""
        self._system_attributes = {**self._system_attributes, key: value}
        self._note_attribute(StudyAttribute(key, system=True), value)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Of the one study."""
        return self._study

    def get_study_name_from_id(self, study_id: int) -> str:
        """Of the one study."""
        return self._name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Of the one study."""
        return self._directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As read at the start, with what was noted since."""
        return self._user_attributes

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As read at the start, with what was noted since."""
        return self._system_attributes

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Optuna asks for it only where a study is made."""
        raise NotImplementedError

    def delete_study(self, study_id: int) -> None:
        """Optuna asks for it only where a study is deleted."""
        raise NotImplementedError

    def get_all_studies(self) -> list[FrozenStudy]:
        """Optuna asks for it only where studies are listed."""
        raise NotImplementedError
