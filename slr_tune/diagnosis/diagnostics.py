"""The six diagnostics of a trained model: features, scores, certainty, blanks, gradients, decoder.

Bounds are those of people who debugged such models on PHOENIX-2014: an entropy ratio below 0.95,
fewer than 90 % blanks, gradients above 1e-7.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from slr_tune.diagnosis.red_flags import MOST_BLANK
from trainables.config import Scoring
from trainables.data import BLANK, Dataset, Split
from trainables.data.batch import collate, sorted_batches
from trainables.decoding.best_path import greedy_decode
from trainables.losses.ctc import ctc_loss
from trainables.models.base import Recogniser
from trainables.scoring.cleaning import cleaned
from trainables.scoring.wer import corpus_wer

FEATURES = "features"
LOG_PROBS = "log-probs"
ENTROPY = "entropy"
BLANKS = "blanks"
GRADIENTS = "gradients"
DECODING = "decoding"

MOST_ENTROPY = 0.95
VANISHING = 1e-7
USUAL_GRADIENTS = (1e-4, 1e-2)
"""Root mean square of a layer's gradient in a run that learns."""
FEWEST_WORDS = 0.25
"""Words recognised for each that was signed: 0..2 for 10..12 is too few."""
MOST_WORDS = 2.0
MOST_LIKELIER = 0.5
"""Share of utterances whose reference the model finds far likelier than what the decoder gave."""
FAR_LIKELIER = 1.0
"""Nats for each signed gloss: a search that misses the likeliest sequence misses it by less."""
MOST_WER_SHIFT = 5.0
"""Points between the WER of the training and that of the same checkpoint here, and that a search
may lose on greedy decoding."""
_DECODING_BOUND = f"{FEWEST_WORDS} to {MOST_WORDS} words; at most {100 * MOST_LIKELIER:.0f} %"
_GRADIENT_UTTERANCES = 16

Scores = Sequence[NDArray[np.float32]]
"""Natural log-probabilities (T', C) of each utterance."""
Decode = Callable[[Scores], Sequence[Sequence[int]]]
"""From log-probabilities to classes."""


@dataclass(frozen=True)
class Diagnostic:
    """What one diagnostic found.

    Attributes:
        name: One of this module's names.
        status: "ok" or "bad"; "unknown" where it could not be made.
        found: What was measured, a sentence for a person.
        bound: What it should be.
        value: The figure itself; None where there is no single one.
    """

    name: str
    status: Literal["ok", "bad", "unknown"]
    found: str
    bound: str
    value: float | None = None

    @property
    def bad(self) -> bool:
        """Whether something is wrong."""
        return self.status == "bad"


def diagnostics(
    model: Recogniser,
    data: Dataset,
    *,
    decode: Decode,
    decoder: str = "greedy",
    recorded_wer: float = math.nan,
    scoring: Scoring = "plain",
) -> list[Diagnostic]:
    """Runs the six on dev, the gradients on train. Test is left alone.

    Args:
        model: On the CPU; it is not changed but for its mode, eval.
        data: What it was trained on.
        decode: Its decoder.
        decoder: What to call that.
        recorded_wer: Dev WER of that epoch when it was trained, percent; NaN where it is not known.
        scoring: What that was counted on.
    """
    features = _features(data)
    if features.bad:
        return [features, *_left_out(FEATURES, LOG_PROBS, ENTROPY, BLANKS, GRADIENTS, DECODING)]
    scores = score_split(model, data.dev)
    log_probs = _log_probs(scores)
    gradients = _gradients(model, data.train)
    if log_probs.bad:
        return [features, log_probs, gradients, *_left_out(LOG_PROBS, ENTROPY, BLANKS, DECODING)]
    return [
        features,
        log_probs,
        _entropy(scores),
        _blanks(scores, data.dev),
        gradients,
        _decoding(
            scores, data, decode, decoder=decoder, recorded_wer=recorded_wer, scoring=scoring
        ),
    ]


def _judged(name: str, fine: bool, found: str, bound: str, value: float | None) -> Diagnostic:
    return Diagnostic(name, "ok" if fine else "bad", found, bound, value)


def _left_out(because: str, *names: str) -> list[Diagnostic]:
    return [Diagnostic(name, "unknown", f"left out: {because} are not valid", "") for name in names]


def _features(data: Dataset) -> Diagnostic:
    bound = "all finite"
    for split in (data.train, data.dev):
        if bad := not_finite(split):
            found = (
                f"{len(bad)} of {len(split)} utterances of {split.name} contain NaN or infinity, "
            )
            return Diagnostic(FEATURES, "bad", f"{found}first {bad[0]}", bound, float(len(bad)))
    count = len(data.train) + len(data.dev)
    return Diagnostic(FEATURES, "ok", f"all values of {count} utterances are finite", bound, 0.0)


def not_finite(split: Split) -> list[str]:
    """Utterances whose features hold NaN or infinity."""
    return [split.ids[i] for i in range(len(split)) if not np.isfinite(split.frames(i)).all()]


def _log_probs(scores: Scores) -> Diagnostic:
    bound = "finite, each frame sums to 1"
    frames = np.concatenate(scores)
    if not np.isfinite(frames).all():
        share = 100 * float(np.mean(~np.isfinite(frames).all(axis=1)))
        return Diagnostic(LOG_PROBS, "bad", f"{share:.1f} % of the frames are not finite", bound)
    off = float(np.abs(np.exp(frames.astype(np.float64)).sum(axis=1) - 1).max())
    found = f"the sum over classes is within {off:.1g} of 1"
    return _judged(LOG_PROBS, off < 1e-3, found, bound, off)


def _entropy(scores: Scores) -> Diagnostic:
    frames = np.concatenate(scores).astype(np.float64)
    entropy = float(-(np.exp(frames) * frames).sum(axis=1).mean())
    ratio = entropy / math.log(frames.shape[1])
    found = f"{ratio:.3f} of the entropy of a uniform guess over {frames.shape[1]} classes"
    return _judged(ENTROPY, ratio < MOST_ENTROPY, found, f"below {MOST_ENTROPY}", ratio)


def _blanks(scores: Scores, dev: Split) -> Diagnostic:
    """Blank rate; where frames outnumber glosses tenfold, most of them are blank by right."""
    best = np.concatenate(scores).argmax(axis=1)
    frames, rate = len(best), float(np.mean(best == BLANK))
    words = sum(map(len, dev.references))
    bound = max(MOST_BLANK, 1 - 0.5 * words / frames)
    found = (
        f"{100 * rate:.1f} % of dev frames are blank (a model that emits each gloss in a single "
    )
    found += f"frame would have {100 * (1 - words / frames):.1f} %)"
    return _judged(BLANKS, rate < bound, found, f"below {100 * bound:.1f} %", rate)


def _gradients(model: Recogniser, train: Split) -> Diagnostic:
    low, high = USUAL_GRADIENTS
    bound = f"every layer above {VANISHING:g}; {low:g} to {high:g} is usual"
    norms = layer_gradients(model, train)
    if not norms:
        found = "no training utterance has enough frames for CTC"
        return Diagnostic(GRADIENTS, "unknown", found, bound)
    listed = ", ".join(f"{name} {norm:.1e}" for name, norm in norms.items())
    if not all(map(math.isfinite, norms.values())):
        return Diagnostic(GRADIENTS, "bad", f"not finite: {listed}", bound, math.nan)
    least = min(norms, key=lambda name: norms[name])
    fine = norms[least] >= VANISHING
    return _judged(GRADIENTS, fine, f"root mean square: {listed}", bound, norms[least])


def layer_gradients(model: Recogniser, train: Split) -> dict[str, float]:
    """Root mean square of the CTC gradient over each layer's numbers, without dropout.

    Args:
        model: On the CPU; it is not changed.
        train: The first utterances are taken that CTC can align.

    Returns:
        By layer, from the input to the output; empty where no utterance can be aligned.
    """
    frames = model.output_lengths(torch.from_numpy(np.array(train.lengths))).numpy()
    indices = np.flatnonzero(frames >= train.frames_needed)[:_GRADIENT_UTTERANCES]
    if not len(indices):
        return {}
    copied = copy.deepcopy(model).eval().requires_grad_(True)
    batch = collate(train, indices)
    output = copied(batch.features, batch.lengths)
    loss = ctc_loss(output.log_probs, batch.targets, output.lengths, batch.target_lengths)
    torch.autograd.backward(loss)
    squares: dict[str, list[Tensor]] = {}
    for name, parameter in copied.named_parameters():
        if parameter.grad is not None:
            squares.setdefault(_layer(name), []).append(parameter.grad.double().square().flatten())
    return {name: float(torch.cat(parts).mean().sqrt()) for name, parts in squares.items()}


def _layer(parameter: str) -> str:
    """The layer that a parameter belongs to: `layers.0.weight_ih_l0` -> `layers.0`."""
    first, _, rest = parameter.partition(".")
    number = rest.partition(".")[0]
    return f"{first}.{number}" if number.isdecimal() else first


def _decoding(
    scores: Scores,
    data: Dataset,
    decode: Decode,
    *,
    decoder: str,
    recorded_wer: float,
    scoring: Scoring,
) -> Diagnostic:
    """Whether a plausible number of words comes out, and the likeliest ones as the model sees it.

    A decoder that works gives glosses that the model finds about as likely as the signed ones, and
    the WER of the training. Where the signed ones are far likelier most of the time, the model
    knows better than its decoder says: wrong blank, repeats that are not merged, another
    vocabulary. So does one whose likeliest class of every frame gives a far better WER.
    """
    hypotheses = decode(scores)
    ratio = sum(map(len, hypotheses)) / max(1, sum(map(len, data.dev.references)))
    references = [data.dev.target(index).tolist() for index in range(len(data.dev))]
    signed, given = log_likelihoods(scores, references), log_likelihoods(scores, hypotheses)
    margin = FAR_LIKELIER * np.array([len(classes) for classes in references])
    known = np.isfinite(signed)
    likelier = float(np.mean((signed > given + margin)[known])) if known.any() else 0.0
    wer = _dev_wer(hypotheses, data, scoring)
    found = f"{decoder} outputs {ratio:.2f} words per reference word; it misses a much likelier "
    found += f"reference in {100 * likelier:.0f} % of utterances"
    if abs(wer - recorded_wer) > MOST_WER_SHIFT:
        found += f"; the dev WER is {wer:.1f} here and was {recorded_wer:.1f} in training"
        return Diagnostic(DECODING, "bad", found, _DECODING_BOUND, 1.0)
    plain = _dev_wer(greedy(scores), data, scoring)
    if wer - plain > MOST_WER_SHIFT:
        found += f"; its dev WER is {wer:.1f}, that of greedy decoding {plain:.1f}"
        return Diagnostic(DECODING, "bad", found, _DECODING_BOUND, 1.0)
    fits = FEWEST_WORDS <= ratio <= MOST_WORDS and likelier <= MOST_LIKELIER
    return _judged(DECODING, fits, found, _DECODING_BOUND, likelier)


def _dev_wer(hypotheses: Sequence[Sequence[int]], data: Dataset, scoring: Scoring) -> float:
    """WER of classes against the glosses of dev, percent."""
    glosses = [[data.vocabulary[index] for index in sequence] for sequence in hypotheses]
    return corpus_wer(*cleaned(glosses, data.dev.references, scoring)).wer_percent


def greedy(scores: Scores) -> list[list[int]]:
    """The likeliest class of every frame, for each utterance (T', C)."""
    return [greedy_decode(item[:, None], np.array([len(item)]))[0] for item in scores]


def score_split(model: Recogniser, split: Split) -> Scores:
    """Runs a model in eval mode over a split, on the device that it is on."""
    found: list[NDArray[np.float32]] = [np.empty((0, 0), dtype=np.float32)] * len(split)
    model.eval()
    for batch in sorted_batches(split, device=next(model.parameters()).device):
        with torch.inference_mode():
            output = model(batch.features, batch.lengths)
        log_probs = output.log_probs.float().cpu().numpy()  # [T', N, C]
        ends = zip(batch.indices.tolist(), output.lengths.tolist(), strict=True)
        for row, (index, length) in enumerate(ends):
            found[index] = log_probs[:length, row].copy()
    return found


def log_likelihoods(scores: Scores, sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Log-likelihood of a class sequence for each utterance, over all its alignments.

    Returns:
        float64 (N,); minus infinity where a sequence has no alignment.
    """
    found = []
    for frames, classes in zip(scores, sequences, strict=True):
        loss = functional.ctc_loss(
            torch.from_numpy(frames)[:, None].double(),
            torch.tensor([classes], dtype=torch.int64).reshape(1, -1),
            torch.tensor([len(frames)]),
            torch.tensor([len(classes)]),
            blank=BLANK,
            reduction="sum",
        )
        found.append(-float(loss))
    return np.array(found)
