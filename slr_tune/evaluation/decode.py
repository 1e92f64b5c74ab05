"""Decoding a model's scores on a split in several ways, and what each gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from slr_tune.statistics.wer_interval import Counts, percent
from slr_tune.study.folders import cache_root
from trainables.config import Scoring
from trainables.data import Dataset, Split
from trainables.decoding.arpa import NgramModel, read_arpa
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import confident_decode, greedy_decode
from trainables.decoding.build import training_language_model
from trainables.decoding.log_probs import StoredLogProbs, stored_log_probs
from trainables.files.stored_model import StoredModel
from trainables.runs.optimisation import choose_device
from trainables.scoring.cleaning import cleaned
from trainables.scoring.wer import utterance_errors

Glosses = tuple[str, ...]
Classes = Sequence[Sequence[int]]
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
        return percent(self.counts)

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


@dataclass(frozen=True)
class ScoredSplit:
    """A split with a model's scores of it.

    Attributes:
        split: Utterances with their glosses.
        vocabulary: Glosses by class.
        scores: Log-probabilities of every utterance.
        scoring: What errors are counted on.
    """

    split: Split
    vocabulary: Sequence[str]
    scores: StoredLogProbs
    scoring: Scoring = "plain"

    @cached_property
    def utterances(self) -> list[Frames]:
        """Log-probabilities (T', C) of each utterance in 32 bits, in which decoders reckon."""
        scores = self.scores
        return [np.asarray(scores.of(index), dtype=np.float32) for index in range(len(scores))]

    def greedy(self) -> Decoded:
        """The likeliest class of every frame, as the model gave it in 32 bits."""

        def decode(utterances: list[Frames]) -> Classes:
            for frames in utterances:
                greedy_decode(frames[:, None, :], np.array([len(frames)]))
            return self.scores.greedy

        return self._timed("greedy", decode)

    def confident(self, threshold: float) -> Decoded:
        """Glosses that reach a log-probability, whatever the blank's is."""

        def decode(frames: Frames) -> Sequence[int]:
            length = np.array([len(frames)])
            return confident_decode(frames[:, None, :], length, threshold=threshold)[0]

        return self._timed(f"confidence {threshold:g}", lambda found: [*map(decode, found)])

    def beam(self, decoder: BeamDecoder, name: str = "beam") -> Decoded:
        """Prefix beam search."""
        return self._timed(name, decoder.decode_batch)

    def _timed(self, name: str, decode: Callable[[list[Frames]], Classes]) -> Decoded:
        utterances = self.utterances
        started = time.process_time()
        classes = decode(utterances)
        seconds = time.process_time() - started
        hypotheses = tuple(tuple(self.vocabulary[index] for index in item) for item in classes)
        counts = utterance_errors(*cleaned(hypotheses, self.split.references, self.scoring))
        return Decoded(name, hypotheses, counts, seconds)


def scored_split(
    stored: StoredModel, data: Dataset, name: str, *, device: torch.device | None = None
) -> ScoredSplit:
    """A model's scores on a split; it runs over the split once in its life.

    Args:
        stored: The model.
        data: The data set.
        name: "train", "dev" or "test".
        device: Where to compute, None for the fastest.

    Raises:
        CheckpointError: The model does not fit the data.
        DataError: The cache cannot be written.
    """
    device = device or choose_device("auto")
    scores = stored_log_probs(stored, data, name, cache=cache_root(), device=device)
    return ScoredSplit(data.split(name), data.vocabulary, scores, stored.config.scoring)
