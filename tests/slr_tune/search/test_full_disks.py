"""Whole searches and reports on a real disk that is full: parked, told in words, gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from own_process import Command
from small_disk import SmallDisk, small_disk
from test_run import check_trials
from toy_space import TOY

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import StorageError
from slr_tune.report.page import Page
from slr_tune.report.page.files import write_page
from slr_tune.report.print_style import save
from slr_tune.study.storage import FREE_SPACE, open_storage
from slr_tune.study.view import load_study

SPACE = TOY.format(trials=2, max_epochs=3, workers=1, fixed="{}", more="", baseline="")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """The studies folder lies on it."""
    with small_disk(tmp_path / "disk", megabytes=5) as disk:
        monkeypatch.setenv("SLR_TUNE_STUDIES", str(disk.folder / "studies"))
        yield disk


@pytest.mark.usefixtures("ray_two_cores")
def test_a_search_parks_its_trial_and_continues(disk: SmallDisk, tmp_path: Path) -> None:
    """A healthy trial was FAIL for good, and what it had begun kept the disk full."""
    space = tmp_path / "space.yaml"
    space.write_text(SPACE.replace("toy_runs:ToyRun", "heavy_runs:HeavyRun"))
    open_storage(create=True).engine.dispose()
    disk.fill(leave=600_000)
    code, output = Command("run", space).end()
    assert code == 1, output
    assert "No space left" in output or "full" in output
    assert FREE_SPACE in output and "Traceback" not in output
    assert [path for path in disk.partials() if "checkpoint" in path] == []
    disk.free()
    ended = [trial.state.name for trial in load_study("toy").trials]
    assert "FAIL" not in ended
    code, output = Command("run", space).end()
    assert code == 0, output
    trials = load_study("toy").trials
    assert len(trials) == 2
    check_trials(trials)


def test_a_training_ends_with_one_message(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk is no bad input: exit code 1, and what was trained goes on once there is room."""
    arguments = ["train", "student", "--out", str(disk.folder / "run"), "--set", "max_epochs=2"]
    arguments += ["--data", "{name: libras, train: 18, dev: 8, test: 4}", "--set", "layers=1"]
    assert slr_tune([*arguments[:-2], "--set", "layers=1", "--set", "max_epochs=1"]) == 0
    disk.fill(leave=200_000)
    capsys.readouterr()
    assert slr_tune([*arguments[:3], str(disk.folder / "other"), *arguments[4:]]) == 1
    err = capsys.readouterr().err
    assert "No space left on device" in err and "Traceback" not in err
    assert [name for name in disk.partials() if "checkpoint" in name] == []
    disk.free()
    assert slr_tune([*arguments[:3], str(disk.folder / "other"), *arguments[4:]]) == 0


def test_a_database_that_cannot_be_made(disk: SmallDisk) -> None:
    """sqlite says "disk I/O error" or "unable to open" as well, and the way out is the same."""
    for room in (0, 8192, 40_000):
        disk.fill(leave=room)
        with pytest.raises(StorageError) as refusal:
            open_storage(create=True)
        assert "full" in str(refusal.value) or "No space left" in str(refusal.value)
        assert refusal.value.hint == FREE_SPACE
        disk.free()
        for left in (disk.folder / "studies").glob("*"):
            left.unlink()
    open_storage(create=True).engine.dispose()


def test_reports_and_figures_that_do_not_fit(disk: SmallDisk) -> None:
    """Half a report would be taken for a report."""
    from matplotlib.figure import Figure

    disk.fill()
    page = Page(title="A study", subtitle="", verdict="It is good.", parts=())
    with pytest.raises(OSError, match="No space left"):
        write_page(page, disk.folder / "studies", "report")
    with pytest.raises(OSError, match="No space left"):
        save(Figure(), disk.folder / "figures", "curve")
    left = [path for path in disk.folder.rglob("*") if path.is_file()]
    assert [path.name for path in left] == ["ballast"]
