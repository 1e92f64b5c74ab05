"""Epochs that see a part of the training utterances: which part, and the same bits after a stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainables.config import StudentConfig
from trainables.data import Dataset, prepare
from trainables.files.curve import COLUMNS, DATA_SHARE
from trainables.protocol import RunInputs
from trainables.registry import run_class
from trainables.runs.training_set import TrainingSet

SMALL: dict[str, Any] = {
    "layers": 1,
    "hidden": 6,
    "projection": 6,
    "subsampling": 2,
    "batch_size": 4,
    "max_epochs": 4,
    "device": "cpu",
    "dropout": 0.3,
}
SHARES = ((1, 0.25), (2, 0.5), (4, 1.0))


def build(data: Dataset, cache: Path, name: str = "student", **inputs: Any) -> Any:
    cls: Any = run_class(name)
    given = {"data": data, "seed": 3, "teacher": None, "cache": cache, "data_shares": SHARES}
    return cls(cls.config_class(**SMALL), RunInputs(**{**given, **inputs}))


def test_smaller_share_lies_inside_the_larger(libras: Dataset) -> None:
    """And is the one that `data: {subset: 0.25}` takes: 5, 9 and all of 18 utterances."""
    training_set = TrainingSet(libras.train, StudentConfig(**SMALL), SHARES)
    seen = [set(training_set.seen(epoch).tolist()) for epoch in range(1, 5)]
    assert [len(each) for each in seen] == [5, 9, 18, 18]
    assert seen[0] < seen[1] < seen[2]
    part = prepare({**libras.spec, "subset": 0.25}, libras.folder.parent.parent)
    assert {libras.train.ids[index] for index in seen[0]} == set(part.train.ids)
    for epoch in (1, 2, 4):
        groups = training_set.groups(seed=0, epoch=epoch)
        trained = [int(i) for group in groups for batch in group for i in batch]
        assert sorted(trained) == sorted(seen[epoch - 1])


def test_rows_tell_the_share_and_others_have_no_such_column(
    libras: Dataset, tmp_path: Path
) -> None:
    """A row tells what its epoch was trained on; runs outside of a search stay as they were."""
    run = build(libras, tmp_path)
    assert [run.run_epoch()[DATA_SHARE] for _ in range(4)] == [0.25, 0.5, 1.0, 1.0]
    plain = build(libras, tmp_path, data_shares=())
    assert set(plain.run_epoch()) == set(COLUMNS)


@pytest.mark.parametrize("name", ["student", "distill"])
def test_promoted_run_goes_on_with_the_same_bits(
    name: str,
    libras: Dataset,
    teacher_file: Path,
    tmp_path: Path,
    assert_same_bits: Callable[..., None],
) -> None:
    """Taken up from its checkpoint, with more data from then on, as without a stop."""
    teacher = teacher_file if name == "distill" else None
    straight = build(libras, tmp_path, name, teacher=teacher)
    first = build(libras, tmp_path, name, teacher=teacher)
    first.run_epoch()
    second = build(libras, tmp_path, name, teacher=teacher)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        straight.run_epoch()
    for _ in range(2):
        second.run_epoch()
    assert_same_bits(straight.state_dict(), second.state_dict())


def test_all_shares_index_into_one_cache(
    libras: Dataset, teacher_file: Path, tmp_path: Path
) -> None:
    """The teacher answers once for all utterances, whatever an epoch sees."""
    run = build(libras, tmp_path, "distill", teacher=teacher_file)
    run.run_epoch()
    build(libras, tmp_path, "distill", teacher=teacher_file, data_shares=()).run_epoch()
    assert len(list((tmp_path / "teacher-outputs").glob("*/index.json"))) == 1
    assert not list((tmp_path / "teacher-outputs").glob("*/progress"))
