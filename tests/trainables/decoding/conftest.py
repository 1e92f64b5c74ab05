"""Gloss sentences to train language models of."""

from __future__ import annotations

import numpy as np
import pytest

Text = list[list[str]]


@pytest.fixture(scope="session")
def texts() -> tuple[Text, Text]:
    """Training and held-out sentences of one made-up language; the second has new glosses."""
    rng = np.random.default_rng(7)
    frequencies = 1.0 / np.arange(1, 81)
    frequencies /= frequencies.sum()
    successors = rng.choice(80, size=(80, 3), p=frequencies)

    def sentence() -> list[str]:
        glosses = [int(rng.choice(80, p=frequencies))]
        while rng.random() < 0.85:
            follows = rng.random() < 0.6
            glosses.append(
                int(rng.choice(successors[glosses[-1]]))
                if follows
                else int(rng.choice(80, p=frequencies))
            )
        return [f"G{gloss}" for gloss in glosses]

    train, held_out = [sentence() for _ in range(500)], [sentence() for _ in range(200)]
    held_out[3].append("NEVER-SEEN")
    return train, held_out
