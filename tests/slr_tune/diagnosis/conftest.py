"""A model that has learnt a few real sentences, and ways to spoil it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import small_run

from trainables.data import Dataset, prepare
from trainables.data.subset import subset
from trainables.files.checkpoint import save_checkpoint
from trainables.files.curve import CurveFile

QUICK: dict[str, Any] = {
    "hidden": 24,
    "projection": 24,
    "learning_rate": 0.01,
    "batch_size": 2,
    "max_epochs": 60,
    "patience": 60,
}
"""Settings that learn a few sentences in seconds."""

Store = Callable[..., Path]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the whole test run."""
    return tmp_path_factory.mktemp("diagnosis")


@pytest.fixture(scope="session")
def sentences(root: Path) -> Dataset:
    """Real sentences."""
    return prepare({"name": "libras", "train": 24, "dev": 12, "test": 2}, root)


@pytest.fixture(scope="session")
def known(sentences: Dataset) -> Dataset:
    """A few sentences that are measured on too, so that a small model can be good at them."""
    return subset(sentences, train=range(8))


@pytest.fixture(scope="session")
def learnt(known: Dataset) -> dict[str, Any]:
    """State of a run that learnt them."""
    run = small_run(known, **QUICK)
    while run.ended_by is None:
        run.run_epoch()
    assert run.best_wer is not None and run.best_wer < 30
    return run.state_dict()


@pytest.fixture
def store(tmp_path: Path, learnt: dict[str, Any]) -> Store:
    """Writes the run's folder, its state changed by a function."""

    def write(change: Callable[[dict[str, Any]], None] = lambda state: None) -> Path:
        state = copy.deepcopy(learnt)
        change(state)
        path = tmp_path / "run" / "checkpoints" / "checkpoint_best.pt"
        save_checkpoint(path, state)
        CurveFile(tmp_path / "run" / "curve.csv").repair(state["rows"])
        return path

    return write
