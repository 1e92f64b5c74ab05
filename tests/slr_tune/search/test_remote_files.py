"""A search whose checkpoints and curves go to an object store, a real one on this machine."""

from __future__ import annotations

import logging
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_process import Command
from toy_space import write_toy_space
from trial_record import check_record

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.rungs import Rungs
from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the local copies are."""
    monkeypatch.setenv("SLR_TUNE_STORAGE", f"sqlite:///{tmp_path}/studies.db")
    monkeypatch.setenv("SLR_TUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a folder in a local object store."""
    server_module = pytest.importorskip("moto.server")
    from pyarrow.fs import FileSystem

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = f"endpoint_override={host}%3A{port}&scheme=http&region=us-east-1"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "nobody")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        url = f"s3://studies/of/me?{options}"
        system, _ = FileSystem.from_uri(f"{url}&allow_bucket_creation=true")
        system.create_dir("studies")
        yield url
    server.stop()


def resumed_from(url: str, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A search into a remote place; its driver is killed and all local copies are lost."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 100}
    space = write_toy_space(tmp_path, trials=4, max_epochs=6, fixed=fixed)
    space.write_text(f"studies: {url}\n{space.read_text()}")
    first = Command("run", space, "--no-verify")
    assert first.wait_for_lines(journal, 8)
    code, message = first.end(signal.SIGKILL)
    assert code == -signal.SIGKILL, message
    sent = {}
    view = load_study("toy")
    assert view.files is not None and view.running is False
    for trial in view.trials:
        folder = view.folder / "trials" / str(trial.number)
        sent[trial.number] = view.files.epochs(folder)
    assert max(sent.values()) > 0
    shutil.rmtree(cache)
    before = Counter(journal.read_text().splitlines())
    code = slr_tune(["run", str(space), "--no-verify"])
    message = capsys.readouterr().err
    assert code == 0, message
    assert "Traceback" not in message
    view = load_study("toy")
    again = Counter(journal.read_text().splitlines()) - before
    twice = [line for line in again if line in before]
    # What was sent is not trained again: at most what no upload had reached.
    for line in twice:
        name, epoch = line.rsplit(" ", 1)
        number = next(t.number for t in view.trials if name.startswith(repr(t.params["level"])))
        assert int(epoch) > sent[number], line
    check = check_record(view, Rungs((1, 3), 3, True))
    assert check.wrong_values == check.wrong_lengths == check.wrong_decisions == 0
    assert set(check.states) <= {"COMPLETE", "PRUNED"} and len(view.trials) == 4


def seen_from_elsewhere(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On another machine there is nothing but the database and the remote place."""
    shutil.rmtree(cache)
    best = load_study("toy").best()
    assert best is not None
    view = load_study("toy")
    assert [len(view.curve(trial.number)) for trial in view.trials] == [
        max(trial.intermediate_values) for trial in view.trials
    ]
    assert cache.stat().st_mode & 0o77 == 0
    from slr_tune.evaluation.checkpoints import find_checkpoint

    assert not list(cache.rglob("*.pt"))
    assert find_checkpoint("toy").path.is_file()
    for command in (["show", "toy"], ["report", "--study", "toy"], ["best", "toy"]):
        assert slr_tune(command) == 0, capsys.readouterr().err


def test_an_object_store(
    bucket: str, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resumed_from(bucket, tmp_path, cache, capsys)
    seen_from_elsewhere(cache, capsys)
