"""Continuous sentences made of the bundled isolated Libras hand movements.

A sentence is planned first, in whole numbers (which recordings, how many frames), and drawn from
its plan afterwards. The plan is what tests and users can check by hand.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trainables.data.dataset import SPLITS
from trainables.errors import DataError

GLOSSES = (
    "CURVED-SWING",
    "HORIZONTAL-SWING",
    "VERTICAL-SWING",
    "ANTI-CLOCKWISE-ARC",
    "CLOCKWISE-ARC",
    "CIRCLE",
    "HORIZONTAL-STRAIGHT-LINE",
    "VERTICAL-STRAIGHT-LINE",
    "HORIZONTAL-ZIGZAG",
    "VERTICAL-ZIGZAG",
    "HORIZONTAL-WAVY",
    "VERTICAL-WAVY",
    "FACE-UP-CURVE",
    "FACE-DOWN-CURVE",
    "TREMBLE",
)
"""Name of each class; class 1 of the file comes first."""

FEATURES = ("x", "y", "x velocity", "y velocity", "x acceleration", "y acceleration")

SENTENCE_GLOSSES = (3, 8)
LIKELY_SUCCESSORS = 4
UNIFORM_SHARE = 0.15
GLOSS_FRAMES = (10, 20)
TRIMMED_FRAMES = (0, 4)
TRANSITION_FRAMES = (2, 6)
NOISE = 0.01
"""Standard deviation of the position noise; the recordings are in the unit square."""

# Each thing drawn has a stream of its own, so that asking for more sentences of one split
# changes neither the sentences already there nor those of another split.
_STREAM_RECORDINGS, _STREAM_GRAMMAR, _STREAM_PLAN, _STREAM_NOISE = range(4)


@dataclass(frozen=True)
class Recordings:
    """The isolated movements of the file, without its exact copies.

    Attributes:
        positions: (R, 45, 2) float64, the hand in the unit square.
        labels: int64 (R,), class from 0.
        rows: int64 (R,), row in the file, from 0 after the header; of copies the first.
    """

    positions: NDArray[np.float64]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Sign:
    """One gloss of a sentence.

    Attributes:
        gloss: Class from 0.
        recording: Index into the arrays of `Recordings`.
        trimmed: Source frames left out at the start and at the end, 0..4 each.
        frames: Frames in the sentence, 10..20.
        transition: Frames of movement before it, 2..6; 0 for the first sign.
    """

    gloss: int
    recording: int
    trimmed: tuple[int, int]
    frames: int
    transition: int


Sentence = tuple[Sign, ...]


def read_csv() -> bytes:
    """The bundled file, as it is."""
    return (resources.files("trainables.data") / "libras" / "movement_libras.csv").read_bytes()


def read_recordings(content: bytes) -> Recordings:
    """Reads the file's rows and leaves out exact copies, of which a split could leak to another.

    Raises:
        DataError: The file is not the one that was shipped.
    """
    rows = list(csv.reader(io.StringIO(content.decode("ascii", errors="replace"))))[1:]
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError:
        values = np.empty((0, 0))
    if values.shape != (24 * len(GLOSSES), 91) or not np.isfinite(values).all():
        raise DataError(
            "the bundled libras/movement_libras.csv is damaged: it must be 360 rows of 91 numbers",
            hint="Install the package again.",
        )
    kept = np.sort(np.unique(values[:, :-1], axis=0, return_index=True)[1])
    labels = values[kept, -1].astype(np.int64) - 1
    return Recordings(values[kept, :-1].reshape(-1, 45, 2), labels, kept)


def split_recordings(recordings: Recordings, seed: int) -> dict[str, NDArray[np.int64]]:
    """Gives a fifth of each class to dev, a fifth to test, and the rest to train.

    As in the multisigner set of PHOENIX-2014, the same performers are in all splits: the file
    does not say who signed what. Results say nothing about new signers.

    Returns:
        For each split the indices of its recordings, ascending.
    """
    rng = np.random.default_rng((seed, _STREAM_RECORDINGS))
    parts: dict[str, list[NDArray[np.int64]]] = {split: [] for split in SPLITS}
    for label in range(len(GLOSSES)):
        shuffled = rng.permutation(np.flatnonzero(recordings.labels == label))
        fifth = round(len(shuffled) / 5)
        parts["dev"].append(shuffled[:fifth])
        parts["test"].append(shuffled[fifth : 2 * fifth])
        parts["train"].append(shuffled[2 * fifth :])
    return {split: np.sort(np.concatenate(part)) for split, part in parts.items()}


def make_grammar(seed: int) -> NDArray[np.float64]:
    """Probability (15, 15) of each gloss (column) after each gloss (row).

    Every gloss has four likely successors and is itself one of four others', so that none is rare.
    """
    rng = np.random.default_rng((seed, _STREAM_GRAMMAR))
    count = len(GLOSSES)
    order = rng.permutation(count)
    steps = 1 + rng.choice(count - 1, size=LIKELY_SUCCESSORS, replace=False)
    grammar = np.full((count, count), UNIFORM_SHARE / count)
    for position, gloss in enumerate(order):
        grammar[gloss, order[(position + steps) % count]] += (1 - UNIFORM_SHARE) / LIKELY_SUCCESSORS
    return grammar


def plan_sentences(
    recordings: Recordings, usable: NDArray[np.int64], *, count: int, split: str, seed: int
) -> list[Sentence]:
    """Plans a split's sentences.

    Args:
        recordings: All recordings.
        usable: Indices of those that belong to the split.
        count: Sentences to plan.
        split: Name of the split.
        seed: Seed of the data.
    """
    rng = np.random.default_rng((seed, _STREAM_PLAN, SPLITS.index(split)))
    cumulative = np.cumsum(make_grammar(seed), axis=1)
    of_gloss = [usable[recordings.labels[usable] == label] for label in range(len(GLOSSES))]
    return [_plan_sentence(rng, cumulative, of_gloss) for _ in range(count)]


def _plan_sentence(
    rng: np.random.Generator, cumulative: NDArray[np.float64], of_gloss: Sequence[NDArray[np.int64]]
) -> Sentence:
    signs: list[Sign] = []
    gloss = int(rng.integers(len(GLOSSES)))
    for place in range(_between(rng, SENTENCE_GLOSSES)):
        if place:
            # Rounding may leave the last sum a hair below 1.
            gloss = min(int(np.searchsorted(cumulative[gloss], rng.random(), "right")), 14)
        signs.append(
            Sign(
                gloss=gloss,
                recording=int(of_gloss[gloss][rng.integers(len(of_gloss[gloss]))]),
                trimmed=(_between(rng, TRIMMED_FRAMES), _between(rng, TRIMMED_FRAMES)),
                frames=_between(rng, GLOSS_FRAMES),
                transition=_between(rng, TRANSITION_FRAMES) if place else 0,
            )
        )
    return tuple(signs)


def _between(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    return int(rng.integers(bounds[0], bounds[1], endpoint=True))


def draw_positions(sentence: Sentence, recordings: Recordings) -> NDArray[np.float64]:
    """Path (T, 2) of the hand through a sentence, without noise."""
    signs = [_resample(recordings.positions[sign.recording], sign) for sign in sentence]
    pieces = [signs[0]]
    for (before, after), sign in zip(pairwise(signs), sentence[1:], strict=True):
        pieces += [_transition(before[-1], after[0], frames=sign.transition), after]
    return np.concatenate(pieces)


def _resample(positions: NDArray[np.float64], sign: Sign) -> NDArray[np.float64]:
    first, last = sign.trimmed[0], len(positions) - 1 - sign.trimmed[1]
    at = np.linspace(first, last, sign.frames)
    source = np.arange(len(positions))
    return np.stack([np.interp(at, source, positions[:, axis]) for axis in (0, 1)], axis=1)


def _transition(
    start: NDArray[np.float64], end: NDArray[np.float64], *, frames: int
) -> NDArray[np.float64]:
    time = np.arange(1, frames + 1) / (frames + 1)
    smoothstep = time**2 * (3 - 2 * time)
    return start + smoothstep[:, None] * (end - start)


def draw_features(
    sentences: Sequence[Sentence], recordings: Recordings, *, split: str, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Features (T, 6) of each sentence, not standardised: position, velocity, acceleration.

    Velocity and acceleration are central differences of the noisy position, per frame and per
    frame squared.
    """
    rng = np.random.default_rng((seed, _STREAM_NOISE, SPLITS.index(split)))
    for sentence in sentences:
        path = draw_positions(sentence, recordings)
        path = path + rng.normal(scale=NOISE, size=path.shape)
        velocity = np.gradient(path, axis=0)
        yield np.concatenate([path, velocity, np.gradient(velocity, axis=0)], axis=1)
