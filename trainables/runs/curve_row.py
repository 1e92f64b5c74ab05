"""What an epoch of a built-in run was like, under the names of the curve's columns."""

from __future__ import annotations

import math

from trainables.files.curve import COLUMNS
from trainables.runs.epoch import EpochResult
from trainables.runs.evaluation import Evaluation


def curve_row(
    epoch: int,
    trained: EpochResult | None,
    evaluation: Evaluation | None,
    *,
    temperature: float,
    best_before: float | None,
) -> dict[str, float]:
    """Lays out an epoch, `seconds` left open; NaN where a value does not apply or is no number.

    Args:
        epoch: From 1.
        trained: None where the loss left the numbers.
        evaluation: On dev; None likewise.
        temperature: NaN where nothing is softened.
        best_before: Lowest dev WER of the epochs before, percent; None where there is none.
    """
    row = dict.fromkeys(COLUMNS, math.nan)
    row["epoch"] = epoch
    row["train/temperature"] = temperature
    if best_before is not None:
        row["val/wer_best"] = best_before
    if trained is not None:
        row["train/loss"] = trained.loss
        row["train/learning_rate"] = trained.learning_rate
        row["train/gradient_norm"] = trained.gradient_norm
        row["train/wer"] = trained.wer
        for name, value in trained.components.items():
            row[f"train/loss_components/{name}"] = value
    if evaluation is not None:
        wer = evaluation.wer.wer_percent
        row["val/loss"] = evaluation.loss
        row["val/wer"] = wer
        row["val/wer_best"] = wer if best_before is None else min(wer, best_before)
        row["val/blank_rate"] = evaluation.blank_rate
        row["val/entropy_ratio"] = evaluation.entropy_ratio
    return row
