"""A few real sentences, and a teacher of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_runs import saved, small_run

from slr_tune.study.folders import cache_root
from trainables.data import Dataset, prepare


@pytest.fixture
def data(studies: Path) -> Dataset:
    """The data that `small_space` names."""
    return prepare({"name": "libras", "train": 18, "dev": 8, "test": 4}, cache_root())


@pytest.fixture
def teacher(data: Dataset, tmp_path: Path) -> Path:
    """A teacher of two epochs."""
    return saved(small_run(data, "teacher", layers=2), tmp_path / "teacher.pt", epochs=2)
