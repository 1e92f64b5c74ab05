"""What the dashboard's tests share: a browser, and a database that tells what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.fixture
def fingerprint(studies: Path) -> Callable[[], str]:
    """Of every row of every table, the driver's sign of life left out."""

    def taken() -> str:
        engine = sa.create_engine(f"sqlite:///{studies / 'slr-tune.db'}")
        found = hashlib.sha256()
        with engine.connect() as connection:
            for table in sorted(sa.inspect(engine).get_table_names()):
                if table != "slr_tune_driver":
                    rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
                    found.update(repr((table, sorted(map(repr, rows)))).encode())
        engine.dispose()
        return found.hexdigest()

    return taken
