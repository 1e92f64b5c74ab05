"""The version of the training code follows what is computed, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toy_runs import ToyRun

import trainables
from slr_tune.training import code_version as module
from slr_tune.training.code_version import DRIVING, LEFT_OUT, code_version, sources_hash
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm
from trainables.config import StudentConfig
from trainables.data import prepare
from trainables.runs.ctc_run import CtcRun

LOSS = "losses/ctc.py"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sources, which stands for them from now on."""
    original, driving = module._folders()
    copy = tmp_path / "package" / "trainables"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name in DRIVING:
        shutil.copy(driving / name, tmp_path / "package" / name)
    monkeypatch.setattr(module, "_folders", lambda: (copy, tmp_path / "package"))
    code_version.cache_clear()
    yield copy
    code_version.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    """Changes a source, as a commit would."""
    source = path.read_text()
    assert old in source
    path.write_text(source.replace(old, new, 1))
    code_version.cache_clear()


def test_a_line_of_a_loss_is_another_version_and_words_are_not(package: Path) -> None:
    """A fix of a loss that leaves old results standing would compare two losses."""
    before = code_version("student")
    edit(package / LOSS, '"""', '"""In other words: ')
    with (package / LOSS).open("a") as file:
        file.write("\n\n# A comment.\n")
    code_version.cache_clear()
    assert code_version("student") == before
    with (package / LOSS).open("a") as file:
        file.write("\nREDUCTION = 'sum'\n")
    code_version.cache_clear()
    assert code_version("student") != before


@pytest.mark.parametrize("name", ["worker.py", "epoch_keys.py"])
def test_what_drives_a_stage_is_in_it(package: Path, name: str) -> None:
    """Epochs that are shared wrongly make other weights too."""
    before = code_version("student")
    (package.parent / name).write_text("PASS = 1\n")
    code_version.cache_clear()
    assert code_version("student") != before


def test_a_new_module_is_in_it_and_what_is_left_out_is_not(package: Path) -> None:
    """A list of what counts would forget the next file; the list of what does not names files."""
    before = code_version("student")
    for name in LEFT_OUT:
        path = package / name
        assert path.is_file(), f"{name} is left out and does not exist"
        path.write_text("PASS = 1\n")
    code_version.cache_clear()
    assert code_version("student") == before
    (package / "losses" / "another.py").write_text("")
    code_version.cache_clear()
    assert code_version("student") != before


def test_a_custom_runs_own_module_is_in_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is no part of this project, and changes more often."""
    name = f"{ToyRun.__module__}:{ToyRun.__qualname__}"
    before = code_version(name)
    assert before != code_version("student")
    monkeypatch.setattr(module, "_module_source", lambda name: "changed")
    code_version.cache_clear()
    assert code_version(name) != before
    code_version.cache_clear()


def test_a_package_elsewhere_has_the_same_version(package: Path) -> None:
    """An installed wheel finds what a checkout trained."""
    original = (Path(trainables.__path__[0]), Path(module.__file__).parent)
    assert sources_hash(package, package.parent) == sources_hash(*original)


def test_stored_runs_are_stale_after_a_change_of_a_loss(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same run is trained again after the change, and found after a change of words."""
    trained: list[int] = []
    original = CtcRun.run_epoch

    def counting(run: CtcRun) -> dict[str, float]:
        trained.append(run.epoch + 1)
        return original(run)

    monkeypatch.setattr(CtcRun, "run_epoch", counting)
    data = prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, tmp_path / "cache")
    settings: dict[str, Any] = {"layers": 1, "hidden": 6, "projection": 6, "batch_size": 6}
    config = StudentConfig(**settings, max_epochs=1, device="cpu").model_dump(mode="json")

    def train() -> int:
        store = RunStore(
            tmp_path / "trained",
            LocalPool(data=data.folder, cache=tmp_path / "cache"),
            data=data,
            talk=Talk(print, lambda: False),
        )
        store.train([Arm("student", config, "student")], [0])
        return len(trained)

    assert [train(), train()] == [1, 1]
    edit(package / LOSS, '"""', '"""In other words: ')
    assert train() == 1
    edit(package / LOSS, "def ctc_loss", "SCALE = 2.0\n\n\ndef ctc_loss")
    assert [train(), train()] == [2, 2]
