"""A study in a shared database names a module; who only looks at it runs none of the reader's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from slr_tune.cli.main import run as slr_tune
from slr_tune.space import load_spec
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage

RUN = """
from pathlib import Path
Path("imported").touch()
from toy_runs import ToyRun as Run
"""
SPACE = """
study: shared
trainable: planted:Run
objective: {metric: val/wer}
budget: {trials: 2, max_epochs: 3}
space: {level: {float: [0.1, 0.9]}}
"""


@pytest.fixture
def shared(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of two trials, and the reader's folder with a module of that name."""
    folder = tmp_path / "reader"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    (folder / "planted.py").write_text(RUN)
    (folder / "space.yaml").write_text(SPACE)
    spec = load_spec(folder / "space.yaml")
    storage = open_storage()
    store = open_store(spec, storage)
    from slr_tune.search.sampler import tpe

    for number in range(2):
        live = store.start_trial(tpe(seed=0, number=number))
        for epoch in (1, 2, 3):
            row = {"epoch": epoch, "seconds": 0.1, "val/wer": 90.0 - epoch - number}
            store.add_row(live, row)
        store.finish(live, "max_epochs")
    storage.engine.dispose()
    del sys.modules["planted"]
    (folder / "imported").unlink()
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["show"],
        ["show", "shared", "--trial", "1"],
        ["best"],
        ["importance", "--study", "shared"],
        ["report", "--study", "shared"],
    ],
    ids=lambda command: " ".join(command),
)
def test_views_import_nothing(shared: Path, command: list[str]) -> None:
    assert slr_tune(command) in (0, 1, 2)
    assert not (shared / "imported").exists() and "planted" not in sys.modules
