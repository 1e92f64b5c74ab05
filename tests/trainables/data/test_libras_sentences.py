"""The sentences made of Libras recordings, against the raw file and values worked out by hand."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainables.data
from trainables.data import libras_sentences as libras
from trainables.data.dataset import frames_needed
from trainables.data.libras_sentences import Recordings, Sentence, Sign
from trainables.errors import DataError

CSV = Path(trainables.data.__file__).parent / "libras" / "movement_libras.csv"
RECORDINGS = libras.read_recordings(libras.read_csv())


def plans(split: str = "train", *, count: int = 600, seed: int = 0) -> list[Sentence]:
    usable = libras.split_recordings(RECORDINGS, seed)[split]
    return libras.plan_sentences(RECORDINGS, usable, count=count, split=split, seed=seed)


def raw_rows() -> list[str]:
    """The file's rows as text, without numpy and without the code under test."""
    return CSV.read_text().splitlines()[1:]


def test_recordings_are_the_330_unique_rows() -> None:
    """The file has 360 rows of which 30 are exact copies; a class keeps 21 or 24 recordings."""
    lines = raw_rows()
    assert len(lines) == 360
    assert sorted(RECORDINGS.rows) == sorted(
        {line: i for i, line in reversed(list(enumerate(lines)))}.values()
    )
    assert Counter(Counter(RECORDINGS.labels.tolist()).values()) == {21: 10, 24: 5}


def test_positions_are_x_and_y_of_the_file() -> None:
    """Swapped axes would pass every other test."""
    values = [float(text) for text in raw_rows()[7].split(",")]
    place = RECORDINGS.rows.tolist().index(7)
    assert RECORDINGS.positions[place, 0].tolist() == values[:2]
    assert RECORDINGS.positions[place, 44].tolist() == values[88:90]
    assert RECORDINGS.labels[place] == values[90] - 1


@pytest.mark.parametrize("seed", range(5))
def test_no_recording_and_no_copy_is_in_two_splits(seed: int) -> None:
    """A copy in train and test would leak the test set; read from the raw file."""
    lines = raw_rows()
    splits = libras.split_recordings(RECORDINGS, seed)
    contents = {
        split: {lines[row] for row in RECORDINGS.rows[usable]} for split, usable in splits.items()
    }
    assert set(contents) == {"train", "dev", "test"}
    assert not contents["train"] & contents["dev"]
    assert not contents["train"] & contents["test"]
    assert not contents["dev"] & contents["test"]
    assert contents["train"] | contents["dev"] | contents["test"] == set(lines)


@pytest.mark.parametrize("seed", range(5))
def test_every_class_has_recordings_in_every_split(seed: int) -> None:
    """A gloss without recordings could not be planned, or could not be learnt."""
    for split, least in (("train", 13), ("dev", 4), ("test", 4)):
        usable = libras.split_recordings(RECORDINGS, seed)[split]
        counts = Counter(RECORDINGS.labels[usable].tolist())
        assert set(counts) == set(range(15))
        assert min(counts.values()) >= least


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_sentences_use_recordings_of_their_split_and_gloss(split: str) -> None:
    """The split of recordings means nothing unless the sentences keep to it."""
    usable = set(libras.split_recordings(RECORDINGS, 0)[split].tolist())
    for sentence in plans(split, count=200):
        for sign in sentence:
            assert sign.recording in usable
            assert RECORDINGS.labels[sign.recording] == sign.gloss


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_plans_keep_to_the_ranges(seed: int) -> None:
    """3..8 glosses, 10..20 frames each, up to 4 trimmed, 2..6 between, for every seed."""
    for sentence in plans(count=30, seed=seed):
        assert 3 <= len(sentence) <= 8
        assert sentence[0].transition == 0
        assert all(2 <= sign.transition <= 6 for sign in sentence[1:])
        assert all(10 <= sign.frames <= 20 for sign in sentence)
        assert all(0 <= cut <= 4 for sign in sentence for cut in sign.trimmed)


def test_ranges_are_used_to_their_ends() -> None:
    """An exclusive upper bound would never give 8 glosses, 20 frames, 4 trimmed or 6 between."""
    signs = [sign for sentence in plans() for sign in sentence]
    assert {len(sentence) for sentence in plans()} == set(range(3, 9))
    assert {sign.frames for sign in signs} == set(range(10, 21))
    assert {cut for sign in signs for cut in sign.trimmed} == set(range(5))
    assert {sign.transition for sign in signs} == {0, *range(2, 7)}


@pytest.mark.parametrize("seed", range(5))
def test_grammar_has_four_likely_successors(seed: int) -> None:
    """0.85 / 4 + 0.15 / 15 = 0.2225 for the likely ones, 0.15 / 15 = 0.01 for the rest."""
    grammar = libras.make_grammar(seed)
    likely = np.isclose(grammar, 0.2225)
    assert np.isclose(grammar[~likely], 0.01).all()
    assert likely.sum(axis=1).tolist() == [4] * 15
    assert likely.sum(axis=0).tolist() == [4] * 15
    assert not likely.diagonal().any()


def test_sentences_follow_the_grammar() -> None:
    """Without it a language model, and a bidirectional network, would have nothing to learn."""
    likely = libras.make_grammar(0) > 0.1
    steps = [likely[a.gloss, b.gloss] for s in plans(count=2000) for a, b in pairwise(s)]
    # 0.85 + 0.15 * 4 / 15 = 0.89; three standard deviations at 9,000 steps are 0.01.
    assert np.mean(steps) == pytest.approx(0.89, abs=0.01)


def test_every_gloss_occurs_about_equally_often() -> None:
    """A gloss that hardly occurs in train would make its errors a matter of luck."""
    counts = Counter(sign.gloss for sentence in plans() for sign in sentence)
    average = counts.total() / 15
    assert all(0.7 * average < counts[gloss] < 1.3 * average for gloss in range(15))


def test_more_sentences_leave_the_first_ones_alone() -> None:
    """Learning curves over the size of the data compare like with like only if this holds."""
    assert plans(count=40)[:25] == plans(count=25)
    few = list(libras.draw_features(plans(count=3), RECORDINGS, split="train", seed=0))
    many = list(libras.draw_features(plans(count=5), RECORDINGS, split="train", seed=0))
    assert all(np.array_equal(a, b) for a, b in zip(few, many, strict=False))


def test_splits_and_seeds_have_plans_of_their_own() -> None:
    """A stream shared by two splits would repeat train's sentences in dev."""
    structure = [
        tuple((sign.gloss, sign.frames) for sign in plans(split, count=1, seed=seed)[0])
        for split, seed in (("train", 0), ("dev", 0), ("test", 0), ("train", 1))
    ]
    assert len(set(structure)) == 4


def test_plans_are_those_of_this_format_version() -> None:
    """The hash of a data set names what is made for its seed.

    If this fails, numpy's streams or the code have changed what a seed means: raise
    FORMAT_VERSION, or old and new data would go under the same hash.
    """
    text = repr(
        [
            [(s.gloss, s.recording, s.trimmed, s.frames, s.transition) for s in sentence]
            for sentence in plans(count=50)
        ]
    )
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "88bc821eeca4f9c6"


# -- drawing ------------------------------------------------------------------------------------


def straight(start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    """45 frames at even speed along a line."""
    share = np.arange(45)[:, None] / 44
    return (1 - share) * np.array(start) + share * np.array(end)


def two_lines() -> Recordings:
    """Recording 0 goes right along y = 0, recording 1 up along x = 1."""
    positions = np.stack([straight((0, 0), (44, 0)), straight((100, 0), (100, 44))])
    return Recordings(positions, np.array([0, 1]), np.array([0, 1]))


def test_drawn_path_by_hand() -> None:
    """Trimming 4 frames at both ends leaves source frames 4..40; ten frames step by 4."""
    sentence = (Sign(0, 0, (4, 4), 10, 0), Sign(1, 1, (0, 4), 11, 3))
    path = libras.draw_positions(sentence, two_lines())
    assert path.shape == (10 + 3 + 11, 2)
    np.testing.assert_allclose(path[:10, 0], np.arange(4, 41, 4))
    np.testing.assert_allclose(path[13:, 1], np.arange(0, 41, 4))
    # From x = 40 to x = 100 at 1/4, 1/2 and 3/4 of the way: smoothstep 10/64, 1/2, 54/64.
    np.testing.assert_allclose(path[10:13, 0], [40 + 60 * 10 / 64, 70, 40 + 60 * 54 / 64])
    np.testing.assert_allclose(path[10:13, 1], 0)


def test_velocity_and_acceleration_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a straight line at even speed the velocity is the step and the acceleration is 0."""
    monkeypatch.setattr(libras, "NOISE", 0.0)
    (features,) = libras.draw_features(
        [(Sign(0, 0, (4, 4), 10, 0),)], two_lines(), split="train", seed=0
    )
    np.testing.assert_allclose(features[:, 0], np.arange(4, 41, 4))
    np.testing.assert_allclose(features[:, 2], 4)
    np.testing.assert_allclose(features[:, [1, 3, 4, 5]], 0, atol=1e-12)


def test_noise_has_the_size_it_should() -> None:
    """0.01 of the unit square, on every frame of every sentence anew."""
    sentences = plans(count=50)
    drawn = libras.draw_features(sentences, RECORDINGS, split="train", seed=0)
    noise = np.concatenate(
        [
            f[:, :2] - libras.draw_positions(s, RECORDINGS)
            for s, f in zip(sentences, drawn, strict=True)
        ]
    )
    assert noise.std() == pytest.approx(0.01, rel=0.03)
    assert abs(noise.mean()) < 0.0005
    assert abs(np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1]) < 0.05


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**40), subsampling=st.sampled_from([1, 2, 4, 6]))
def test_ctc_can_emit_every_sentence_after_subsampling(seed: int, subsampling: int) -> None:
    """S glosses have at least 12 S - 2 frames and need at most 2 S - 1: a sixth is enough."""
    for sentence in plans(count=100, seed=seed):
        frames = sum(sign.frames + sign.transition for sign in sentence)
        assert frames // subsampling >= frames_needed([sign.gloss for sign in sentence])


def test_gloss_names_are_unique_and_upper_case() -> None:
    """Names are compared as words by the scorer and by users' scripts."""
    assert len(set(libras.GLOSSES)) == 15
    assert all(name == name.upper() and " " not in name for name in libras.GLOSSES)
    assert (libras.GLOSSES[0], libras.GLOSSES[14]) == ("CURVED-SWING", "TREMBLE")


def test_attribution_lies_beside_the_file() -> None:
    """CC BY 4.0 asks for it wherever the recordings go, a built package included."""
    text = (CSV.parent / "README.md").read_text(encoding="utf-8")
    assert all(
        part in text for part in ("Dias", "Peres", "Bíscaro", "10.24432/C5GC82", "CC BY 4.0")
    )


@pytest.mark.parametrize("damage", [b"", b"a,b\n1,2\n", CSV.read_bytes()[:-500]])
def test_a_damaged_file_is_named(damage: bytes) -> None:
    """A broken installation must not end in an index error."""
    with pytest.raises(DataError, match=r"movement_libras\.csv is damaged"):
        libras.read_recordings(damage)
