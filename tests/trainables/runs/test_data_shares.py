"""Epochs that see a part of the training utterances: which part, and the same bits after a stop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trainables.data import Dataset, prepare
from trainables.files.curve import COLUMNS, DATA_SHARE
from trainables.runs.training_set import TrainingSet

SHARES = ((1, 0.25), (2, 0.5), (4, 1.0))


@pytest.fixture
def build(make_run: Callable[..., Any]) -> Callable[..., Any]:
    """Builds a run that sees more data from epoch to epoch; all of one test share a cache."""
    return partial(make_run, seed=3, data_shares=SHARES)


def test_smaller_share_lies_inside_the_larger(libras: Dataset, build: Callable[..., Any]) -> None:
    """And is the one that `data: {subset: 0.25}` takes: 5, 9 and all of 18 utterances."""
    training_set = TrainingSet(libras.train, build().config, SHARES)
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
    build: Callable[..., Any],
) -> None:
    """A row tells what its epoch was trained on; runs outside of a search stay as they were."""
    run = build()
    assert [run.run_epoch()[DATA_SHARE] for _ in range(4)] == [0.25, 0.5, 1.0, 1.0]
    plain = build(data_shares=())
    assert set(plain.run_epoch()) == set(COLUMNS)


@pytest.mark.parametrize("name", ["student", "distill"])
def test_promoted_run_continues_with_the_same_bits(
    name: str,
    build: Callable[..., Any],
    teacher_file: Path,
    assert_same_bits: Callable[..., None],
) -> None:
    """Taken up from its checkpoint, with more data from then on, as without a stop."""
    teacher = teacher_file if name == "distill" else None
    straight = build(name, teacher=teacher)
    first = build(name, teacher=teacher)
    first.run_epoch()
    second = build(name, teacher=teacher)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        straight.run_epoch()
    for _ in range(2):
        second.run_epoch()
    assert_same_bits(straight.state_dict(), second.state_dict())


def test_all_shares_index_into_one_cache(
    build: Callable[..., Any], teacher_file: Path, tmp_path: Path
) -> None:
    """The teacher answers once for all utterances, whatever an epoch sees."""
    run = build("distill", teacher=teacher_file)
    run.run_epoch()
    build("distill", teacher=teacher_file, data_shares=()).run_epoch()
    assert len(list((tmp_path / "cache" / "teacher-outputs").glob("*/index.json"))) == 1
    assert not list((tmp_path / "cache" / "teacher-outputs").glob("*/progress"))
