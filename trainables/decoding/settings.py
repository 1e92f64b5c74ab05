"""Settings of a beam search, its hypotheses, and checks of what it searches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import ConfigError

LogProbs = NDArray[np.floating[Any]]

_MAX_BONUS = 100.0


@dataclass(frozen=True)
class BeamSettings:
    """Settings of a prefix beam search.

    A gloss sequence is scored `ln P(frames) + lm_weight * ln P(sequence) + gloss_bonus * glosses`,
    in nats; without a language model the middle term is 0.

    Attributes:
        width: Prefixes kept after each frame.
        lm_weight: Weight of the language model, at least 0.
        gloss_bonus: Nats for each gloss, between -100 and 100. A language model makes every gloss
            cost something and so shortens the output; a bonus holds against that.
        token_min_log_prob: A class is tried in a frame only where its natural log-probability
            reaches this, or where no other is likelier. Lower finds more and takes longer.

    Raises:
        ConfigError: A setting is out of range.
    """

    width: int = 10
    lm_weight: float = 0.9
    gloss_bonus: float = 0.0
    token_min_log_prob: float = -5.0

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if self.width < 1:
            raise ConfigError(f"beam width={self.width} must be at least 1")
        if not 0.0 <= self.lm_weight < math.inf:
            raise ConfigError(f"lm_weight={self.lm_weight} must be a number of at least 0")
        if not -_MAX_BONUS <= self.gloss_bonus <= _MAX_BONUS:
            raise ConfigError(
                f"gloss_bonus={self.gloss_bonus} must be between -{_MAX_BONUS:g} and {_MAX_BONUS:g}"
            )
        if not self.token_min_log_prob <= 0.0:
            raise ConfigError(f"token_min_log_prob={self.token_min_log_prob} must be at most 0")


@dataclass(frozen=True)
class Hypothesis:
    """One decoded sequence.

    Attributes:
        classes: Its glosses, 1..C-1.
        log_prob: Log-probability of the frames given it, nats, summed over the alignments that
            the beam kept.
        score: The same with language model and bonus, by which hypotheses are ranked.
    """

    classes: tuple[int, ...]
    log_prob: float
    score: float


def checked_frames(log_probs: LogProbs, *, classes: int) -> NDArray[np.float32]:
    """Log-probabilities as float32, checked.

    Raises:
        ValueError: They are not (T, classes), hold a NaN, a value above 0, as logits and
            probabilities have, or a frame whose likeliest class has less than an equal share.
    """
    if log_probs.ndim != 2 or log_probs.shape[1] != classes:
        raise ValueError(f"expected log-probabilities (T, {classes}), got {log_probs.shape}")
    frames = np.asarray(log_probs, dtype=np.float32)
    best = frames.max(axis=1, initial=-np.inf)  # [T]; a NaN in a frame comes through
    # Rounding, of half precision too, may leave a trifle on the wrong side of either end.
    bad = np.flatnonzero(~((best > -math.log(classes) - 0.01) & (best < 1e-3)))
    if bad.size:
        raise ValueError(
            f"frame {bad[0]} contains no log-probabilities: its largest value is {best[bad[0]]}"
        )
    return frames


def tried_classes(frames: NDArray[np.float32], token_min_log_prob: float) -> NDArray[np.bool_]:
    """Which classes (T, C) a search tries in each frame; see `BeamSettings`."""
    tried: NDArray[np.bool_] = frames >= token_min_log_prob
    np.put_along_axis(tried, frames.argmax(axis=1)[:, np.newaxis], True, axis=1)
    return tried


def history_length(order: int) -> int:
    """Glosses that decide what a prefix can become: those that the language model looks back on.

    The last one always counts: a repeat of it needs a blank in between.
    """
    return max(1, order - 1)
