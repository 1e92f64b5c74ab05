"""One driver per study."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from slr_tune.errors import StudyLocked
from slr_tune.study import lock as lock_module
from slr_tune.study.lock import StudyLock, drivers, locked_folder, make_table


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return sa.create_engine(f"sqlite:///{tmp_path / 'lock.db'}")


def _edit(engine: Engine, **values: object) -> None:
    table = lock_module._drivers
    with engine.begin() as connection:
        connection.execute(sa.update(table).values(**values))


def test_second_driver_is_refused_with_the_name_of_the_first(engine: Engine) -> None:
    """Two drivers on one study would hand out the same trial twice."""
    import os

    with StudyLock(engine, "s"), pytest.raises(StudyLocked) as caught:
        StudyLock(engine, "s").acquire()
    assert f"process {os.getpid()} of" in caught.value.message
    assert "--study" in caught.value.hint


def test_other_studies_are_free(engine: Engine) -> None:
    """The lock is a study's, not the database's."""
    with StudyLock(engine, "a"), StudyLock(engine, "b"):
        assert {driver.study for driver in drivers(engine) if driver.alive} == {"a", "b"}


def test_released_lock_is_free_and_remembers_the_time(engine: Engine) -> None:
    """`slr-tune report` takes the study that was written last."""
    for name in ("first", "second"):
        with StudyLock(engine, name):
            pass
    assert [driver.study for driver in drivers(engine)] == ["second", "first"]
    assert not any(driver.alive for driver in drivers(engine))


def test_killed_driver_of_this_machine_is_recognised_at_once(engine: Engine) -> None:
    """After kill -9 the same command must go on without waiting for a heartbeat to go stale."""
    code = (
        "import sqlalchemy as sa, os, signal; from slr_tune.study.lock import StudyLock\n"
        f"StudyLock(sa.create_engine({str(engine.url)!r}), 's').acquire()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert [driver.alive for driver in drivers(engine)] == [False]
    with StudyLock(engine, "s"):
        pass


def test_process_id_given_to_another_process_is_not_the_driver(engine: Engine) -> None:
    """Process ids are used again; the start time tells the two apart."""
    with StudyLock(engine, "s"):
        _edit(engine, process_start="12345")
        assert not drivers(engine)[0].alive


def test_driver_of_another_machine_lives_by_its_heartbeat(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the heartbeat can be seen from another machine: while it beats it holds."""
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.05)
    with StudyLock(engine, "s"):
        _edit(engine, machine="elsewhere")
        with pytest.raises(StudyLocked, match=f"process {os.getpid()} of .* started"):
            StudyLock(engine, "s").acquire()
    earlier = sa.func.strftime("%Y-%m-%d %H:%M:%f000", "now", "-61 seconds")
    _edit(engine, token="kept", heartbeat=earlier)
    StudyLock(engine, "s").acquire()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_driver_of_another_machine_is_waited_out(
    engine: Engine,
    database: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After kill -9 on another host the second start goes on by itself, told what it waits for."""
    if database == "postgresql":
        url = sa.make_url(request.getfixturevalue("postgresql"))
        engine = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    code = (
        "import sqlalchemy as sa, os, signal; from slr_tune.study import lock\n"
        "lock._machine = lambda: 'elsewhere'\n"
        f"url = {engine.url.render_as_string(hide_password=False)!r}\n"
        "lock.StudyLock(sa.create_engine(url), 's').acquire()\n"
        "print(os.getpid(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.5)
    monkeypatch.setattr(lock_module, "STALE_SECONDS", drivers(engine)[0].heartbeat_age_seconds + 1)
    assert drivers(engine)[0].alive
    output: list[str] = []
    with StudyLock(engine, "s", tell=output.append):
        assert [driver.alive for driver in drivers(engine)] == [True]
    (line,) = output
    assert f"process {done.stdout.strip()} of" in line and "last sign of life" in line
    engine.dispose()


def test_driver_that_lost_its_lock_is_reported(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept through a takeover must not write into the other's study."""
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    with StudyLock(engine, "s") as lock:
        _edit(engine, token="another")
        assert lock.lost.wait(10)


def test_only_one_of_many_that_start_together_wins(engine: Engine) -> None:
    """Acquiring is one atomic change of the database."""
    make_table(engine)
    won: list[StudyLock] = []

    def compete() -> None:
        lock = StudyLock(engine, "s")
        try:
            lock.acquire()
        except StudyLocked:
            return
        won.append(lock)

    threads = [threading.Thread(target=compete) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    won[0].release()


def test_database_without_the_table_knows_no_driver(engine: Engine) -> None:
    """Another program's Optuna database must still be listed."""
    assert drivers(engine) == []


def test_names_that_a_disk_does_not_tell_apart(
    studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Fox` in the folder of `fox`: what a disk that ignores case lists is not what was asked."""
    (studies / "fox").mkdir(parents=True)
    with locked_folder(studies / "fox"):
        pass
    monkeypatch.setattr(os, "listdir", lambda path: ["fox", "slr-tune.db"])
    with pytest.raises(StudyLocked, match="'Fox' would be 'fox'"), locked_folder(studies / "Fox"):
        pass
