"""Best path decoding: the likeliest class of every frame, repeats merged, blanks left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.cards import moved
from trainables.data import BLANK
from trainables.errors import ConfigError

Scores = Tensor | NDArray[np.floating[Any]]
Lengths = Tensor | NDArray[np.integer[Any]]


def greedy_decode(log_probs: Scores, lengths: Lengths) -> list[list[int]]:
    """Decodes a batch along its best path.

    Any scores with the same order within a frame will do: probabilities and logits give the same.
    The first of equal classes wins.

    Args:
        log_probs: Scores (T, N, C) with the blank at 0.
        lengths: Real frames of each utterance, int64 (N,), in 0..T.

    Returns:
        Classes 1..C-1 of each utterance, N lists; empty where every frame is blank.

    Raises:
        ValueError: Shapes do not fit or a length is out of range.

    Source: Graves et al. 2006, "Connectionist temporal classification", section 3.2.
    """
    ends = _checked_ends(log_probs, lengths)
    best = _numpy(log_probs.argmax(-1))  # [T, N]
    first = np.ones_like(best, dtype=bool)
    first[1:] = best[1:] != best[:-1]
    kept = first & (best != BLANK) & (np.arange(len(best))[:, np.newaxis] < ends)
    return [best[kept[:, i], i].tolist() for i in range(best.shape[1])]


def emitted(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """What the best path emits at each frame, on the scores' device: a class, or the blank.

    The classes of an utterance other than the blank, in their order, are what `greedy_decode`
    gives. Nothing is copied from a GPU, so nothing waits for it.

    Args:
        log_probs: Scores (T, N, C) with the blank at 0, T at least 1.
        lengths: Real frames of each utterance, int64 (N,), on the CPU.

    Returns:
        Classes int32 (T, N).
    """
    best = log_probs.detach().argmax(dim=-1).to(torch.int32)  # [T, N]
    time = torch.arange(len(best), device=best.device).unsqueeze(1)
    kept = time < moved(lengths, best.device)
    kept[1:] &= best[1:] != best[:-1]
    return torch.where(kept, best, BLANK)


def confident_decode(log_probs: Scores, lengths: Lengths, *, threshold: float) -> list[list[int]]:
    """Decodes with a confidence threshold on glosses in place of the contest with the blank.

    A gloss is emitted where it is the likeliest gloss of a frame and its natural log-probability
    reaches the threshold at least once while it lasts:

    1. A frame takes its likeliest class. Where that is the blank, but the likeliest gloss reaches
       the threshold, the frame takes the gloss. (Rescue: works below ln 0.5.)
    2. Equal neighbours merge, and blanks are left out, as always.
    3. A merged gloss that reaches the threshold in none of its frames is left out. (Filter: works
       above -ln C, since the likeliest of C classes is never less likely than that.)

    So -0.1 keeps glosses that the model is sure of; -8 or -12 makes a model speak that answers
    blank nearly everywhere: over 1,230 classes only rescue is running there (-ln 1230 = -7.1). On
    a model that speaks by itself, thresholds as low as these insert a gloss in every pause.

    Args:
        log_probs: Natural log-probabilities (T, N, C) with the blank at 0, C at least 2.
        lengths: Real frames of each utterance, int64 (N,), in 0..T.
        threshold: Natural logarithm of the probability that a gloss has to reach, at most 0.

    Returns:
        Classes 1..C-1 of each utterance, N lists.

    Raises:
        ConfigError: The threshold is above 0 or is not a number.
        ValueError: Shapes do not fit or a length is out of range.
    """
    if not threshold <= 0.0:
        raise ConfigError(
            f"confidence threshold {threshold} must be at most 0",
            hint="It is compared with log-probabilities: ln 0.5 is -0.69, ln 0.0003 is -8.",
        )
    ends = _checked_ends(log_probs, lengths, min_classes=2)
    scores = _numpy(log_probs)
    return [_confident_path(scores[:end, index], threshold) for index, end in enumerate(ends)]


def _confident_path(frames: NDArray[np.floating[Any]], threshold: float) -> list[int]:
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


def _checked_ends(log_probs: Scores, lengths: Lengths, *, min_classes: int = 1) -> NDArray[Any]:
    """The lengths, checked against scores (T, N, C).

    Raises:
        ValueError: Shapes do not fit or a length is out of range.
    """
    frames, shape = len(log_probs), tuple(log_probs.shape)
    if len(shape) != 3 or shape[2] < min_classes or tuple(lengths.shape) != shape[1:2]:
        raise ValueError(
            f"expected (T, N, C) and lengths (N,), got {shape} and {tuple(lengths.shape)}"
        )
    ends = _numpy(lengths)
    if ends.size and (ends.min() < 0 or ends.max() > frames):
        raise ValueError(f"lengths must be in 0..{frames}, got {ends.min()}..{ends.max()}")
    return ends


def _numpy(values: Tensor | NDArray[Any]) -> NDArray[Any]:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values
