"""How many trials share a card: measured on one trial, chosen by its memory and its idle time."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_ON_A_CARD = 8
_OF_MEMORY = 0.9
"""Share of a card's memory that trials may fill together."""
_BUSY_ENOUGH = 0.95
_UNKNOWN_BUSY = 0.5
"""Used where it is not known how busy a card is: two trials."""
_SMI = ("nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class CardUse:
    """What one trial takes of a card.

    Attributes:
        peak_bytes: Most memory, CUDA's own included.
        total_bytes: The card's memory.
        busy: Share of the time that the card is running, 0 to 1; None where it is not known.
    """

    peak_bytes: int
    total_bytes: int
    busy: float | None


def choose_share(use: CardUse, *, most: int = MOST_ON_A_CARD) -> int:
    """Trials that are to share a card: as many as keep it busy, and no more than fit.

    Args:
        use: Of one trial that has the card by itself.
        most: Never more.

    Returns:
        At least 1.
    """
    by_memory = int(_OF_MEMORY * use.total_bytes // max(1, use.peak_bytes))
    busy = _UNKNOWN_BUSY if use.busy is None else use.busy
    by_work = most if busy <= 0 else math.ceil(_BUSY_ENOUGH / busy)
    return max(1, min(by_memory, by_work, most))


@contextmanager
def card_watch() -> Iterator[list[float]]:
    """Asks nvidia-smi five times a second how busy the first visible card is.

    Yields:
        A list that holds the percentages after the block; nothing where there is no nvidia-smi.
    """
    looks: list[float] = []
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
    command = [*_SMI, "-lms", "200", "-i", card]
    try:
        watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except OSError:
        yield looks
        return
    try:
        yield looks
    finally:
        watch.terminate()
        text, _ = watch.communicate()
        looks += [float(line) for line in text.split() if line.isdigit()]


def mean_share(looks: list[float]) -> float | None:
    """Mean of percentages as a share; None of none."""
    return sum(looks) / len(looks) / 100 if looks else None
