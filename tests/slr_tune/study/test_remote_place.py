"""Where a study's files are to go, as a space, a variable and the database say it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from toy_space import toy_spec, write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import SpecError, StorageMissing, StorageUnusable, StudyError
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.editing import delete
from slr_tune.study.folders import remote_studies, studies_in, studies_root, study_folder, study_in
from slr_tune.study.open_study import open_store
from slr_tune.study.remote_files import cache_bytes, remote_place
from slr_tune.study.storage import open_storage, storage_url
from slr_tune.study.view import load_study


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLR_TUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def spec(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> StudySpec:
    monkeypatch.setenv("SLR_TUNE_STORAGE", f"sqlite:///{database}")
    return replace(toy_spec(tmp_path), studies=f"file://{tmp_path}/far")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/a/folder", "is not a URL"),
        ("s3://me:secret@bucket/a", "key or a password"),
        ("3", "not a URL"),
    ],
)
def test_what_is_no_place_is_refused_with_its_line(tmp_path: Path, place: str, words: str) -> None:
    path = write_toy_space(tmp_path)
    path.write_text(f"{path.read_text()}\nstudies: {place}\n")
    with pytest.raises(SpecError, match=words) as caught:
        load_spec(path)
    assert ": studies:" in str(caught.value) and "secret@" not in str(caught.value)


def test_the_place_is_no_part_of_the_identity(tmp_path: Path, spec: StudySpec) -> None:
    """Files may be copied elsewhere, and a study of before goes on."""
    assert spec.identity() == toy_spec(tmp_path).identity()
    path = write_toy_space(tmp_path)
    assert load_spec(path, overrides=["studies=gs://bucket/a/"]).studies == "gs://bucket/a"


def test_a_database_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLR_TUNE_STUDIES", f"file://{tmp_path}/far")
    with pytest.raises(StorageUnusable, match="which cannot hold a database") as caught:
        storage_url()
    assert "--storage postgresql://" in caught.value.hint
    assert slr_tune(["run", str(write_toy_space(tmp_path))]) == 2
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("SLR_TUNE_STUDIES", "s3://me:secret@bucket/a")
    assert slr_tune(["list"]) == 2
    message = capsys.readouterr().err
    assert "SLR_TUNE_STUDIES" in message and "secret" not in message.replace("a key or", "")


def test_who_reads_is_reported_by_the_database(
    tmp_path: Path, spec: StudySpec, cache: Path
) -> None:
    with studies_in(spec.studies):
        store = open_store(spec, open_storage())
        assert store.files is not None and store.files.local == study_folder("toy")
        assert study_folder("toy").is_relative_to(cache)
        (store.folder / "study.yaml").write_text("study: toy\n")
        store.files.send(store.folder / "study.yaml")
        place = store.files.url.removeprefix("file://")
        assert place == f"{tmp_path}/far/toy-{store.id[:8]}"
        (store.folder / "study.yaml").unlink()
    assert remote_studies() is None and not studies_root().is_relative_to(cache)
    view = load_study("toy")
    assert (view.folder / "study.yaml").read_text() == "study: toy\n"
    assert study_folder("toy") == view.folder
    delete(open_storage(), view, None)
    assert not Path(place).exists()


def test_a_place_that_does_not_answer_is_reported(
    tmp_path: Path, spec: StudySpec, caplog: pytest.LogCaptureFixture
) -> None:
    """What the database knows is shown all the same."""
    with studies_in(spec.studies):
        open_store(spec, open_storage())
    (tmp_path / "far").symlink_to("far")  # a loop, which no system can follow
    assert len(load_study("toy").trials) == 1
    assert "does not answer" in caplog.text


def test_another_place_is_refused(tmp_path: Path, spec: StudySpec) -> None:
    """Trials would begin anew there."""
    storage = open_storage()
    with studies_in(spec.studies):
        open_store(spec, storage)
        assert remote_place("toy", storage) == spec.studies
    assert remote_place("toy", storage) == spec.studies, "known without being told"
    with studies_in("s3://elsewhere/a"), pytest.raises(StudyError, match="keeps its files in"):
        remote_place("toy", storage)
    other = replace(spec, study="other")
    open_store(other, storage)
    with studies_in(spec.studies), pytest.raises(StudyError, match="the studies folder"):
        remote_place("other", storage)


@pytest.mark.parametrize("given", ["many", "0", "-1", "nan", "inf"])
def test_a_size_that_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLR_TUNE_CACHE_GB", given)
    with pytest.raises(Exception, match="SLR_TUNE_CACHE_GB"):
        cache_bytes()


def test_a_study_of_the_same_name_elsewhere_is_another(
    tmp_path: Path, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process may read a remote study and then run a local one: their files must not meet."""
    first = os.environ["SLR_TUNE_STORAGE"]
    with studies_in(spec.studies):
        open_store(spec, open_storage())
    assert load_study("toy").folder.is_relative_to(tmp_path / "cache")
    monkeypatch.setenv("SLR_TUNE_STORAGE", f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(StorageMissing):
        load_study("toy")  # there is none yet, as before a first ablation
    assert study_folder("toy") == studies_root() / "toy"
    monkeypatch.setenv("SLR_TUNE_STORAGE", first)
    load_study("toy")
    with study_in("toy", None):
        assert study_folder("toy") == studies_root() / "toy"
