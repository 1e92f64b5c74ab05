"""A study from one database to another: copied, compared with what was read, then deleted there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from slr_tune.errors import RunFailed, StudyError
from slr_tune.study.lock import StudyLock, forget_driver
from slr_tune.study.open_study import check_schema, is_known
from slr_tune.study.optuna_private import read_trials
from slr_tune.study.record import ATTRIBUTE
from slr_tune.study.storage import shown_url

_MOVING = "slr_tune_moving"
"""Attribute of a study that is not whole yet; `ATTRIBUTE` comes last, so no command takes it."""

_LINES_EVERY = 1000


@dataclass(frozen=True)
class Moved:
    """What was moved, every part of it compared on both sides.

    Attributes:
        study: The study's name.
        trials: Number of trials; their numbers, states, times, values and parameters are the same.
        intermediate_values: Number of values per epoch, the same to the last bit.
        attributes: Number of attributes of the study and of its trials.
    """

    study: str
    trials: int
    intermediate_values: int
    attributes: int


def move_study(
    name: str, source: RDBStorage, target: RDBStorage, tell: Callable[[str], None]
) -> Moved:
    """Moves a study. Cut off anywhere, the same call continues; until the end the source has all.

    Args:
        name: The study.
        source: The database that has it.
        target: The database it goes to.
        tell: Called with each message.

    Raises:
        StudyError: It is not this project's, a driver works on it, or the target has another one
            of that name.
        RunFailed: The copy differs; the source is as it was.
    """
    if _place(source) == _place(target):
        raise StudyError(
            f"study {name!r} is in {shown_url(source.engine.url)} already",
            hint="Name another database with --to.",
        )
    with StudyLock(source.engine, name), StudyLock(target.engine, name):
        stored = _stored(source, name)
        check_schema(name, stored)
        if _make_room(name, stored, target):
            _copy(name, source, target, tell)
        moved = _compare(name, source, target)
        optuna.delete_study(study_name=name, storage=source)
    forget_driver(source.engine, name)
    return moved


def _place(storage: RDBStorage) -> str:
    return storage.engine.url.render_as_string(hide_password=True)


def _stored(storage: RDBStorage, name: str) -> Any:
    key = storage.get_study_id_from_name(name)
    return storage.get_study_user_attrs(key).get(ATTRIBUTE)


def _make_room(name: str, stored: Any, target: RDBStorage) -> bool:
    """Whether there is something to copy; what an earlier call left half done is deleted."""
    if not is_known(name, target):
        return True
    key = target.get_study_id_from_name(name)
    attributes = target.get_study_user_attrs(key)
    if ATTRIBUTE not in attributes and _MOVING in attributes:
        target.delete_study(key)
        return True
    if attributes.get(ATTRIBUTE) == stored and _MOVING in attributes:
        return False
    raise StudyError(
        f"{shown_url(target.engine.url)} has a study {name!r} already",
        hint="Move it to another database, or delete that one first.",
    )


def _copy(name: str, source: RDBStorage, target: RDBStorage, tell: Callable[[str], None]) -> None:
    old = source.get_study_id_from_name(name)
    new = target.create_new_study(source.get_study_directions(old), name)
    target.set_study_user_attr(new, _MOVING, True)
    for key, value in source.get_study_system_attrs(old).items():
        target.set_study_system_attr(new, key, value)
    trials = read_trials(source.engine, old)
    for trial in trials:
        target.create_new_trial(new, template_trial=trial)
        if (trial.number + 1) % _LINES_EVERY == 0:
            tell(f"{trial.number + 1} of {len(trials)} trials copied")
    attributes = source.get_study_user_attrs(old)
    for key in sorted(attributes, key=lambda key: key == ATTRIBUTE):
        target.set_study_user_attr(new, key, attributes[key])


def _compare(name: str, source: RDBStorage, target: RDBStorage) -> Moved:
    """Reads both and finds them the same.

    Raises:
        RunFailed: They are not.
    """
    keys = [storage.get_study_id_from_name(name) for storage in (source, target)]
    pairs = list(zip((source, target), keys, strict=True))
    ours, theirs = ([_content(t) for t in read_trials(s.engine, key)] for s, key in pairs)
    study = [
        (s.get_study_directions(key), s.get_study_system_attrs(key), _own(s, key))
        for s, key in pairs
    ]
    number = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    if len(ours) != len(theirs) or number is not None or study[0] != study[1]:
        where = "its attributes" if number is None else f"trial {number}"
        if len(ours) != len(theirs):
            where = f"the number of trials, {len(theirs)} for {len(ours)}"
        raise RunFailed(
            f"the copy of study {name!r} differs in {where}; the study stays where it is",
            hint="Run the same command again.",
        )
    trials = read_trials(source.engine, keys[0])
    attributes = sum(len(trial.user_attrs) + len(trial.system_attrs) for trial in trials)
    return Moved(
        name,
        len(trials),
        sum(len(trial.intermediate_values) for trial in trials),
        attributes + len(study[0][1]) + len(study[0][2]),
    )


def _own(storage: RDBStorage, key: int) -> dict[str, Any]:
    found = storage.get_study_user_attrs(key)
    return {name: value for name, value in found.items() if name != _MOVING}


def _content(trial: FrozenTrial) -> tuple[Any, ...]:
    """All of a trial but its key in the database; NaN is the same as NaN here."""
    return (
        trial.number,
        trial.state,
        trial.datetime_start,
        trial.datetime_complete,
        repr(trial.values),
        repr(sorted(trial.intermediate_values.items())),
        trial.params,
        trial.distributions,
        trial.user_attrs,
        trial.system_attrs,
    )
