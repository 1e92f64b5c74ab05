"""The bundled data, prepared once for all tests that only read it."""

from __future__ import annotations

import pytest

from trainables.data import Dataset, prepare


@pytest.fixture(scope="session")
def libras(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return prepare({"name": "libras"}, tmp_path_factory.mktemp("cache"))
