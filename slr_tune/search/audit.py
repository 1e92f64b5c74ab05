"""The pruning audit: a few trials that ASHA would stop run on, to show what stopping costs."""

from __future__ import annotations

import math
import random


def is_audited(number: int, *, seed: int, share: float) -> bool:
    """Whether a trial runs on where ASHA would stop it.

    A function of number and seed alone, so that a search that was cut off decides again as it did.
    One trial in 1 / share is chosen, at even distances; the seed moves the first.

    Args:
        number: Of the trial, from 0.
        seed: Of the study.
        share: Of the trials, 0..1.
    """
    start = random.Random(f"pruning audit {seed}").random()
    return math.floor((number + 1) * share + start) > math.floor(number * share + start)
