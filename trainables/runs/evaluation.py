"""How well a model recognises a split: by the likeliest class of every frame, or by a beam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.cards import moved
from trainables.config import Scoring
from trainables.data import BLANK, Split
from trainables.data.batch import UTTERANCES_AT_ONCE, Batch, sorted_batches
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.best_path import greedy_decode
from trainables.losses.ctc import ctc_loss
from trainables.losses.frames import real_frames
from trainables.models.base import ModelOutput, Recogniser
from trainables.scoring.cleaning import cleaned
from trainables.scoring.wer import WerResult, corpus_wer


@dataclass(frozen=True)
class Evaluation:
    """What a model makes of a split.

    Attributes:
        wer: Errors of the whole split.
        loss: CTC, mean over the utterances that CTC can align; NaN if there are none.
        blank_rate: Share of frames on which the blank is likeliest, 0..1.
        entropy_ratio: Mean entropy of a frame's distribution over that of the uniform one, 0..1.
        hypotheses: Recognised glosses of each utterance, in the split's order.
    """

    wer: WerResult
    loss: float
    blank_rate: float
    entropy_ratio: float
    hypotheses: tuple[tuple[str, ...], ...]


def evaluate(
    model: Recogniser,
    split: Split,
    vocabulary: Sequence[str],
    *,
    device: torch.device,
    decoder: BeamDecoder | None = None,
    utterances_at_once: int = UTTERANCES_AT_ONCE,
    scoring: Scoring = "plain",
) -> Evaluation:
    """Recognises every utterance of a split, in eval mode; the model's mode is put back.

    In 32 bits, also for a run that trains in 16: its figures are those of its checkpoint,
    wherever it is evaluated.

    Args:
        model: On `device`.
        split: Utterances with their glosses.
        vocabulary: Glosses by number, the blank first.
        device: Where to compute.
        decoder: Beam search; None for the likeliest class of every frame.
        utterances_at_once: Size of a batch.
        scoring: What the WER is counted on.
    """
    totals = np.zeros(5)
    hypotheses: list[tuple[str, ...]] = [()] * len(split)
    training = model.training
    model.eval()
    try:
        for batch in sorted_batches(split, device=device, utterances_at_once=utterances_at_once):
            indices = batch.indices.numpy()
            with torch.inference_mode():
                output: ModelOutput = model(batch.features, batch.lengths)
            possible = split.frames_needed[indices] <= output.lengths.numpy()
            totals += _sums(output, batch, np.flatnonzero(possible))
            for index, glosses in zip(indices.tolist(), _decoded(output, decoder), strict=True):
                hypotheses[index] = tuple(vocabulary[gloss] for gloss in glosses)
    finally:
        model.train(training)
    frames, blanks, entropy, loss, alignable = totals.tolist()
    return Evaluation(
        wer=corpus_wer(*cleaned(hypotheses, split.references, scoring)),
        loss=loss / alignable if alignable else math.nan,
        blank_rate=blanks / frames,
        entropy_ratio=entropy / frames / math.log(len(vocabulary)),
        hypotheses=tuple(hypotheses),
    )


def _decoded(output: ModelOutput, decoder: BeamDecoder | None) -> list[list[int]]:
    """Classes of each utterance of a batch."""
    if decoder is None:
        return greedy_decode(output.log_probs, output.lengths)
    log_probs = output.log_probs.float().cpu().numpy()  # [T, N, C]
    lengths = output.lengths.tolist()
    return decoder.decode_batch(log_probs[:end, row] for row, end in enumerate(lengths))


def _sums(
    output: ModelOutput, batch: Batch, possible: NDArray[np.int64]
) -> tuple[float, float, float, float, float]:
    """Frames of a batch, blanks among them, entropy; loss of the rows that CTC can align, rows."""
    log_probs = output.log_probs.float()  # [T, N, C]
    frames = real_frames(log_probs, output.lengths)  # [F, C]
    blanks = int((frames.argmax(dim=-1) == BLANK).sum())
    entropy = float(-(frames.exp() * frames).sum(dim=-1).double().sum())
    loss = 0.0
    if len(possible):
        rows = torch.from_numpy(possible)
        targets = torch.split(batch.targets, batch.target_lengths.tolist())
        mean = ctc_loss(
            log_probs[:, moved(rows, log_probs.device)],
            torch.cat([targets[row] for row in possible]),
            output.lengths[rows],
            batch.target_lengths[rows],
        )
        loss = float(mean) * len(possible)
    return len(frames), blanks, entropy, loss, len(possible)
