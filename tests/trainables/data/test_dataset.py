"""A packed data set: what a split gives, and how it behaves in many processes."""

from __future__ import annotations

import json
import pickle
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data import Dataset, open_dataset, prepare
from trainables.data.dataset import frames_needed
from trainables.errors import DataError


@pytest.fixture
def packed(libras: Dataset, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(libras.folder, tmp_path / "copy"))


def test_utterances_tile_the_arrays(libras: Dataset) -> None:
    """Every frame and every gloss belongs to exactly one utterance, in order."""
    for split in (libras.train, libras.dev, libras.test):
        frames = [split.frames(i) for i in range(len(split))]
        targets = [split.target(i) for i in range(len(split))]
        np.testing.assert_array_equal(np.concatenate(frames), split.features)
        np.testing.assert_array_equal(np.concatenate(targets), split.targets)
        assert split.lengths.tolist() == [len(piece) for piece in frames]
        assert split.lengths.dtype == split.targets.dtype == np.int64
        assert split.features.dtype == np.float32


def test_glosses_are_the_targets_in_words(libras: Dataset) -> None:
    """Training reads numbers, scoring reads words; they must be the same sentence."""
    for i in range(len(libras.dev)):
        words = [libras.vocabulary[index] for index in libras.dev.target(i)]
        assert words == list(libras.dev.references[i])


def test_ids_are_unique_across_splits(libras: Dataset) -> None:
    """Cached teacher outputs and score files are found by id."""
    ids = [*libras.train.ids, *libras.dev.ids, *libras.test.ids]
    assert len(set(ids)) == len(ids) == 950


def test_features_are_mapped_and_cannot_be_written(libras: Dataset) -> None:
    """All workers map one file: a write would change the data of every trial."""
    assert isinstance(libras.train.features, np.memmap)
    assert np.shares_memory(libras.train.frames(3), libras.train.features)
    with pytest.raises(ValueError, match="read-only"):
        libras.train.frames(0)[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        libras.train.target(0)[0] = 1


def test_pickle_carries_no_data(libras: Dataset) -> None:
    """A worker must map the file by itself; data in the pickle would be copied per trial."""
    libras.train.lengths  # noqa: B018 - opened, so that the arrays could be caught in the pickle
    content = pickle.dumps(libras)
    assert len(content) < 1000
    again = pickle.loads(content)
    assert again == libras
    np.testing.assert_array_equal(again.train.features, libras.train.features)


def test_test_split_is_opened_only_when_asked_for(packed: Path) -> None:
    """Its files are ruined in place; who does not ask for test must not notice."""
    for file in (packed / "test").iterdir():
        file.write_bytes(b"?" * file.stat().st_size)
    dataset = open_dataset(packed)
    assert len(dataset.train) == 600
    assert len(dataset.dev) == 150
    assert dataset.statistics[2].sentences == 200
    with pytest.raises(DataError, match="cannot be used"):
        len(dataset.test)


def test_statistics_are_those_of_the_splits(libras: Dataset) -> None:
    """They are written while packing and printed without opening a split."""
    for statistics in libras.statistics:
        split = getattr(libras, statistics.name)
        words = [word for i in range(len(split)) for word in split.references[i]]
        assert statistics.sentences == len(split)
        assert statistics.frames == split.lengths.sum()
        assert (statistics.shortest, statistics.longest) == (
            split.lengths.min(),
            split.lengths.max(),
        )
        assert (statistics.glosses, statistics.distinct_glosses) == (len(words), len(set(words)))
        assert statistics.unknown == 0


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    """A wrong path must say so instead of ending in a traceback."""
    with pytest.raises(DataError, match="cannot be used"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "truncated", "index", "index type", "format"])
def test_damage_is_seen_on_opening(packed: Path, damage: str) -> None:
    """A file cut off by a full disk would otherwise end a night's run in a bus error."""
    features, index = packed / "train" / "features.f32", packed / "index.json"
    if damage == "missing":
        features.unlink()
    elif damage == "truncated":
        features.write_bytes(features.read_bytes()[:-4])
    elif damage == "index":
        index.write_text(index.read_text()[:-20])
    elif damage == "index type":
        index.write_text("[]")
    else:
        index.write_text(json.dumps({**json.loads(index.read_text()), "format": 0}))
    with pytest.raises(DataError, match="cannot be used") as error:
        open_dataset(packed)
    assert str(packed) in error.value.message
    assert "Delete this folder" in error.value.hint


@pytest.mark.parametrize(
    ("target", "frames"),
    [([], 0), ([5], 1), ([1, 2, 3], 3), ([1, 1], 3), ([1, 1, 1], 5), ([1, 2, 1], 3)],
)
def test_frames_needed_by_hand(target: list[int], frames: int) -> None:
    """CTC needs a blank between two alike: `1 1` is emitted as `1 blank 1`."""
    assert frames_needed(target) == frames


@given(st.lists(st.integers(1, 3), max_size=12))
def test_frames_needed_is_the_length_of_the_shortest_alignment(target: list[int]) -> None:
    """Built here the other way round: write down the alignment, collapse it, count it."""
    alignment: list[int] = []
    for gloss in target:
        alignment += [0, gloss] if alignment and alignment[-1] == gloss else [gloss]
    collapsed = [g for i, g in enumerate(alignment) if g and (i == 0 or alignment[i - 1] != g)]
    assert collapsed == target
    assert frames_needed(target) == len(alignment)
    assert frames_needed(np.array(target, dtype=np.int64)) == len(alignment)


def test_frames_needed_of_a_split(libras: Dataset) -> None:
    expected = [frames_needed(libras.dev.target(i)) for i in range(len(libras.dev))]
    assert libras.dev.frames_needed.tolist() == expected


def test_opening_again_is_quick(libras: Dataset) -> None:
    """Every worker does it at every start."""
    start = time.perf_counter()
    for _ in range(10):
        prepare(dict(libras.spec), libras.folder.parent.parent)
    assert (time.perf_counter() - start) / 10 < 0.1
