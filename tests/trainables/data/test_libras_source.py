"""The Libras data set as it is packed."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from trainables.data import Dataset, libras_sentences, libras_source, prepare
from trainables.data.config import LibrasSpec
from trainables.data.libras_source import LibrasSource

SMALL = {"name": "libras", "train": 20, "dev": 5, "test": 6}


def key(**settings: int) -> str:
    return LibrasSource(LibrasSpec(**settings)).key()


def test_sizes_vocabulary_and_width(libras: Dataset) -> None:
    """600 / 150 / 200 sentences of 15 glosses; class 1 of the file is index 1, the blank 0."""
    assert [len(split) for split in (libras.train, libras.dev, libras.test)] == [600, 150, 200]
    assert libras.vocabulary == ("<blank>", *libras_sentences.GLOSSES)
    assert libras.feature_size == libras.train.features.shape[1] == 6
    assert libras.train.signers is None


def test_features_are_those_of_the_plan(libras: Dataset) -> None:
    """Standardisation undone, the packed positions lie within the noise of the planned path."""
    recordings = libras_sentences.read_recordings(libras_sentences.read_csv())
    mean, std = np.array(libras.facts["mean"]), np.array(libras.facts["std"])
    for split in (libras.train, libras.dev, libras.test):
        rows = set(libras.facts["rows"][split.name])
        usable = np.flatnonzero(np.isin(recordings.rows, list(rows)))
        plans = libras_sentences.plan_sentences(
            recordings, usable, count=len(split), split=split.name, seed=0
        )
        for number in range(0, len(split), 7):
            path = libras_sentences.draw_positions(plans[number], recordings)
            packed = split.frames(number) * std + mean
            assert np.abs(packed[:, :2] - path).max() < 6 * 0.01
            assert split.target(number).tolist() == [sign.gloss + 1 for sign in plans[number]]
            assert {int(recordings.rows[sign.recording]) for sign in plans[number]} <= rows


def test_standardised_on_train_alone(libras: Dataset) -> None:
    """Mean 0 and deviation 1 in train; dev and test with train's numbers, so not quite."""
    np.testing.assert_allclose(libras.train.features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(libras.train.features.std(axis=0), 1, atol=1e-4)
    for split in (libras.dev, libras.test):
        assert np.abs(split.features.mean(axis=0)).max() > 1e-3
        assert np.abs(split.features.mean(axis=0)).max() < 0.5


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Results on another machine, or after the cache was deleted, must be of the same data."""
    first, second = (prepare(SMALL, tmp_path / name) for name in ("a", "b"))
    assert first.hash == second.hash
    for split in ("train", "dev", "test"):
        file = f"{split}/features.f32"
        assert (first.folder / file).read_bytes() == (second.folder / file).read_bytes()
        assert getattr(first, split).references == getattr(second, split).references


def test_hash_covers_every_setting() -> None:
    """A setting outside the hash would hand one data set to those who asked for another."""
    keys = [key(), key(seed=1), key(train=599), key(dev=149), key(test=199)]
    assert len(set(keys)) == 5
    assert key() == key(seed=0, train=600, dev=150, test=200)


def test_hash_covers_file_and_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """New recordings or new code under an old hash would be served from the old cache."""
    before = key()
    with monkeypatch.context() as patch:
        content = libras_sentences.read_csv()
        patch.setattr(libras_sentences, "read_csv", lambda: content + b"\n")
        assert key() != before
    with monkeypatch.context() as patch:
        patch.setattr(libras_source, "FORMAT_VERSION", libras_source.FORMAT_VERSION + 1)
        assert key() != before
    assert key() == before


def test_made_in_under_two_seconds(tmp_path: Path) -> None:
    """`make run` starts with it; it takes about a quarter of a second."""
    start = time.perf_counter()
    prepare({"name": "libras"}, tmp_path)
    assert time.perf_counter() - start < 2
