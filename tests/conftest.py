"""What all tests share: one Ray session, a studies folder of one's own, no skips in CI."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from slr_tune.training.ray_private import prepare_environment

if TYPE_CHECKING:
    from browser import Browser
    from postgresql_server import Server

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A second node that is killed is missed after 3 s, not after 15; one that is slow has its 10 s.
os.environ.setdefault("RAY_health_check_period_ms", "1000")
os.environ.setdefault("RAY_health_check_failure_threshold", "3")
# What is imported while tests are collected stays: to go through it again and again for garbage
# takes a twelfth of the run's time. See `pytest_collection_finish`.
gc.disable()
# Ray's workers, and the command in a process of its own, import this checkout and the toy run.
HERE = Path(__file__).parent
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "support"), str(HERE.parent)])
# Test modules import Ray while they are collected, long before the session begins.
prepare_environment()

_SLOW = {"ray_session_of_all", "browser", "postgresql_server", "everything", "slurm"}
"""Fixtures of the longest tests."""

# A run that decides whether a change may go in tries the same cases each time; others look further.
hypothesis.settings.register_profile("repeatable", derandomize=True)
if os.environ.get("SLR_TUNE_NO_SKIPS"):
    hypothesis.settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def commands_end() -> Iterator[None]:
    """No command of a test outlives it."""
    yield
    if (module := sys.modules.get("own_process")) is not None:
        module.Command.end_all()


@pytest.fixture(autouse=True)
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty studies folder; no test sees the user's."""
    folder = tmp_path / "studies"
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(folder))
    monkeypatch.delenv("SLR_TUNE_STORAGE", raising=False)
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with Optuna's tables: making them takes longer than most tests."""
    from slr_tune.study.storage import open_storage

    path = tmp_path_factory.mktemp("database") / "empty.db"
    storage = open_storage(f"sqlite:///{path}", create=True)
    storage.engine.dispose()
    return path


@pytest.fixture
def database(studies: Path, empty_database: Path) -> Path:
    """The default database of a test, empty."""
    studies.mkdir()
    return Path(shutil.copy(empty_database, studies / "slr-tune.db"))


@pytest.fixture(scope="session")
def ray_session_of_all() -> Iterator[None]:
    """The one Ray session of the test run."""
    from slr_tune.training.session import ray_session

    with ray_session(address=None, cpus=2):
        yield


@pytest.fixture
def ray_two_cores(ray_session_of_all: None) -> Iterator[None]:
    """The one Ray session; a test that leaves one of its cores taken fails here, not the next."""
    from ray_cores import wait_for_free_cores

    yield
    wait_for_free_cores()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one headless chromium of the test run; without one its tests are skipped."""
    from browser import installed, start_browser

    if not installed():
        pytest.skip("chromium is missing: apt-get install chromium chromium-driver")
    with start_browser() as started:
        yield started


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """The one PostgreSQL server of the test run; without one its tests are skipped."""
    from postgresql_server import programs, start_server

    if programs() is None:
        pytest.skip("PostgreSQL is missing: apt-get install postgresql")
    with start_server() as started:
        yield started


@pytest.fixture
def postgresql(postgresql_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database on the server, which is where the studies of this test go; its URL."""
    import sqlalchemy as sa

    connections: list[Any] = []

    def note(connection: Any, record: object) -> None:
        connections.append(connection)

    sa.event.listen(sa.Pool, "connect", note)
    url = postgresql_server.new_database()
    monkeypatch.setenv("SLR_TUNE_STORAGE", url)
    yield url
    sa.event.remove(sa.Pool, "connect", note)
    # A command's connections end with its process, and this process lives on.
    for connection in connections:
        connection.close()


def _is_slow(item: pytest.Item) -> bool:
    """Whether it takes seconds, by what it needs and by a time limit of its own."""
    needed = set(getattr(item, "fixturenames", ()))
    return bool(_SLOW & needed) or item.get_closest_marker("timeout") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: one at the end would be waited for, with a core idle.

    The files themselves stay whole, as the distribution by file wants them.
    """
    slow = {item.path for item in items if _is_slow(item)}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Looks for garbage again, among what the tests make, and less often than Python does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Says what was skipped where nothing may be skipped."""
    if os.environ.get("SLR_TUNE_NO_SKIPS") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("Tests were skipped, which this run does not allow.", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fails the run where a test was skipped and none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("SLR_TUNE_NO_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
