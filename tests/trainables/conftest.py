"""A data set and settings small enough to train on in milliseconds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables.data import Dataset, prepare
from trainables.protocol import RunInputs
from trainables.registry import run_class

SMALL: dict[str, Any] = {
    "layers": 1,
    "hidden": 6,
    "projection": 6,
    "subsampling": 2,
    "batch_size": 4,
    "max_epochs": 4,
    "device": "cpu",
    # All that draws random numbers, so that a stream out of step shows.
    "dropout": 0.3,
}

MakeRun = Callable[..., Any]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for the whole test run."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def libras(shared: Path) -> Dataset:
    """Real sentences, a few of them."""
    return prepare({"name": "libras", "train": 18, "dev": 6, "test": 1}, shared)


@pytest.fixture
def make_run(libras: Dataset, tmp_path: Path) -> MakeRun:
    """Builds a run: `make_run("student", seed=1, dropout=0.1)`."""

    def make(
        name: str = "student",
        *,
        seed: int = 0,
        teacher: Path | None = None,
        data: Dataset | None = None,
        cache: Path | None = None,
        data_shares: Sequence[tuple[int, float]] = (),
        **settings: Any,
    ) -> Any:
        cls: Any = run_class(name)
        config = cls.config_class(**{**SMALL, **settings})
        inputs = RunInputs(
            data=data or libras,
            seed=seed,
            teacher=teacher,
            cache=cache or tmp_path / "cache",
            data_shares=tuple(data_shares),
        )
        return cls(config, inputs)

    return make


@pytest.fixture(scope="session")
def teacher_file(libras: Dataset, shared: Path) -> Path:
    """A teacher of one epoch: what it says is poor, but it says it always alike."""
    from trainables.files.checkpoint import save_checkpoint

    cls: Any = run_class("teacher")
    config = cls.config_class(**{**SMALL, "layers": 2, "hidden": 5})
    run = cls(config, RunInputs(data=libras, seed=7, teacher=None, cache=shared))
    run.run_epoch()
    save_checkpoint(shared / "teacher.pt", run.state_dict())
    return shared / "teacher.pt"


def flat(value: Any, where: str = "") -> dict[str, Any]:
    """Every leaf of a nested state by its path."""
    if isinstance(value, dict):
        pairs = [(f"{where}/{key}", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(f"{where}/{index}", item) for index, item in enumerate(value)]
    else:
        return {where: value}
    return {path: leaf for name, item in pairs for path, leaf in flat(item, name).items()}


def assert_same_bits(one: Any, other: Any, *, ignore: tuple[str, ...] = ("seconds",)) -> None:
    """Compares every tensor and number of two states; NaN equals NaN."""
    ours, theirs = flat(one), flat(other)
    assert ours.keys() == theirs.keys()
    for path, value in ours.items():
        if path.rpartition("/")[2] in ignore:
            continue
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, theirs[path]), path
        else:
            assert value == theirs[path] or (value != value and theirs[path] != theirs[path]), path


@pytest.fixture(name="assert_same_bits")
def _assert_same_bits() -> Callable[..., None]:
    """The comparison, for tests in other files."""
    return assert_same_bits
