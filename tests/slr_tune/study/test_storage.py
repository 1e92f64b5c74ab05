"""The database behind the studies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from generated_study import generate_study
from optuna.study import StudyDirection

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import StorageError
from slr_tune.study.storage import open_storage, storage_url


def test_default_is_sqlite_in_the_studies_folder(studies: Path) -> None:
    """The default must follow SLR_TUNE_STUDIES."""
    assert storage_url() == f"sqlite:///{studies / 'slr-tune.db'}"


def test_variable_and_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """--storage comes before the variable, the variable before the default."""
    monkeypatch.setenv("SLR_TUNE_STORAGE", "sqlite:///a.db")
    assert storage_url() == "sqlite:///a.db"
    assert storage_url("sqlite:///b.db") == "sqlite:///b.db"


def test_sqlite_is_in_wal_mode(studies: Path) -> None:
    """Without WAL the dashboard would block the driver."""
    storage = open_storage(create=True)
    with storage.engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "is not a database URL"),
        ("oracel://host/db", "is not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:////nowhere/at/all.db", "there is no database at /nowhere/at/all.db"),
    ],
)
def test_wrong_url_is_one_message(url: str, words: str) -> None:
    """A traceback of SQLAlchemy tells nobody what to do."""
    with pytest.raises(StorageError, match=words) as caught:
        open_storage(url)
    assert caught.value.hint


def test_server_that_does_not_answer_hides_the_password() -> None:
    """The password must not end in a log; nothing listens on port 1."""
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError) as caught:
        open_storage("postgresql://me:secret@127.0.0.1:1/db", create=True)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "me:secret@host",
        "oracel://me:secret@host/db",
        "postgresql://me:secret@host:port/db",
        "postgresql://me:s@host:secret@host/db",
    ],
)
def test_a_url_that_cannot_be_read_hides_the_password(url: str) -> None:
    """A slip of the pen must not put it into a log either."""
    with pytest.raises(StorageError) as caught:
        open_storage(url)
    assert "ecret" not in str(caught.value) and "me:***@host" in str(caught.value)


def test_file_that_is_no_database(tmp_path: Path) -> None:
    """A wrong path must not be overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but somebody's notes" * 50)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="not a database"):
        open_storage(f"sqlite:///{path}", create=True)
    assert path.read_bytes() == before


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The message names the folder, not a line in SQLAlchemy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot make the folder"):
        open_storage(f"sqlite:///{tmp_path / 'file' / 'below' / 'a.db'}", create=True)


def test_two_openings_share_one_database(studies: Path) -> None:
    """A reader sees what the driver wrote, at once."""
    first = open_storage(create=True)
    first.create_new_study([StudyDirection.MINIMIZE], "s")
    assert [study.study_name for study in open_storage().get_all_studies()] == ["s"]


def test_tilde_is_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a .env file or a scheduler nobody expands it; a folder called ~ is never made."""
    home, here = tmp_path / "home", tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(home))
    open_storage("sqlite:///~/hpo/studies.db", create=True)
    assert (home / "hpo" / "studies.db").is_file()
    monkeypatch.setenv("SLR_TUNE_STUDIES", "~/hpo2")
    open_storage(create=True)
    assert (home / "hpo2" / "slr-tune.db").is_file()
    assert slr_tune(["list", "--storage", "sqlite:///~nobody-here/x.db"]) == 2
    assert "there is no home directory '~nobody-here'" in capsys.readouterr().err
    monkeypatch.setenv("SLR_TUNE_STUDIES", "~nobody-here/x")
    assert slr_tune(["list"]) == 2
    assert "SLR_TUNE_STUDIES" in capsys.readouterr().err
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["why?", "100%", "a%20b", "?a=b&c", "#1", "Übung 1"])
def test_any_name_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path, name: str
) -> None:
    """The database lies in the folder that was named, whatever its name means in a URL."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(empty_database, folder / "slr-tune.db")
    monkeypatch.setenv("SLR_TUNE_STUDIES", str(folder))
    assert slr_tune(["list"]) == 0
    monkeypatch.delenv("SLR_TUNE_STUDIES")
    typed = str(folder).replace("%", "%25").replace("?", "%3F")
    assert slr_tune(["list", "--storage", f"sqlite:///{typed}/slr-tune.db"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "is not a database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///gone.db", "there is no database at gone.db"),
        ("sqlite:///what?/x.db", "write ? as %3F"),
        ("sqlite:///a?timeout=5/x.db", "write ? as %3F"),
        ("sqlite:///notes.txt", "not a database"),
        ("sqlite:////proc", "unable to open"),
        ("postgresql+nothing://host/db", "is not a database URL"),
    ],
)
def test_a_bad_storage_is_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    url: str,
    words: str,
) -> None:
    """Exit code 2 and one message, as of every other bad input."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("somebody's notes, which are no database" * 50)
    assert slr_tune(["list", "--storage", url]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_home_that_cannot_be_written_to(database: Path, studies: Path) -> None:
    """/proc cannot be written to, by root neither: no traceback, and no line of another library."""
    generate_study(6, curves=False)
    for command in (["list"], ["show"], ["report"], ["importance"]):
        done = subprocess.run(
            [sys.executable, "-m", "slr_tune.cli.main", *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HOME": "/proc", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""},
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr and "atplotlib" not in done.stderr, done.stderr
