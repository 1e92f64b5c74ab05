"""Opens the study of a search-space file, or makes it; refuses one that is another's."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study

from slr_tune.errors import StudyChanged, StudyError
from slr_tune.space import StudySpec, difference
from slr_tune.space.strategies import PriorSpec, search_of
from slr_tune.study.belongings import adopt_folders, sort_out_folders
from slr_tune.study.folders import trial_folder
from slr_tune.study.optuna_private import get_storage
from slr_tune.study.record import ATTRIBUTE, SCHEMA, is_imported
from slr_tune.study.remote_files import KEY, remote_place
from slr_tune.study.store import StudyStore
from trainables.registry import is_recogniser

logger = logging.getLogger(__name__)


_GIVES_THE_VALUE = ("objective.", "trainable")
"""What decides whether an epoch has a value."""


def open_store(
    spec: StudySpec,
    storage: RDBStorage,
    *,
    data_hash: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> StudyStore:
    """Opens the study of a search-space file, or makes it. The caller holds the study's lock.

    Args:
        spec: The search.
        storage: The opened database.
        data_hash: Of the prepared data, None without.
        tell: Takes a line for a person, None for the log.

    Raises:
        StudyChanged: The stored study was made with another space; the differences are listed.
        StudyError: The study was made by another program, or by another version of this one.
    """
    cached = get_storage(storage)
    study = optuna.create_study(
        study_name=spec.study,
        storage=cached,
        direction=spec.objective.direction,
        load_if_exists=True,
    )
    stored = study.user_attrs.get(ATTRIBUTE)
    if stored is None:
        if study.get_trials(deepcopy=False):
            raise StudyError(
                f"study {spec.study!r} contains trials that slr-tune did not create",
                hint="Choose another name with --study.",
            )
        stored = {"schema": SCHEMA, "identity": spec.identity()}
    else:
        check_schema(spec.study, stored)
        asked, spec = spec, _with_its_strategy(spec, stored["identity"])
        lines = difference(_whole(stored["identity"]), spec.identity())
        of_no_value = all(line.startswith(_GIVES_THE_VALUE) for line in lines)
        if lines and not _has_epochs(study, spec.study, with_value=of_no_value):
            optuna.delete_study(study_name=spec.study, storage=cached)
            store = open_store(asked, storage, data_hash=data_hash, tell=tell)
            store.replaced = True
            return store
        if lines:
            raise StudyChanged(
                f"study {spec.study!r} was made with another space:\n  " + "\n  ".join(lines),
                hint="Trials of different spaces cannot be compared. Choose another name with "
                "--study, or undo the change.",
            )
        identity = {**stored["identity"], "trainable": spec.identity()["trainable"]}
        stored = {**stored, "identity": identity}  # a script may be resumed otherwise now
    of_before_ids = "id" not in stored and bool(study.get_trials(deepcopy=False))
    stored_text = {
        "id": uuid.uuid4().hex,
        **stored,
        "latest": spec.latest(),
        "recogniser": is_recogniser(spec.trainable),
    }
    if (place := remote_place(spec.study, storage)) is not None:
        stored_text[KEY] = place
    if stored != stored_text:
        study.set_user_attr(ATTRIBUTE, stored_text)
    store = StudyStore(study, cached, spec, storage)
    store.data_hash, store.tell = data_hash, tell or logger.warning
    store.folder.mkdir(parents=True, exist_ok=True)
    if of_before_ids:
        adopt_folders(store.folder, store.id, spec.study, store.trials, spec.objective.metric)
    sort_out_folders(store.folder, store.id, store.tell)
    store.enqueue_baseline()
    return store


def _with_its_strategy(spec: StudySpec, identity: Mapping[str, Any]) -> StudySpec:
    """The spec with the strategy that the study was made with, where its file names none."""
    return spec if spec.search.explicit else replace(spec, search=search_of(identity))


def _whole(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity of before there were strategies, with what was the only one."""
    prior = asdict(PriorSpec())
    return {"prior": prior, "search": search_of(identity).to_json(), **identity}


def _has_epochs(study: Study, name: str, *, with_value: bool) -> bool:
    """Whether any epoch of a study is stored, in the database or on disk.

    Args:
        study: The study.
        name: Its name.
        with_value: Whether only those count that have a value of the metric: without one, its name
            or the place where it is read was wrong, and to correct this must be possible.
    """
    trials = study.get_trials(deepcopy=False)
    return any(
        trial.intermediate_values
        or is_imported(trial)
        or (not with_value and any(trial_folder(name, trial.number).glob("c*/*.pt")))
        for trial in trials
    )


def is_known(study: str, storage: RDBStorage) -> bool:
    """Whether a database holds a study of that name, of whatever kind."""
    return study in optuna.get_all_study_names(storage)


def check_schema(study: str, stored: Any) -> None:
    """Refuses a study whose layout this version does not know.

    Raises:
        StudyError: With both versions.
    """
    schema = stored.get("schema") if isinstance(stored, Mapping) else None
    if schema != SCHEMA or "identity" not in stored:
        raise StudyError(
            f"study {study!r} is of schema {schema!r}, this version of slr-tune reads {SCHEMA}",
            hint="Use the version that made it, or choose another name with --study.",
        )
