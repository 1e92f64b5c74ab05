"""A distillation small enough to be ablated in seconds, trained in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slr_tune.space import StudySpec, load_spec
from slr_tune.training.interrupt import Talk
from slr_tune.training.pool import LocalPool
from slr_tune.training.run_store import RunStore
from trainables.data import Dataset, prepare
from trainables.protocol import RunInputs
from trainables.registry import run_class

EPOCHS = 6

SPACE = """
study: tiny
trainable: {trainable}
data: {{name: libras, train: 18, dev: 8, test: 4}}
{teacher}
budget: {{trials: 2, max_epochs: 6, grace_epochs: 1}}
resources: {{workers: 2}}
fixed: {{layers: 1, hidden: 6, projection: 6, batch_size: 6, device: cpu, dropout: 0.3{fixed}}}
space:
  learning_rate: {{float: [1e-3, 1e-1], log: true}}
  patience: {{int: [1, 6]}}
baseline: {{learning_rate: 0.03, patience: 6}}
{more}
"""
TEACHER = (
    "teacher: {train: teacher, settings: {layers: 1, hidden: 5, projection: 5, max_epochs: 2}}"
)


def write_space(
    folder: Path, *, trainable: str = "distill", fixed: str = "", more: str = ""
) -> Path:
    """Writes a search space whose runs take a tenth of a second."""
    path = folder / "tiny.yaml"
    teacher = TEACHER if trainable == "distill" else ""
    path.write_text(SPACE.format(trainable=trainable, teacher=teacher, fixed=fixed, more=more))
    return path


@pytest.fixture
def space(tmp_path: Path) -> Callable[..., Path]:
    """Writes the space; `space(trainable="student", fixed=", beta: 1", more="factors: ...")`."""
    return lambda **changes: write_space(tmp_path, **changes)


@pytest.fixture
def spec(space: Callable[..., Path]) -> StudySpec:
    """The space as it is."""
    return load_spec(space())


@pytest.fixture(scope="session")
def libras(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The space's data."""
    cache = tmp_path_factory.mktemp("ablation-data")
    return prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, cache)


@pytest.fixture(scope="session")
def teacher_file(libras: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of one epoch: what it says is poor, but it says it always alike."""
    from trainables.files.checkpoint import save_checkpoint

    cls: Any = run_class("teacher")
    config = cls.config_class(layers=1, hidden=5, projection=5, batch_size=6, device="cpu")
    folder = tmp_path_factory.mktemp("ablation-teacher")
    run = cls(config, RunInputs(data=libras, seed=7, teacher=None, cache=folder))
    run.run_epoch()
    save_checkpoint(folder / "teacher.pt", run.state_dict())
    return folder / "teacher.pt"


@pytest.fixture
def make_store(
    tmp_path: Path, libras: Dataset, teacher_file: Path
) -> Iterator[Callable[..., RunStore]]:
    """Builds stores over one folder: a second one finds what the first has trained."""

    def make(
        *, share: bool = True, stopped: Callable[[], bool] = lambda: False, folder: str = "a"
    ) -> RunStore:
        return RunStore(
            tmp_path / folder / ".stages",
            LocalPool(data=libras.folder, cache=tmp_path / "cache"),
            data=libras,
            talk=Talk(lambda text: None, stopped),
            teacher=teacher_file,
            teacher_hash="of the teacher",
            share=share,
        )

    yield make
    shutil.rmtree(tmp_path / "a", ignore_errors=True)


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Every epoch that is really trained in this process: (seed, epoch), in their order."""
    from trainables.runs.ctc_run import CtcRun

    trained: list[tuple[int, int]] = []
    original = CtcRun.run_epoch

    def counting(run: Any) -> dict[str, float]:
        row = original(run)
        trained.append((run._seed, int(row["epoch"])))
        return row

    monkeypatch.setattr(CtcRun, "run_epoch", counting)
    return trained
