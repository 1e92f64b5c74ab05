"""Which utterances go into a batch together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trainables.data.dataset import Indices

LENGTH_JITTER = 0.05
"""Lengths are taken to be up to this share longer or shorter when utterances are sorted by them.

Without it the same utterances would meet in a batch in every epoch; more of it is more padding.
"""


def epoch_batches(
    lengths: ArrayLike, batch_size: int, *, rng: np.random.Generator
) -> list[Indices]:
    """Puts utterances of like length into batches, differently each time, in random order.

    Args:
        lengths: Frames of each utterance, int (N,).
        batch_size: Utterances in a batch; one batch, any of them, is smaller where it does not
            divide N.
        rng: Source of all randomness; its state alone decides the result.

    Returns:
        Batches of utterance indices, each utterance in exactly one of them.

    Raises:
        ValueError: The batch size is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}, must be at least 1")
    frames = np.asarray(lengths, dtype=np.float64)
    order = np.argsort(frames * rng.uniform(1 - LENGTH_JITTER, 1 + LENGTH_JITTER, len(frames)))
    count = -(-len(order) // batch_size)
    ends = batch_size * np.arange(1, count)
    if len(order) % batch_size:
        # The small batch is anywhere, so that it is not always that of the longest utterances.
        small = rng.integers(count)
        ends[small:] -= batch_size - len(order) % batch_size
    batches = np.split(order, ends) if count else []
    return [batches[place] for place in rng.permutation(count)]
