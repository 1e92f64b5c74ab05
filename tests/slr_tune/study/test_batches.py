"""Storing in batches gives what storing one by one gives, whatever becomes of the database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.engine import Connection
from toy_space import toy_spec

from slr_tune.errors import StudyLocked
from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.study.batches import store_batch
from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.optuna_private import study_key
from slr_tune.study.outage import is_passing
from slr_tune.study.record import ATTRIBUTE
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore

TRIALS, WORKERS = 12, 3


def opened(folder: Path, empty: Path, **changes: Any) -> tuple[RDBStorage, StudyStore]:
    """A new study in a copy of an empty database."""
    path = Path(shutil.copy(empty, folder / "slr-tune.db"))
    storage = open_storage(f"sqlite:///{path}", create=True)
    changes = {"trials": TRIALS, "workers": WORKERS, "max_epochs": 4, **changes}
    return storage, open_store(toy_spec(folder, **changes), storage)


def settle(store: StudyStore) -> None:
    """Waits until all is stored, on a busy machine too."""
    while not store.stored(seconds=60.0):
        store.keep_up()


def next_trial(recorder: Recorder) -> LiveTrial | None:
    """The next trial, once it is stored that it starts."""
    while (live := recorder.next_trial()) is None and not recorder.store.settled:
        settle(recorder.store)
    return live


def run(
    store: StudyStore, storage: RDBStorage, order: list[int], rest: Callable[[int], bool]
) -> None:
    """A search: which worker reports next is `order`; `rest` says when the driver looks up."""
    recorder = Recorder(store, StudyLock(storage.engine, "toy"), target=TRIALS, workers=WORKERS)
    held: dict[int, bool] = {}
    busy: list[int] = []
    epochs: dict[int, int] = {}
    for turn in range(10_000):
        if held and (rest(turn) or held.keys() >= {*busy}):
            settle(store)
            for number in [number for number, ended in held.items() if ended]:
                busy.remove(number)
            held.clear()
        while (live := next_trial(recorder)) is not None:
            busy.append(live.number)
            epochs[live.number] = max(live.values, default=0)
        free = [number for number in busy if number not in held]
        if not busy and recorder.drained:
            return
        if not free:
            continue
        number = free[order[turn % len(order)] % len(free)]
        epochs[number] = epoch = epochs[number] + 1
        value = 100.0 / epoch + (number * 7) % 5
        ended_by = "max_epochs" if epoch == 4 else None
        report = Report([{"epoch": epoch, "seconds": 1.0, "val/wer": value}], ended_by=ended_by)
        ended = recorder.report(number, report)
        if not rest(turn):
            held[number] = ended
            continue
        if not recorder.may_report():
            settle(store)
        if ended:
            busy.remove(number)
    raise AssertionError("the search does not end")


def stored(storage: RDBStorage, store: StudyStore) -> list[Any]:
    """What the database has of each trial, times left out."""
    trials = storage.get_all_trials(study_key(store.study))
    return [
        (t.number, t.state, t.values, t.params, t.intermediate_values, t.user_attrs[ATTRIBUTE])
        for t in trials
    ]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    order=st.lists(st.integers(0, 5), min_size=1, max_size=9),
    rests=st.lists(st.booleans(), min_size=1, max_size=9),
    strategy=st.sampled_from(["random", "random-asha", "prior-asha"]),
)
def test_batches_decide_and_store_as_one_by_one(
    order: list[int],
    rests: list[bool],
    strategy: str,
    empty_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """States, values, parameters and rungs are those of a driver that stores each thing at once.

    The workers report in any order, and wait for their decisions as long as any.
    """
    found = []
    for batched in (False, True):
        folder = tmp_path_factory.mktemp("study")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLR_TUNE_STUDIES", str(folder / "studies"))
            storage, store = opened(folder, empty_database, search=f"{{strategy: {strategy}}}")
            if batched:
                with store.batched():
                    run(store, storage, order, lambda turn: rests[turn % len(rests)])
                    assert store.stored(seconds=60.0)
            else:
                run(store, storage, order, lambda turn: rests[turn % len(rests)])
        found.append(stored(storage, store))
        storage.engine.dispose()
    assert found[0] == found[1]


@contextmanager
def batched(
    tmp_path: Path, empty_database: Path, **options: Any
) -> Iterator[tuple[RDBStorage, Recorder]]:
    storage, store = opened(tmp_path, empty_database)
    with store.batched(**options):
        yield (
            storage,
            Recorder(store, StudyLock(storage.engine, "toy"), target=TRIALS, workers=WORKERS),
        )


def test_lost_answers_store_nothing_twice(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every transaction is stored and its answer lost, as when a server dies right after it."""
    from slr_tune.study import buffered_storage

    lost: set[int] = set()

    def store_and_lose(engine: sa.Engine, study: int, batch: Any, guard: Any) -> Any:
        done = store_batch(engine, study, batch, guard)
        if batch.changes and id(batch.changes) not in lost and len(lost) < 40:
            lost.add(id(batch.changes))
            raise sa.exc.OperationalError(
                "COMMIT", None, sqlite3.OperationalError("database is locked")
            )
        return done

    monkeypatch.setattr(buffered_storage, "store_batch", store_and_lose)
    monkeypatch.setattr(buffered_storage, "_RETRY_SECONDS", 0.0)
    storage, store = opened(tmp_path, empty_database)
    with store.batched():
        run(store, storage, [0, 1, 2], lambda turn: True)
        assert store.stored(seconds=60.0)
    assert len(lost) > 20
    trials = storage.get_all_trials(study_key(store.study))
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert all(trial.state.is_finished() for trial in trials)


def test_trial_that_another_program_enqueues_gets_its_number(
    tmp_path: Path, empty_database: Path
) -> None:
    """`slr-tune enqueue` between a suggestion and its storing: both trials have one number each."""
    import optuna

    with batched(tmp_path, empty_database) as (storage, recorder):
        first = recorder.next_trial()
        assert first is not None and first.number == 0
        optuna.load_study(study_name="toy", storage=storage).enqueue_trial(
            {"level": 0.1, "width": 1}
        )
        second, third = recorder.next_trial(), recorder.next_trial()
        assert second is not None and third is not None
        assert (second.number, third.number) == (2, 1)
        assert recorder.store.trials[1].params["level"] == 0.1
        assert [t.number for t in storage.get_all_trials(1)] == [0, 1, 2]


def test_trial_that_another_program_ends_is_let_go(tmp_path: Path, empty_database: Path) -> None:
    """Their word stands, and the worker hears of it."""
    with batched(tmp_path, empty_database) as (storage, recorder):
        live = recorder.next_trial()
        assert live is not None
        storage.set_trial_state_values(live.trial_id, TrialState.FAIL)
        recorder.report(live.number, Report([{"epoch": 1, "seconds": 1.0, "val/wer": 9.0}]))
        assert recorder.store.stored(seconds=60.0)
        assert recorder.report(live.number, Report([{"epoch": 2, "seconds": 1.0, "val/wer": 9.0}]))
        trial = storage.get_all_trials(1)[0]
        assert trial.state == TrialState.FAIL and not trial.intermediate_values


def test_driver_that_was_taken_over_stores_nothing(tmp_path: Path, empty_database: Path) -> None:
    """After a database was away for long, another driver may have the study."""

    def refuse(connection: Connection) -> None:
        raise StudyLocked("taken over")

    with batched(tmp_path, empty_database, guard=refuse) as (storage, recorder):
        with pytest.raises(StudyLocked):
            recorder.next_trial()
        assert storage.get_all_trials(1)[0].state == TrialState.WAITING


@pytest.mark.parametrize(
    ("statement", "passing"),
    [("SELECT * FROM no_such_table", False), ("CREATE TABLE t (x)", False)],
)
def test_waiting_does_not_help(tmp_path: Path, statement: str, passing: bool) -> None:
    """A missing table, and a database that may only be read."""
    sqlite3.connect(tmp_path / "a.db").execute("CREATE TABLE a (x)").connection.close()
    engine = sa.create_engine(f"sqlite:///file:{tmp_path / 'a.db'}?mode=ro&uri=true")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as caught:
        connection.exec_driver_sql(statement)
    assert is_passing(caught.value) == passing


def test_what_a_server_says(postgresql: str) -> None:
    """A wrong database is no outage; a connection that the server ends is one."""
    url = sa.make_url(postgresql).set(drivername="postgresql+psycopg")
    with pytest.raises(sa.exc.OperationalError) as caught:
        sa.create_engine(url.set(database="nowhere")).connect()
    assert not is_passing(caught.value)
    engine = sa.create_engine(url)
    with engine.connect() as one, engine.connect() as other:
        (pid,) = one.exec_driver_sql("SELECT pg_backend_pid()").one()
        other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(sa.exc.DBAPIError) as ended:
            one.exec_driver_sql("SELECT 1")
    assert is_passing(ended.value)
    with pytest.raises(sa.exc.OperationalError) as refused:
        sa.create_engine(url.set(port=1)).connect()
    assert is_passing(refused.value)
    engine.dispose()
