"""Changes to training features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.augmentation import add_noise, augment, jitter_time, mix_neighbours


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ramp(frames: int) -> np.ndarray:
    """Frame number and its negative: where a frame came from can be read off."""
    return np.stack([np.arange(frames), -np.arange(frames)], axis=1).astype(np.float32)


def test_nothing_asked_for_changes_and_draws_nothing() -> None:
    """With augmentation off the same epoch must give the same bits as before it existed."""
    generator = rng()
    frames = ramp(10)
    assert augment(frames, rng=generator) is frames
    assert generator.random() == rng().random()


@settings(max_examples=50, deadline=None)
@given(
    frames=st.integers(1, 60),
    strength=st.floats(0, 0.9),
    seed=st.integers(0, 2**32),
    least=st.integers(1, 60),
)
def test_time_jitter_keeps_order_ends_and_room(
    frames: int, strength: float, seed: int, least: int
) -> None:
    """Glosses stay in order, the first and last frame stay, and CTC keeps its frames."""
    jittered = jitter_time(ramp(frames), strength, rng=rng(seed), min_frames=least)
    assert jittered.dtype == np.float32
    assert len(jittered) >= min(least, frames)
    assert len(jittered) <= max(round(frames * (1 + strength)), 1)
    assert (np.diff(jittered[:, 0]) >= 0).all()
    assert jittered[0, 0] == 0
    if len(jittered) > 1:
        assert jittered[-1, 0] == pytest.approx(frames - 1)
    np.testing.assert_allclose(jittered[:, 1], -jittered[:, 0])


def test_time_jitter_of_zero_strength_is_the_identity() -> None:
    np.testing.assert_allclose(jitter_time(ramp(20), 0.0, rng=rng()), ramp(20), atol=1e-5)


def test_time_jitter_changes_speed_both_ways() -> None:
    """Lengths of 100 frames at strength 0.2 lie in 80..120, and on both sides of 100."""
    lengths = [len(jitter_time(ramp(100), 0.2, rng=rng(seed))) for seed in range(50)]
    assert 80 <= min(lengths) < 90
    assert 110 < max(lengths) <= 120


def test_mixing_stays_next_to_each_frame() -> None:
    """On a ramp the neighbour differs by 1 and weighs at most a half."""
    mixed = mix_neighbours(ramp(500), 1.0, rng=rng())
    shift = mixed[:, 0] - np.arange(500)
    assert np.abs(shift).max() <= 0.5 + 1e-4
    assert shift.min() < -0.4 and shift.max() > 0.4
    # Beta(1, 1) folded is uniform on 0..0.5, of mean 1/4; the ends have one neighbour only.
    assert np.abs(shift).mean() == pytest.approx(0.25, abs=0.02)


def test_weak_mixing_leaves_most_frames_nearly_alone() -> None:
    """Beta(0.2, 0.2) has most of its mass at the ends."""
    shift = np.abs(mix_neighbours(ramp(2000), 0.2, rng=rng())[:, 0] - np.arange(2000))
    assert np.median(shift) < 0.1


def test_noise_has_the_strength_asked_for() -> None:
    noise = add_noise(np.zeros((3000, 4), dtype=np.float32), 0.3, rng=rng())
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(0.3, rel=0.03)


def test_input_is_never_written_to() -> None:
    """The input is a mapped file that all trials read."""
    frames = ramp(30)
    frames.setflags(write=False)
    before = frames.copy()
    changed = augment(frames, rng=rng(), time_jitter=0.2, mixup=0.2, noise=0.1)
    assert not np.shares_memory(changed, frames)
    np.testing.assert_array_equal(frames, before)


def test_the_generator_alone_decides() -> None:
    first, second = (
        augment(ramp(30), rng=rng(3), time_jitter=0.2, mixup=0.2, noise=0.1) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_strengths_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"time_jitter is 1\.0"):
        jitter_time(ramp(5), 1.0, rng=rng())
    with pytest.raises(ValueError, match=r"mixup is -0\.1"):
        mix_neighbours(ramp(5), -0.1, rng=rng())
    with pytest.raises(ValueError, match=r"noise is -1"):
        add_noise(ramp(5), -1, rng=rng())
