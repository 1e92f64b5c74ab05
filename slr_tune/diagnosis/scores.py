"""A model's log-probabilities on a split, and how likely it finds gloss sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from trainables.data import BLANK, Split
from trainables.data.batch import UTTERANCES_AT_ONCE, collate
from trainables.models import Recogniser


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of a split.

    Attributes:
        log_probs: Natural logarithms float32 (T', C) of each utterance.
    """

    log_probs: tuple[NDArray[np.float32], ...]

    def log_likelihoods(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Log-likelihood of a class sequence for each utterance, over all its alignments.

        Returns:
            float64 (N,); minus infinity where a sequence has no alignment.
        """
        found = []
        for frames, classes in zip(self.log_probs, sequences, strict=True):
            target = torch.tensor([classes], dtype=torch.int64).reshape(1, -1)
            loss = functional.ctc_loss(
                torch.from_numpy(frames)[:, None].double(),
                target,
                torch.tensor([len(frames)]),
                torch.tensor([len(classes)]),
                blank=BLANK,
                reduction="sum",
            )
            found.append(-float(loss))
        return np.array(found)


def score_split(model: Recogniser, split: Split) -> Scores:
    """Runs a model in eval mode over a split, on the device that it is on."""
    device = next(model.parameters()).device
    order = np.argsort(split.lengths, kind="stable")  # so that little is padded
    found: list[NDArray[np.float32]] = [np.empty((0, 0), dtype=np.float32)] * len(split)
    model.eval()
    for begin in range(0, len(order), UTTERANCES_AT_ONCE):
        indices = order[begin : begin + UTTERANCES_AT_ONCE]
        batch = collate(split, indices).to(device)
        with torch.inference_mode():
            output = model(batch.features, batch.lengths)
        log_probs = output.log_probs.float().cpu().numpy()  # [T', N, C]
        for row, (index, length) in enumerate(
            zip(indices.tolist(), output.lengths.tolist(), strict=True)
        ):
            found[index] = log_probs[:length, row].copy()
    return Scores(tuple(found))
