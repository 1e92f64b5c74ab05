"""Changes to training features; each leaves the order of the glosses as it is.

None of these is for dev or test. All take and give float32 frames (T, D) and never write to what
they are given, which may be a mapped file.
"""

from __future__ import annotations

import numpy as np

from trainables.data.dataset import Frames


def augment(
    frames: Frames,
    *,
    rng: np.random.Generator,
    time_jitter: float = 0.0,
    mixup: float = 0.0,
    noise: float = 0.0,
    min_frames: int = 1,
) -> Frames:
    """Applies what is not 0, in this order; what is 0 draws nothing from `rng`.

    Args:
        frames: Features (T, D).
        rng: Source of all randomness.
        time_jitter: See `jitter_time`.
        mixup: See `mix_neighbours`.
        noise: See `add_noise`.
        min_frames: Time jitter leaves at least so many, unless there were fewer before: what CTC
            needs for the glosses, times the model's subsampling.
    """
    if time_jitter:
        frames = jitter_time(frames, time_jitter, rng=rng, min_frames=min_frames)
    if mixup:
        frames = mix_neighbours(frames, mixup, rng=rng)
    if noise:
        frames = add_noise(frames, noise, rng=rng)
    return frames


def jitter_time(
    frames: Frames, strength: float, *, rng: np.random.Generator, min_frames: int = 1
) -> Frames:
    """Plays an utterance faster or slower, and unevenly.

    The length is multiplied by a number drawn from 1 - strength to 1 + strength, and so is, each
    by its own, the step from every frame to the next. Between frames features are interpolated.

    Args:
        frames: Features (T, D).
        strength: Share of the speed, in [0, 1).
        rng: Source of all randomness.
        min_frames: Fewest frames to give, unless there were fewer before.

    Raises:
        ValueError: The strength is out of range.
    """
    if not 0 <= strength < 1:
        raise ValueError(f"time_jitter is {strength}, must be at least 0 and below 1")
    before = len(frames)
    wanted = round(before * rng.uniform(1 - strength, 1 + strength))
    after = max(wanted, min(min_frames, before), 1)
    if before == 1 or after == 1:
        return frames[:1].repeat(after, axis=0)
    steps = rng.uniform(1 - strength, 1 + strength, after - 1)
    at = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()]) * (before - 1)
    left = np.minimum(at.astype(np.int64), before - 2)
    right_weight = (at - left).astype(np.float32)[:, None]
    played: Frames = frames[left] * (1 - right_weight) + frames[left + 1] * right_weight
    return played


def mix_neighbours(frames: Frames, strength: float, *, rng: np.random.Generator) -> Frames:
    """Temporal mixup: mixes every frame with the one before or after it.

    The neighbour's weight is drawn for each frame from Beta(strength, strength) and folded to
    0..0.5, so a frame stays nearer to itself and the glosses stay where they are. With a strength
    below 1 most weights are near 0.

    Args:
        frames: Features (T, D).
        strength: Parameter of the Beta distribution, 0 or more; 0 changes nothing.
        rng: Source of all randomness.

    Raises:
        ValueError: The strength is negative.

    Source: the weights are those of mixup, Zhang et al. 2018, arXiv:1710.09412, which mixes
    examples; glosses of two sentences cannot be mixed, neighbouring frames of one can.
    """
    if strength < 0:
        raise ValueError(f"mixup is {strength}, must be at least 0")
    if strength == 0:
        return frames
    count = len(frames)
    weights = rng.beta(strength, strength, count)
    weight = np.minimum(weights, 1 - weights).astype(np.float32)[:, None]
    neighbours = np.arange(count) + rng.choice((-1, 1), count)
    mixed: Frames = frames * (1 - weight) + frames[np.clip(neighbours, 0, count - 1)] * weight
    return mixed


def add_noise(frames: Frames, strength: float, *, rng: np.random.Generator) -> Frames:
    """Adds Gaussian noise to every value.

    Args:
        frames: Features (T, D).
        strength: Standard deviation in the features' own unit, 0 or more. The Libras features
            have a standard deviation of 1 each.
        rng: Source of all randomness.

    Raises:
        ValueError: The strength is negative.
    """
    if strength < 0:
        raise ValueError(f"noise is {strength}, must be at least 0")
    return frames + np.float32(strength) * rng.standard_normal(frames.shape, dtype=np.float32)
