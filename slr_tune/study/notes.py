"""Notes that people write of a study and of its trials: in the database, next to the record.

A finished trial is frozen, so all notes belong to the study, under an attribute of their own
that a driver never writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.storages import RDBStorage

NOTES = "slr_notes"
"""Attribute of a study: {"": notes of the study, "7": notes of trial 7}, oldest first."""


def read_notes(attributes: Mapping[str, Any]) -> dict[str, list[str]]:
    """The notes among a study's attributes; what another program wrote there is left out."""
    stored = attributes.get(NOTES)
    if not isinstance(stored, Mapping):
        return {}
    return {
        str(key): [*map(str, texts)] for key, texts in stored.items() if isinstance(texts, list)
    }


def add_note(storage: RDBStorage, study: str, text: str, *, trial: int | None = None) -> None:
    """Adds a note; a driver may be at work meanwhile.

    Args:
        storage: The opened database.
        study: The study's name.
        text: What it says.
        trial: Number of the trial it is of; None for the study.
    """
    loaded = optuna.load_study(study_name=study, storage=storage)
    notes = read_notes(loaded.user_attrs)
    notes.setdefault("" if trial is None else str(trial), []).append(text)
    loaded.set_user_attr(NOTES, notes)
