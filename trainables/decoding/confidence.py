"""Best path decoding with a confidence threshold on glosses in place of the contest with the blank.

A gloss is emitted where it is the likeliest gloss of a frame and its natural log-probability
reaches the threshold at least once while it lasts:

1. A frame takes its likeliest class. Where that is the blank, but the likeliest gloss reaches the
   threshold, the frame takes the gloss. (Rescue: works below ln 0.5.)
2. Equal neighbours merge, and blanks are left out, as always.
3. A merged gloss that reaches the threshold in none of its frames is left out. (Filter: works
   above -ln C, since the likeliest of C classes is never less likely than that.)

So -0.1 keeps glosses that the model is sure of; -8 or -12 makes a model speak that answers blank
nearly everywhere: over 1,230 classes only rescue is at work there (-ln 1230 = -7.1). On a model
that speaks by itself, thresholds as low as these insert a gloss in every pause.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import BLANK
from trainables.decoding.greedy import Lengths, Scores, checked_ends, to_numpy
from trainables.errors import ConfigError


def confident_decode(log_probs: Scores, lengths: Lengths, *, threshold: float) -> list[list[int]]:
    """Decodes a batch along its best path, by the rules at the top of this file.

    Args:
        log_probs: Natural log-probabilities (T, N, C) with the blank at 0, C at least 2.
        lengths: Real frames of each utterance, int64 (N,), in 0..T.
        threshold: Natural logarithm of the probability that a gloss has to reach, at most 0.

    Returns:
        Classes 1..C-1 of each utterance, N lists.

    Raises:
        ConfigError: The threshold is above 0 or is no number.
        ValueError: Shapes do not fit or a length is out of range.
    """
    if not threshold <= 0.0:
        raise ConfigError(
            f"confidence threshold {threshold} must be at most 0",
            hint="It is compared with log-probabilities: ln 0.5 is -0.69, ln 0.0003 is -8.",
        )
    ends = checked_ends(log_probs, lengths, min_classes=2)
    scores = to_numpy(log_probs)
    return [_decode(scores[:end, index], threshold) for index, end in enumerate(ends)]


def _decode(frames: NDArray[np.floating[Any]], threshold: float) -> list[int]:
    if len(frames) == 0:
        return []
    glosses = frames[:, BLANK + 1 :].argmax(axis=1) + BLANK + 1  # [T]
    confidence = np.take_along_axis(frames, glosses[:, np.newaxis], axis=1)[:, 0]  # [T]
    silent = (frames[:, BLANK] >= confidence) & (confidence < threshold)
    path = np.where(silent, BLANK, glosses)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    reached = np.maximum.reduceat(confidence, starts) >= threshold
    classes: list[int] = path[starts[reached & (path[starts] != BLANK)]].tolist()
    return classes
