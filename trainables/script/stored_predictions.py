"""`predictions.jsonl` in a run's folder: what it recognised in each utterance of dev."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.errors import TrainablesError
from trainables.files.atomic import replace_file
from trainables.script.predictions import Prediction, read_jsonl, to_jsonl

FILE = "predictions.jsonl"


def write_predictions(folder: Path, predictions: list[Prediction]) -> None:
    """Stores it; an earlier epoch's is replaced."""
    replace_file(folder / FILE, to_jsonl(predictions).encode())


def read_predictions(folder: Path) -> list[Prediction] | None:
    """Reads it; None where nothing is there that can be read."""
    try:
        return read_jsonl(folder / FILE)
    except TrainablesError:
        return None


def prediction_counts(predictions: list[Prediction]) -> NDArray[np.int64]:
    """Errors of each utterance, int64 (N, 4): substitutions, deletions, insertions, words."""
    from trainables.scoring.wer import utterance_errors

    return utterance_errors(
        [one.hypothesis for one in predictions], [one.reference for one in predictions]
    )


def prediction_wer(folder: Path) -> float | None:
    """WER in percent of what is stored; None where nothing is there."""
    predictions = read_predictions(folder)
    if predictions is None:
        return None
    counts = prediction_counts(predictions)
    return float(100 * counts[:, :3].sum() / counts[:, 3].sum())


def signers_of(predictions: list[Prediction]) -> list[str] | None:
    """Signer of each utterance; None where one is not known."""
    signers = [one.signer for one in predictions if one.signer is not None]
    return signers if len(signers) == len(predictions) else None
