"""All that this project uses of Optuna in addition to its public interface.

- `RDBStorage._get_trials`, by which Optuna's cache reads what is new; overridden with the faster
  reading. Were it named otherwise, a search with many paused trials would be slow.
- The tables of `RDBStorage`, as `optuna.storages._rdb.models` declares them: Optuna makes an object
  for every number it reads, which takes eight seconds for 10,000 trials, and this a tenth of it.
  With other tables or columns no view of a study could be read.
- `_trial_id`, the key under which a storage's public methods know a trial. Without it the driver
  could not write, nor the dashboard show, a trial.
- `FrozenStudy` and its `_study_id`, which a storage's `get_all_studies` gives. Without them there
  would be no dashboard.
- `Study._storage`, `_study_id` and `_thread_local`, with which `ask` makes a trial. `ask` itself
  takes any trial that waits, one that is paused too; without them no trial could be started.
- `value_to_stored_repr` and its like of the intermediate values, which say how a number is
  stored in the tables, infinite ones and NaN too. A search writes many reports in one
  transaction, for which Optuna has no call; without them it could not.
- `get_storage`, which puts Optuna's cache over a database. Without it a search would read all
  trials of the study whenever it starts one.

A test holds each of them to what the public interface gives.
"""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from optuna.distributions import json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages import get_storage as get_storage
from optuna.storages._rdb import models
from optuna.study import Study, StudyDirection
from optuna.study._frozen import FrozenStudy as FrozenStudy
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import Connection, Engine

_SPECIAL = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}

_MOST_KEYS = 10_000
"""Keys that fit into one query of any database."""

RECORD = "slr"
"""Attribute of a study, and of its own trials, that has this project's record."""

_tables = models.BaseModel.metadata.tables
stored_value = models.TrialValueModel.value_to_stored_repr
"""A trial's value as (number or None, kind)."""
stored_step = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
"""An intermediate value likewise."""
_trials, _studies = _tables["trials"], _tables["studies"]
_directions, _study_attributes = _tables["study_directions"], _tables["study_user_attributes"]
_values = _tables["trial_values"]
STUDIES, TRIALS, PARAMS, VALUES = _studies, _trials, _tables["trial_params"], _values
STEPS = _tables["trial_intermediate_values"]
USER, SYSTEM = _tables["trial_user_attributes"], _tables["trial_system_attributes"]
STUDY_USER, STUDY_SYSTEM = _study_attributes, _tables["study_system_attributes"]
"""Optuna's tables, for any code that writes to them in batches."""


def trial_key(trial: FrozenTrial | Trial) -> int:
    """The key of a trial in its database."""
    return trial._trial_id


def with_key(trial: FrozenTrial, key: int, number: int) -> FrozenTrial:
    """A trial with another key and number."""
    other = copy(trial)
    other._trial_id, other.number = key, number
    return other


def study_key(study: FrozenStudy | Study) -> int:
    """The key of a study in its database."""
    return study._study_id


def with_attributes(
    study: FrozenStudy, *, user: dict[str, Any], system: dict[str, Any]
) -> FrozenStudy:
    """A study with other attributes."""
    other = copy(study)
    other.user_attrs, other.system_attrs = user, system
    return other


def study_of_trial(engine: Engine, key: int) -> int:
    """The key of the study that the trial with this key is of."""
    with engine.connect() as connection:
        query = sa.select(_trials.c.study_id).where(_trials.c.trial_id == key)
        return int(connection.execute(query).scalar_one())


def begin_trial(study: Study, key: int | None) -> Trial:
    """What `Study.ask` does, with the trial that waits under this key, or with a new one."""
    study._thread_local.cached_all_trials = None
    if key is None:
        key = study._storage.create_new_trial(study._study_id)
    return Trial(study, key)


def reopen_trials(engine: Engine, keys: Sequence[int]) -> None:
    """Puts finished trials back into the queue, without their values; no public method does."""
    mine = _trials.c.trial_id.in_(keys)
    waiting = sa.update(_trials).where(mine).values(state="WAITING", datetime_complete=None)
    with engine.begin() as connection:
        connection.execute(sa.delete(_values).where(_values.c.trial_id.in_(keys)))
        connection.execute(waiting)


def forget_values(engine: Engine, key: int) -> None:
    """Deletes the intermediate values of a trial that has not ended; Optuna has no word for it."""
    values = _tables["trial_intermediate_values"]
    with engine.begin() as connection:
        connection.execute(sa.delete(values).where(values.c.trial_id == key))


def end_trial(engine: Engine, key: int, record: Mapping[str, Any]) -> bool:
    """Ends a trial that waits or runs as FAIL, record and state in one piece.

    Returns:
        Whether it was still open.
    """
    attributes = _tables["trial_user_attributes"]
    mine = attributes.c.trial_id == key, attributes.c.key == RECORD
    is_open = _trials.c.state.in_((TrialState.RUNNING, TrialState.WAITING))
    now = datetime.now(UTC).replace(tzinfo=None)
    end = sa.update(_trials).where(_trials.c.trial_id == key, is_open)
    with engine.begin() as connection:
        if connection.execute(end.values(state="FAIL", datetime_complete=now)).rowcount != 1:
            return False
        connection.execute(sa.delete(attributes).where(*mine))
        text = json.dumps(dict(record))
        connection.execute(sa.insert(attributes).values(trial_id=key, key=RECORD, value_json=text))
    return True


def empty_trial(engine: Engine, key: int, record: Mapping[str, Any]) -> None:
    """Takes everything from a trial but its number, and says so in its record.

    Its row stays: Optuna numbers the next trial by counting rows, and would give a number twice.
    """
    attributes = _tables["trial_user_attributes"]
    parts = ("trial_params", "trial_values", "trial_intermediate_values")
    with engine.begin() as connection:
        for table in (*map(_tables.__getitem__, parts), attributes):
            connection.execute(sa.delete(table).where(table.c.trial_id == key))
        text = json.dumps(dict(record))
        connection.execute(sa.insert(attributes).values(trial_id=key, key=RECORD, value_json=text))
        mine = sa.update(_trials).where(_trials.c.trial_id == key)
        connection.execute(mine.values(state="FAIL"))


class StudyCounts(NamedTuple):
    """What a list says of a study.

    Attributes:
        name: Its name.
        states: Number of trials by state, Optuna's names.
        best: Best value of a COMPLETE trial, None without.
        last_written: When a trial last began or ended, local time.
        attributes: Names of the study's attributes.
        foreign: Trials that `states` and `best` leave out: they are finished, and have no record
            that says how. Only studies with the record's attribute leave any out.
        imported: Trials among `states` that were run elsewhere.
    """

    name: str
    states: dict[str, int]
    best: float | None
    last_written: datetime | None
    attributes: frozenset[str]
    foreign: int = 0
    imported: int = 0


class QuickStorage(RDBStorage):
    """Optuna's storage, which reads trials in a tenth of the time.

    Paused trials are not finished, so Optuna's cache has them read again each time anybody asks.
    """

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        asked = (study_id, states, included_trial_ids, trial_id_greater_than)
        if states is not None or len(included_trial_ids) > _MOST_KEYS:
            return super()._get_trials(*asked)
        chosen = _trials.c.trial_id > trial_id_greater_than
        if included_trial_ids:
            chosen = sa.or_(chosen, _trials.c.trial_id.in_(included_trial_ids))
        # With none at all, Optuna says whether there is such a study.
        return read_trials(self.engine, study_id, chosen) or super()._get_trials(*asked)


def read_trials(
    engine: Engine, study_id: int, chosen: sa.ColumnElement[bool] | None = None
) -> list[FrozenTrial]:
    """Trials of a study, in order of their number, as Optuna's own `get_trials` gives them.

    Args:
        engine: Of the database.
        study_id: The study's key.
        chosen: Condition on the table of trials; None for all.
    """
    with engine.connect() as connection, _no_collection():
        # Trials first: one that ends meanwhile is still running here, with all its values.
        of_study = _trials.c.study_id == study_id
        of_study = of_study if chosen is None else sa.and_(of_study, chosen)
        heads = connection.execute(sa.select(_trials).where(of_study).order_by(_trials.c.number))
        found = heads.all()

        def rows(table: str, *columns: str) -> Iterable[Any]:
            chosen = [_plain(_tables[table].c[name]) for name in ("trial_id", *columns)]
            query = sa.select(*chosen).join(_trials, _trials.c.trial_id == chosen[0])
            return connection.execute(query.where(of_study)).all()

        known = cache(json_to_distribution)
        drawn = _nested(
            rows("trial_params", "param_id", "param_name", "param_value", "distribution_json"),
            lambda name, value, text: (name, known(text), value),
        )
        values = _nested(rows("trial_values", "objective", "value", "value_type"), _real)
        steps = _nested(
            rows(
                "trial_intermediate_values", "step", "intermediate_value", "intermediate_value_type"
            ),
            _real,
        )
        user = _nested(rows("trial_user_attributes", "key", "value_json"), json.loads)
        system = _nested(rows("trial_system_attributes", "key", "value_json"), json.loads)
    trials = []
    for head in found:
        key = head.trial_id
        params = _in_order(drawn.get(key, {}))
        trials.append(
            FrozenTrial(
                number=head.number,
                state=head.state,
                value=None,
                values=_in_order(values.get(key, {})) or None,
                datetime_start=_local(head.datetime_start),
                datetime_complete=_local(head.datetime_complete),
                params={name: kind.to_external_repr(value) for name, kind, value in params},
                distributions={name: kind for name, kind, _ in params},
                user_attrs=user.get(key, {}),
                system_attrs=system.get(key, {}),
                intermediate_values=steps.get(key, {}),
                trial_id=key,
            )
        )
    return trials


def count_studies(engine: Engine) -> list[StudyCounts]:
    """Every study of a database, counted by the database."""
    with engine.connect() as connection:
        names = connection.execute(sa.select(_studies.c.study_id, _studies.c.study_name)).all()
        keys = sa.select(_study_attributes.c.study_id, _study_attributes.c.key)
        attributes = _nested(connection.execute(keys), lambda: None)
        states, times, foreign = _count_states(connection)
        best = _best_values(connection)
        imported = _count_imported(connection)
    return [
        StudyCounts(
            name,
            dict(states.get(study, {})),
            best.get(study),
            _local(max(times.get(study, ()), default=None)),
            frozenset(attributes.get(study, ())),
            foreign.get(study, 0),
            imported.get(study, 0),
        )
        for study, name in names
    ]


def _count_states(
    connection: Connection,
) -> tuple[Mapping[int, dict[str, int]], Mapping[int, list[datetime]], Mapping[int, int]]:
    """Trials of each study by state, times at which some began or ended, and the foreign ones."""
    head = _trials.c
    own = sa.case((_is_own(), 1), else_=0)
    groups = head.study_id, head.state, own
    moments = sa.func.max(head.datetime_start), sa.func.max(head.datetime_complete)
    query = sa.select(*groups, sa.func.count(), *moments).group_by(*groups)
    query = query.where(~_record_has('%"ended_by": "deleted"%'))
    states: dict[int, dict[str, int]] = defaultdict(dict)
    times: dict[int, list[datetime]] = defaultdict(list)
    foreign: dict[int, int] = defaultdict(int)
    for study, state, owned, count, *found in connection.execute(query):
        if owned:
            states[study][state.name] = count
        else:
            foreign[study] += count
        times[study] += [moment for moment in found if moment]
    return states, times, foreign


def _is_own() -> sa.ColumnElement[bool]:
    """As `record.is_foreign`, from the database."""
    with_record = sa.select(_study_attributes.c.study_id).where(_study_attributes.c.key == RECORD)
    attributes = _tables["trial_user_attributes"]
    ended = sa.exists().where(
        attributes.c.trial_id == _trials.c.trial_id,
        attributes.c.key == RECORD,
        attributes.c.value_json.not_like('%"ended_by": null%'),
    )
    open_states = (TrialState.RUNNING, TrialState.WAITING)
    return sa.or_(_trials.c.state.in_(open_states), _trials.c.study_id.not_in(with_record), ended)


def _record_has(pattern: str) -> sa.ColumnElement[bool]:
    """Whether a trial's record, a JSON text, is like a pattern."""
    attributes = _tables["trial_user_attributes"]
    return sa.exists().where(
        attributes.c.trial_id == _trials.c.trial_id,
        attributes.c.key == RECORD,
        attributes.c.value_json.like(pattern),
    )


def _count_imported(connection: Connection) -> dict[int, int]:
    """As `record.is_imported`, from the database."""
    query = sa.select(_trials.c.study_id, sa.func.count()).group_by(_trials.c.study_id)
    found = connection.execute(query.where(_record_has('%"imported": "%')))
    return {study: count for study, count in found}


def _best_values(connection: Connection) -> dict[int, float]:
    """Infinite values are NULL there, and so left out."""
    groups = _trials.c.study_id, _directions.c.direction
    found = connection.execute(
        sa.select(*groups, sa.func.min(_values.c.value), sa.func.max(_values.c.value))
        .join(_values, _values.c.trial_id == _trials.c.trial_id)
        .join(_directions, _directions.c.study_id == _trials.c.study_id)
        .where(_trials.c.state == TrialState.COMPLETE, _directions.c.objective == 0)
        .where(_values.c.value.is_not(None), _is_own())
        .group_by(*groups)
    )
    return {
        study: low if direction == StudyDirection.MINIMIZE else high
        for study, direction, low, high in found
    }


@contextmanager
def _no_collection() -> Iterator[None]:
    """Half of the time would go into looking for garbage among objects that are all kept."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _plain(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """An enumeration by its name: an object for each of a million values takes its time."""
    return sa.type_coerce(column, sa.String) if isinstance(column.type, sa.Enum) else column


def _nested(rows: Iterable[Any], read: Callable[..., Any]) -> dict[int, dict[Any, Any]]:
    """Rows (trial, key, ...) as {trial: {key: read(...)}}."""
    found: dict[int, dict[Any, Any]] = defaultdict(dict)
    for trial, key, *rest in rows:
        found[trial][key] = read(*rest)
    return found


def _in_order(found: Mapping[Any, Any]) -> list[Any]:
    return [found[key] for key in sorted(found)]


def _real(value: float | None, kind: str) -> float:
    return _SPECIAL[kind] if value is None else value


def _local(moment: datetime | None) -> datetime | None:
    """Stored in UTC without saying so; Optuna gives local time without saying so."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
