"""A part of the data: drawn once, the smaller inside the larger, nothing copied."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from trainables.data import Dataset, open_dataset, prepare
from trainables.data.config import parse_data_spec
from trainables.errors import DataError

SMALL = {"name": "libras", "train": 40, "dev": 12, "test": 4}


def part(cache: Path, **settings: object) -> Dataset:
    return prepare({**SMALL, **settings}, cache)


def test_smaller_parts_lie_in_larger_ones_and_dev_stays_whole(tmp_path: Path) -> None:
    whole = part(tmp_path)
    shares = [part(tmp_path, subset=share) for share in (0.1, 0.25, 0.5)]
    sizes = [len(data.train) for data in shares]
    assert sizes == [4, 10, 20] and all(len(data.dev) == 12 for data in shares)
    ids = [set(data.train.ids) for data in [*shares, whole]]
    assert ids[0] < ids[1] < ids[2] < ids[3]
    assert len({data.hash for data in [*shares, whole]}) == 4
    assert all(data.vocabulary == whole.vocabulary for data in shares)
    few = part(tmp_path, max_utterances={"train": 10, "dev": 3})
    assert few.train.ids == shares[1].train.ids and len(few.dev) == 3


def test_a_part_holds_the_utterances_of_the_whole_and_copies_none(tmp_path: Path) -> None:
    whole, data = part(tmp_path), part(tmp_path, subset={"train": 0.3, "dev": 0.5})
    for name in ("train", "dev"):
        one, all_of = data.split(name), whole.split(name)
        for index, utterance in enumerate(one.ids):
            other = all_of.ids.index(utterance)
            assert np.array_equal(one.frames(index), all_of.frames(other))
            assert np.array_equal(one.target(index), all_of.target(other))
            assert one.references[index] == all_of.references[other]
            assert one.lengths[index] == all_of.lengths[other]
        counted = data.statistics[("train", "dev").index(name)]
        assert (counted.sentences, counted.frames) == (len(one), one.lengths.sum())
        assert counted.glosses == sum(map(len, one.references))
    assert [path.name for path in data.folder.iterdir()] == ["index.json"]
    again = pickle.loads(pickle.dumps(data))
    assert again.train.ids == data.train.ids and again.part_of == whole.hash


def test_a_part_of_all_is_the_whole(tmp_path: Path) -> None:
    assert part(tmp_path, subset=1.0).hash == part(tmp_path, max_utterances=40).hash
    assert part(tmp_path, subset=1).folder == part(tmp_path).folder


def test_the_same_part_is_found_again_and_asked_for_in_two_ways(tmp_path: Path) -> None:
    one = part(tmp_path, subset=0.25)
    written = (one.folder / "index.json").stat().st_mtime_ns
    assert part(tmp_path, max_utterances=10).folder == one.folder
    assert (one.folder / "index.json").stat().st_mtime_ns == written
    (one.folder / "index.json").unlink()
    assert part(tmp_path, subset=0.25).train.ids == one.train.ids


def test_a_part_whose_whole_is_gone_says_so(tmp_path: Path) -> None:
    data = part(tmp_path, subset=0.25)
    data.whole_folder.rename(tmp_path / "away")
    with pytest.raises(DataError, match="cannot be used"):
        print(open_dataset(data.folder).train)
    assert part(tmp_path, subset=0.25).train.ids  # made again


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"subset": 0.0}, "data.subset: 0.0: should be a share of the utterances, above 0"),
        ({"subset": 1.5}, "data.subset: 1.5: should be a share"),
        ({"subset": {"trian": 0.5}}, "with one for each; trian is neither"),
        ({"max_utterances": 0}, "data.max_utterances: 0: should be a number of utterances"),
        ({"max_utterances": 2.5}, "should be a number of utterances, at least 1, or {train: .."),
    ],
)
def test_a_wrong_part_is_refused_with_the_rule(settings: dict[str, object], message: str) -> None:
    with pytest.raises(Exception, match=r"data\.") as error:
        parse_data_spec({**SMALL, **settings})
    assert message in str(error.value)
