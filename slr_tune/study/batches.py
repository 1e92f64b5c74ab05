"""Many changes of a study's trials in one transaction, which may be tried again.

A transaction whose answer was lost may have been stored: each write here is one that changes
nothing when it is made a second time, and a trial that was made is found again by its record.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import Connection, Engine

from slr_tune.study.optuna_private import (
    PARAMS,
    RECORD,
    STEPS,
    STUDIES,
    STUDY_SYSTEM,
    STUDY_USER,
    SYSTEM,
    TRIALS,
    USER,
    VALUES,
    read_trials,
    stored_step,
    stored_value,
)

_OPEN = (TrialState.RUNNING, TrialState.WAITING)


class Drawn(NamedTuple):
    """A parameter's value as Optuna stores it, and where it was drawn from."""

    value: float
    distribution: BaseDistribution


@dataclass(frozen=True)
class TrialChanges:
    """What is to be stored of one trial.

    Attributes:
        is_new: Whether its row is to be made.
        state: The new state; None where it stays.
        started: When it went to a worker, local time; None where that stays.
        ended: When it ended, local time; None where it did not.
        values: Of the objectives; None where they stay.
        starts_over: Whether the intermediate values that are stored go first.
        params: By name.
        steps: Intermediate values by epoch.
        user: User attributes.
        system: System attributes.
    """

    is_new: bool = False
    state: TrialState | None = None
    started: datetime | None = None
    ended: datetime | None = None
    values: Sequence[float] | None = None
    starts_over: bool = False
    params: Mapping[str, Drawn] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)

    def then(self, later: TrialChanges) -> TrialChanges:
        """These and what came later, as one."""
        return TrialChanges(
            is_new=self.is_new,
            state=later.state or self.state,
            started=later.started or self.started,
            ended=later.ended or self.ended,
            values=self.values if later.values is None else later.values,
            starts_over=self.starts_over or later.starts_over,
            params={**self.params, **later.params},
            steps=later.steps if later.starts_over else {**self.steps, **later.steps},
            user={**self.user, **later.user},
            system={**self.system, **later.system},
        )


class StudyAttribute(NamedTuple):
    """The name of an attribute of the study itself, a user attribute or one of a sampler's."""

    name: str
    system: bool = False


@dataclass(frozen=True)
class Batch:
    """What goes into one transaction.

    Attributes:
        attributes: Of the study itself, by name.
        changes: By the trial's key; a new trial has one of its own, below 0.
        known: The highest key of a trial that the driver knows; -1 without any.
        open: Keys of the trials that are not finished as far as it knows.
        asks: Whether it asks what other programs did.
    """

    changes: Mapping[int, TrialChanges]
    known: int = -1
    open: frozenset[int] = frozenset()
    asks: bool = False
    attributes: Mapping[StudyAttribute, Any] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.changes or self.attributes)


@dataclass(frozen=True)
class Stored:
    """What a transaction did.

    Attributes:
        made: Key and number of each new trial, by the key that it had before.
        overruled: Keys of trials that somebody else has ended; nothing of them was stored.
        others: Trials as stored that other programs made or ended.
    """

    made: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    overruled: frozenset[int] = frozenset()
    others: Sequence[FrozenTrial] = ()


def store_batch(
    engine: Engine, study: int, batch: Batch, guard: Callable[[Connection], None] | None = None
) -> Stored:
    """Stores a batch: all of it or nothing.

    Args:
        engine: Of the database.
        study: The study's key.
        batch: May have been stored already.
        guard: Looks, in the same transaction, whether the caller may write; raises if not.
    """
    with _writing(engine) as connection:
        if guard is not None:
            guard(connection)
        ended = _ended(connection, [key for key in batch.changes if key >= 0])
        theirs = {key for key, state in ended.items() if batch.changes[key].state != state}
        mine = {key: one for key, one in batch.changes.items() if key not in ended}
        made = _make(connection, study, batch, [key for key in mine if mine[key].is_new])
        keys = {key: made[key][0] if key in made else key for key in mine}
        if mine:
            _write(connection, {keys[key]: one for key, one in mine.items()})
        _write_attributes(connection, study, batch.attributes)
        found = theirs | (_news(connection, study, batch) if batch.asks else set())
    found -= {key for key, _ in made.values()}
    others = read_trials(engine, study, TRIALS.c.trial_id.in_(found)) if found else ()
    return Stored(made, frozenset(theirs), others)


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # Before the first read: nobody may end a trial between that and the write.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


def _ended(connection: Connection, keys: Sequence[int]) -> dict[int, TrialState]:
    """Those of the trials that are finished, with their state; the others are held."""
    if not keys:
        return {}
    query = sa.select(TRIALS.c.trial_id, TRIALS.c.state).where(TRIALS.c.trial_id.in_(keys))
    found = connection.execute(query.order_by(TRIALS.c.trial_id).with_for_update())
    return {key: state for key, state in found if state.is_finished()}


def _news(connection: Connection, study: int, batch: Batch) -> set[int]:
    """Keys of trials that others made since, or ended."""
    key, of_study = TRIALS.c.trial_id, TRIALS.c.study_id == study
    later = connection.scalars(sa.select(key).where(of_study, key > batch.known)).all()
    ours = {key for key, one in batch.changes.items() if one.ended is not None}
    expected = batch.open - ours
    known = of_study, key <= batch.known, TRIALS.c.state.in_(_OPEN)
    # Of hundreds of paused trials the database counts how many, which is faster than listing them.
    open_count = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(key), 0)).where(*known)
    number, total = connection.execute(open_count).one()
    if (number, int(total)) == (len(expected), sum(expected)):
        return {*later}
    return {*later} | expected.difference(connection.scalars(sa.select(key).where(*known)))


def _make(
    connection: Connection, study: int, batch: Batch, keys: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Makes the rows of new trials, or finds those that an earlier attempt made."""
    if not keys:
        return {}
    # As Optuna does: who counts the trials must be alone with it.
    lock = sa.select(STUDIES.c.study_id).where(STUDIES.c.study_id == study).with_for_update()
    connection.execute(lock)
    before = _made_before(connection, study, batch.known)
    made: dict[int, tuple[int, int]] = {}
    for key in keys:
        one = batch.changes[key]
        text = json.dumps(one.user.get(RECORD))
        known = next((row for row in before if row[2] == text), None)
        if known is not None:
            before.remove(known)
            made[key] = known[0], known[1]
            continue
        head = {"study_id": study, "state": one.state, "datetime_start": _utc(one.started)}
        result = connection.execute(sa.insert(TRIALS).values(**head))
        assert result.inserted_primary_key is not None
        (new,) = result.inserted_primary_key
        earlier = TRIALS.c.study_id == study, TRIALS.c.trial_id < new
        count = sa.select(sa.func.count()).select_from(TRIALS).where(*earlier)
        number = int(connection.execute(count).scalar_one())
        mine = sa.update(TRIALS).where(TRIALS.c.trial_id == new)
        connection.execute(mine.values(number=number))
        made[key] = new, number
    return made


def _made_before(connection: Connection, study: int, known: int) -> list[tuple[int, int, str]]:
    """Trials with a record that the driver does not know: nobody else gives a trial one."""
    query = (
        sa.select(TRIALS.c.trial_id, TRIALS.c.number, USER.c.value_json)
        .join(USER, USER.c.trial_id == TRIALS.c.trial_id)
        .where(TRIALS.c.study_id == study, TRIALS.c.trial_id > known)
        .where(USER.c.key == RECORD)
        .order_by(TRIALS.c.trial_id)
    )
    return [(key, number, text) for key, number, text in connection.execute(query)]


def _write(connection: Connection, changes: Mapping[int, TrialChanges]) -> None:
    over = [key for key, one in changes.items() if one.starts_over]
    if over:
        connection.execute(sa.delete(STEPS).where(STEPS.c.trial_id.in_(over)))
    _replace(
        connection,
        PARAMS,
        "param_name",
        (
            {
                "trial_id": key,
                "param_name": name,
                "param_value": drawn.value,
                "distribution_json": distribution_to_json(drawn.distribution),
            }
            for key, one in changes.items()
            for name, drawn in one.params.items()
        ),
    )
    _replace(
        connection,
        STEPS,
        "step",
        (
            _numbers(stored_step(value), "intermediate_value", trial_id=key, step=step)
            for key, one in changes.items()
            for step, value in one.steps.items()
        ),
    )
    for table, kind in ((USER, "user"), (SYSTEM, "system")):
        _replace(
            connection,
            table,
            "key",
            (
                {"trial_id": key, "key": name, "value_json": json.dumps(value)}
                for key, one in changes.items()
                for name, value in getattr(one, kind).items()
            ),
        )
    _replace(
        connection,
        VALUES,
        "objective",
        (
            _numbers(stored_value(value), "value", trial_id=key, objective=place)
            for key, one in changes.items()
            for place, value in enumerate(one.values or ())
        ),
    )
    _set_states(connection, changes)


def _set_states(connection: Connection, changes: Mapping[int, TrialChanges]) -> None:
    for key, one in changes.items():
        values_now = {
            "state": one.state,
            "datetime_start": _utc(one.started),
            "datetime_complete": _utc(one.ended),
        }
        values_now = {name: value for name, value in values_now.items() if value is not None}
        if values_now and not (one.is_new and one.state == TrialState.RUNNING):
            connection.execute(
                sa.update(TRIALS).where(TRIALS.c.trial_id == key).values(**values_now)
            )


def _write_attributes(
    connection: Connection, study: int, attributes: Mapping[StudyAttribute, Any]
) -> None:
    for system, table in ((False, STUDY_USER), (True, STUDY_SYSTEM)):
        rows = [
            {"study_id": study, "key": key.name, "value_json": json.dumps(value)}
            for key, value in attributes.items()
            if key.system == system
        ]
        _replace(connection, table, "key", rows, owner="study_id")


def _numbers(stored: tuple[Any, Any], name: str, **others: int) -> dict[str, Any]:
    return {**others, name: stored[0], f"{name}_type": stored[1]}


def _replace(
    connection: Connection,
    table: sa.Table,
    key: str,
    rows: Iterable[Mapping[str, Any]],
    owner: str = "trial_id",
) -> None:
    """Stores rows, each in the place of the one with its trial, or study, and key."""
    found = list(rows)
    if not found:
        return
    columns = table.c
    same = columns[owner] == sa.bindparam("of_owner"), columns[key] == sa.bindparam("of_key")
    delete = sa.delete(table).where(*same)
    connection.execute(delete, [{"of_owner": row[owner], "of_key": row[key]} for row in found])
    connection.execute(sa.insert(table), found)


def _utc(moment: datetime | None) -> datetime | None:
    """Optuna gives local time without saying so, and stores UTC likewise."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def merged_changes(batch: Batch, later: Mapping[int, TrialChanges]) -> dict[int, TrialChanges]:
    """What was not stored and what came meanwhile, as one."""
    merged = dict(batch.changes)
    for key, one in later.items():
        merged[key] = merged[key].then(one) if key in merged else one
    return merged


def as_known(changes: Mapping[int, TrialChanges], stored: Stored) -> dict[int, TrialChanges]:
    """Changes that came while a batch was stored, under the keys that its new trials got."""
    return {
        stored.made[key][0] if key in stored.made else key: replace(one, is_new=False)
        if key in stored.made
        else one
        for key, one in changes.items()
        if key not in stored.overruled
    }
