"""Another program's logits become a teacher of ours, once they are seen to be of these glosses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slr_tune.statistics.wer_interval import percent
from trainables.data import Dataset, Split
from trainables.decoding.best_path import greedy_decode
from trainables.errors import CheckpointError
from trainables.files.foreign_vocabulary import class_order
from trainables.scoring.wer import utterance_errors
from trainables.teaching.foreign_logits import (
    ForeignLogits,
    subsampling_of,
    write_foreign_logits,
)

BELIEVABLE = 50.0
"""Greedy WER on train, percent, up to which a guessed order of classes is accepted."""


@dataclass(frozen=True)
class AdoptedLogits:
    """Logits that were adopted.

    Attributes:
        folder: Where they lie.
        utterances: Of train.
        frames: Of all of them.
        subsampling: Input frames to an answer.
        train_wer: Greedy WER on train, percent.
        wer: Greedy WER on dev, percent; None where dev is not among them.
    """

    folder: Path
    utterances: int
    frames: int
    subsampling: int
    train_wer: float
    wer: float | None


def adopt_logits(
    logits: ForeignLogits,
    data: Dataset,
    folder: Path,
    *,
    vocabulary: Sequence[str] | None,
    blank: int | None,
    subsampling: int | None,
    claimed: float | None,
) -> AdoptedLogits:
    """Checks answers against the data and writes them as a teacher.

    Raises:
        DataError: An utterance is missing, or lengths do not fit.
        CheckpointError: It is not certain which class is which gloss.
    """
    split = data.train
    found = subsampling_of(logits, split, subsampling)
    classes = logits.of(split.ids[0]).shape[1]
    names = vocabulary or data.vocabulary
    _, order = class_order(names, data.vocabulary, classes=classes, blank=blank)
    train_wer = _wer(logits, data, split, order)
    if vocabulary is None and train_wer > BELIEVABLE:
        raise CheckpointError(
            f"in the order of the data's glosses {logits.path} has a greedy WER of {train_wer:.1f} "
            "on train: another order is likely",
            hint="Give the order of its outputs with --vocabulary FILE.",
        )
    has_dev = set(data.dev.ids) <= set(logits.ids)
    wer = _wer(logits, data, data.dev, order) if has_dev else None
    writer = write_foreign_logits(
        logits,
        data,
        folder,
        order=order,
        subsampling=found,
        teacher_wer=claimed if wer is None else wer,
    )
    return AdoptedLogits(folder, len(split), writer.frames, found, train_wer, wer)


def _wer(logits: ForeignLogits, data: Dataset, split: Split, order: Sequence[int]) -> float:
    columns = np.array(order, dtype=np.int64)
    hypotheses = []
    for name in split.ids:
        scores = logits.of(name)
        if scores.shape[1] != len(order):
            raise CheckpointError(
                f"{logits.path}: {name} has {scores.shape[1]} classes, others {len(order)}"
            )
        (decoded,) = greedy_decode(scores[:, columns][:, None], np.array([len(scores)]))
        hypotheses.append(tuple(data.vocabulary[index] for index in decoded))
    return percent(utterance_errors(hypotheses, split.references))
