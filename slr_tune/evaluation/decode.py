"""Decoding stored scores in several ways, and what each gives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from slr_tune.statistics.wer_interval import Counts
from trainables.data import Dataset, Split
from trainables.decoding import (
    BeamDecoder,
    NgramModel,
    confident_decode,
    greedy_decode,
    read_arpa,
)
from trainables.decoding.build import training_language_model
from trainables.decoding.log_probs import StoredLogProbs
from trainables.scoring.wer import utterance_errors

Glosses = tuple[str, ...]
Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Decoded:
    """What one decoder makes of a split.

    Attributes:
        name: "greedy", "beam", ...
        hypotheses: Glosses of each utterance.
        counts: Errors of each utterance, int64 (N, 4).
        seconds: Processor time of the decoding, without the model.
    """

    name: str
    hypotheses: tuple[Glosses, ...]
    counts: Counts
    seconds: float

    @property
    def wer(self) -> float:
        """Corpus WER, percent."""
        return float(100 * self.counts[:, :3].sum() / self.counts[:, 3].sum())

    @property
    def utterances_per_second(self) -> float:
        """Speed on one core."""
        return len(self.hypotheses) / max(self.seconds, 1e-9)


def language_model(choice: str, data: Dataset, *, order: int) -> NgramModel | None:
    """The language model that an option names.

    Args:
        choice: "train" for one of the training glosses, "none", or an ARPA file.
        data: Whose training glosses.
        order: Of the model that is trained.

    Raises:
        DataError: The file is missing or no ARPA file.
    """
    if choice == "none":
        return None
    if choice == "train":
        return training_language_model(data, order=order)
    return read_arpa(Path(choice).expanduser())


def greedy(scores: StoredLogProbs, split: Split, vocabulary: Sequence[str]) -> Decoded:
    """The likeliest class of every frame, as the model gave it in 32 bits."""
    utterances = frames_of(scores)
    started = time.process_time()
    for frames in utterances:
        greedy_decode(frames[:, None, :], np.array([len(frames)]))
    seconds = time.process_time() - started
    return _decoded("greedy", scores.greedy, split, vocabulary, seconds)


def confident(
    scores: StoredLogProbs, split: Split, vocabulary: Sequence[str], *, threshold: float
) -> Decoded:
    """Glosses that reach a log-probability, whatever the blank's is."""
    utterances = frames_of(scores)
    started = time.process_time()
    classes = [
        confident_decode(frames[:, None, :], np.array([len(frames)]), threshold=threshold)[0]
        for frames in utterances
    ]
    seconds = time.process_time() - started
    return _decoded(f"confidence {threshold:g}", classes, split, vocabulary, seconds)


def beam(
    utterances: Sequence[Frames],
    split: Split,
    vocabulary: Sequence[str],
    *,
    decoder: BeamDecoder,
    name: str = "beam",
) -> Decoded:
    """Prefix beam search over what `frames_of` gives."""
    started = time.process_time()
    classes = decoder.decode_batch(utterances)
    return _decoded(name, classes, split, vocabulary, time.process_time() - started)


def frames_of(scores: StoredLogProbs) -> list[Frames]:
    """Log-probabilities (T', C) of each utterance in 32 bits, in which decoders reckon."""
    return [np.asarray(scores.of(index), dtype=np.float32) for index in range(len(scores))]


def _decoded(
    name: str,
    classes: Sequence[Sequence[int]],
    split: Split,
    vocabulary: Sequence[str],
    seconds: float,
) -> Decoded:
    hypotheses = tuple(tuple(vocabulary[index] for index in utterance) for utterance in classes)
    return Decoded(name, hypotheses, utterance_errors(hypotheses, split.references), seconds)
