"""Studies on a PostgreSQL server: a search, the views of it, and a server that dies meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import cast

import pytest
from optuna.storages import BaseStorage
from optuna.trial import TrialState
from own_process import Command
from postgresql_server import Server
from test_run import check_decisions, check_trials, search
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.search.recorder import Recorder
from slr_tune.search.study_clock import TIME, StudyClock
from slr_tune.study.lock import StudyLock, drivers
from slr_tune.study.open_study import open_store
from slr_tune.study.optuna_private import study_key
from slr_tune.study.storage import open_storage, opened_storage
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores", "postgresql")


def test_search_and_the_views_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A search goes on where it was, and each command reads what it stored."""
    assert search(tmp_path, trials=6).started == 6
    assert search(tmp_path, trials=8).started == 2
    view = load_study("toy")
    check_trials(view.trials)
    check_decisions(tmp_path, trials=8)
    capsys.readouterr()
    assert slr_tune(["list", "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert slr_tune(["show", "toy", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    complete = [trial.value for trial in view.trials if trial.state == TrialState.COMPLETE]
    assert line["best"] == shown["best"]["value"] == min(complete)
    assert [row["number"] for row in shown["rows"]] == list(range(8))
    assert slr_tune(["report", "--study", "toy"]) == 0
    assert (tmp_path / "studies" / "toy" / "report.html").stat().st_size > 10_000


def test_server_that_restarts_under_a_search(tmp_path: Path, postgresql_server: Server) -> None:
    """Three times: the search waits, nothing is trained twice, and what was kept is stored."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 100}
    space = write_toy_space(tmp_path, trials=6, fixed=fixed)
    command = Command("run", space)
    for lines in (4, 12, 20):
        assert command.wait_for_lines(journal, lines), command.end()
        postgresql_server.stop()
        postgresql_server.start()
    code, output = command.end()
    assert code == 0 and "Traceback" not in output, output
    assert output.count("The database is unreachable (") == output.count(
        "The database is back after "
    )
    assert 1 <= output.count("The database is unreachable (") <= 3, output
    trials = load_study("toy").trials
    assert len(trials) == 6
    check_trials(trials)
    check_decisions(tmp_path, trials=6, fixed=fixed)
    assert max(Counter(journal.read_text().splitlines()).values()) == 1


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_driver_needs_no_database_to_decide(tmp_path: Path, postgresql_server: Server) -> None:
    """While the server is away all that Optuna asks is answered, and what it notes is kept."""
    spec = toy_spec(tmp_path, trials=6, search="{optuna: {sampler: QMCSampler}}")
    now = [0.0]
    with opened_storage(create=True) as storage:
        store = open_store(spec, storage)
        clock = StudyClock(store, now=lambda: now[0])
        with store.batched():
            recorder = Recorder(store, StudyLock(storage.engine, "toy"), target=6, workers=2)
            assert recorder.next_trial() is not None and store.stored()
            buffer, key = cast(BaseStorage, store.storage), study_key(store.study)
            postgresql_server.stop()
            try:
                now[0] = 60.0
                clock.tick()
                assert recorder.next_trial() is None, "suggested, and not yet stored"
                names = {name for name in dir(BaseStorage) if name.startswith("get_study_")}
                for name in names - {"get_study_id_from_name"}:
                    assert getattr(buffer, name)(key)
                assert store.away
            finally:
                postgresql_server.start()
            while not store.stored():
                store.keep_up()
        (study,) = storage.get_all_studies()
        assert study.user_attrs[TIME]["seconds"] == 60.0
        assert [*study.system_attrs.values()] == [0], "one point of the sequence was taken"
        assert len(storage.get_all_trials(key)) == 2


def test_server_that_dies_under_a_search(tmp_path: Path, postgresql_server: Server) -> None:
    """Nobody waits: one message, no traceback; once it is back the same command goes on."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 60}
    space = write_toy_space(tmp_path, trials=5, fixed=fixed)
    command = Command("run", space, "--wait-for-database", "0s")
    assert command.wait_for_lines(journal, 8), command.end()
    postgresql_server.stop()
    try:
        code, output = command.end()
    finally:
        postgresql_server.start()
    assert code == 1 and "Start the database" in output, output
    assert "Traceback" not in output, output
    code, output = Command("run", space).end()
    assert code == 0 and "Resuming trial" in output, output
    trials = load_study("toy").trials
    assert len(trials) == 5
    check_trials(trials)
    check_decisions(tmp_path, trials=5, fixed=fixed)
    assert not any(driver.alive for driver in drivers(open_storage().engine))
    trained = Counter(journal.read_text().splitlines())
    assert max(trained.values()) <= 2
    assert sum(count - 1 for count in trained.values()) <= 2, "one epoch of each worker"
