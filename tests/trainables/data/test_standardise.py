"""Features of PHOENIX's layout are brought to mean 0 and variance 1, by what train holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from phoenix_layout import write_phoenix

from trainables.data import prepare
from trainables.data.config import as_written
from trainables.data.standardise import Moments
from trainables.errors import DataError


def test_train_has_mean_0_and_variance_1_and_the_rest_follows_it(tmp_path: Path) -> None:
    layout = write_phoenix(tmp_path / "phoenix", dtype=np.float32)
    for clips in layout.clips.values():
        for clip in clips:
            clip.features *= np.array([1e-3, 1.0, 50.0, 1.0, 0.0], dtype=np.float32)
            clip.features += np.array([1e3, -5.0, 0.0, 1.0, 7.0], dtype=np.float32)
    for split in layout.clips:
        layout.write_features(split)
    raw = prepare(layout.section, tmp_path / "cache")
    data = prepare({**layout.section, "standardise": True}, tmp_path / "cache")
    assert raw.hash != data.hash
    values = np.asarray(raw.train.features, dtype=np.float64)
    mean, std = values.mean(axis=0), values.std(axis=0)
    std[4] = 1.0  # never changes
    for split in ("train", "dev", "test"):
        expected = (raw.split(split).features - mean) / std
        found = data.split(split).features
        tolerance = [0.1, 1e-4, 1e-4, 1e-4, 1e-4]  # float32 holds 1000 + 0.001 to 6e-5
        assert (np.abs(found - expected) <= tolerance).all()
    assert abs(float(data.train.features[:, 1].std()) - 1) < 1e-3
    np.testing.assert_allclose(data.facts["mean"], mean, rtol=1e-4, atol=1e-4)


def test_only_what_a_person_writes_is_standardised_unasked(tmp_path: Path) -> None:
    """A study stored before keeps its features as they came."""
    section = write_phoenix(tmp_path / "phoenix").section
    assert as_written(section)["standardise"] and "standardise" not in section
    assert not as_written({**section, "standardise": False})["standardise"]
    assert as_written({"name": "libras"}) == {"name": "libras"}


def test_moments_far_from_0_keep_their_variance() -> None:
    rng = np.random.default_rng(0)
    frames = (1e4 + rng.normal(size=(500, 2))).astype(np.float32)
    moments = Moments()
    for piece in np.split(frames, 5):
        moments.add(piece)
    mean, std = moments.mean_and_std()
    np.testing.assert_allclose(std, frames.astype(np.float64).std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(mean, frames.astype(np.float64).mean(axis=0), rtol=1e-6)


def test_a_vocabulary_of_ones_own(tmp_path: Path) -> None:
    """Its order is kept, and what it lacks is an error of scoring, not of packing."""
    layout = write_phoenix(tmp_path / "phoenix")
    path = tmp_path / "words.txt"
    path.write_text("WIND\nSONNE\nREGEN\nNORD\nHEUTE\n", encoding="utf-8")
    data = prepare({**layout.section, "vocabulary": str(path)}, tmp_path / "cache")
    assert data.vocabulary == ("<blank>", "WIND", "SONNE", "REGEN", "NORD", "HEUTE")
    assert data.statistics[0].unknown_glosses.keys() == {"ABEND"}
    lacking = [line for line in data.warnings if "data.vocabulary lacks 1 gloss of train" in line]
    assert len(lacking) == 1 and lacking[0].endswith("counts as an error: ABEND")
    path.write_text("wind\nsonne\n", encoding="utf-8")  # as another program writes them
    with pytest.raises(DataError, match="contains no gloss of train"):
        prepare({**layout.section, "vocabulary": str(path)}, tmp_path / "cache")
    path.write_text("WIND\nWIND\n\nTWO WORDS\n", encoding="utf-8")
    try:
        prepare({**layout.section, "vocabulary": str(path)}, tmp_path / "cache")
    except Exception as error:
        assert "WIND is listed twice" in str(error) and "TWO WORDS" in str(error)
    else:
        raise AssertionError("a wrong vocabulary was taken")
