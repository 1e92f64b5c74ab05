"""A search over the settings of a beam search: seconds, since nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slr_tune.evaluation.decode import Decoded, beam, frames_of
from trainables.data import Split
from trainables.decoding import BeamDecoder, BeamSettings, NgramModel
from trainables.decoding.log_probs import StoredLogProbs

WEIGHTS = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6)
BONUSES = (-1.0, 0.0, 1.0, 2.0, 3.0)
WIDTHS = (5, 10, 20)
_STEPS = (0.15, 0.5)
"""Of weight and bonus around the best of the grid."""
_MOST_WALKS = 6
_FOLDS = 2


@dataclass(frozen=True)
class Tried:
    """One setting and what it gives."""

    settings: BeamSettings
    decoded: Decoded


@dataclass(frozen=True)
class Tuning:
    """What a search over decoder settings found.

    Attributes:
        tried: All settings, the best first.
        held_out_wer: WER percent of utterances under settings chosen on the others: what the best
            is worth on utterances that it was not chosen by.
    """

    tried: tuple[Tried, ...]
    held_out_wer: float

    @property
    def best(self) -> Tried:
        """The lowest WER; the smaller beam and weight among equals."""
        return self.tried[0]


def tune(
    scores: StoredLogProbs,
    split: Split,
    vocabulary: Sequence[str],
    *,
    language_model: NgramModel | None,
    widths: Sequence[int] = WIDTHS,
    report: Callable[[Tried], None] = lambda tried: None,
) -> Tuning:
    """Tries a grid of weights and bonuses, then finer steps from its best, then other widths.

    Args:
        scores: Of the split.
        split: Dev, to choose by.
        vocabulary: Glosses by class.
        language_model: Over glosses; without one, no weight is tried.
        widths: Beams to try at the end.
        report: Told of each setting.
    """
    found: dict[BeamSettings, Tried] = {}
    utterances = frames_of(scores)
    has_language_model = language_model is not None

    def attempt(settings: BeamSettings) -> None:
        if settings not in found:
            decoder = BeamDecoder(vocabulary, settings, language_model=language_model)
            decoded = beam(utterances, split, vocabulary, decoder=decoder)
            found[settings] = Tried(settings, decoded)
            report(found[settings])

    for settings in _grid(has_language_model):
        attempt(settings)
    best = _ranked(found)[0].settings
    for _ in range(_MOST_WALKS):
        for settings in _around(best, has_language_model):
            attempt(settings)
        if _ranked(found)[0].settings == best:
            break
        best = _ranked(found)[0].settings
    for width in widths:
        attempt(BeamSettings(width, best.lm_weight, best.gloss_bonus))
    ranked = _ranked(found)
    return Tuning(ranked, _held_out(ranked))


def _grid(has_language_model: bool) -> Iterator[BeamSettings]:
    for weight in WEIGHTS if has_language_model else (0.0,):
        for bonus in BONUSES:
            yield BeamSettings(lm_weight=weight, gloss_bonus=bonus)


def _around(best: BeamSettings, has_language_model: bool) -> Iterator[BeamSettings]:
    for weight_step in (-1, 0, 1) if has_language_model else (0,):
        for bonus_step in (-1, 0, 1):
            weight = max(0.0, round(best.lm_weight + weight_step * _STEPS[0], 6))
            bonus = round(best.gloss_bonus + bonus_step * _STEPS[1], 6)
            yield BeamSettings(lm_weight=weight, gloss_bonus=bonus)


def _ranked(found: dict[BeamSettings, Tried]) -> tuple[Tried, ...]:
    def key(tried: Tried) -> tuple[float, tuple[float, ...]]:
        return float(tried.decoded.counts[:, :3].sum()), _size(tried)

    return tuple(sorted(found.values(), key=key))


def _size(tried: Tried) -> tuple[float, ...]:
    """Orders settings without a look at what they give, no two alike: small beam, weight, bonus."""
    settings = tried.settings
    bonus = settings.gloss_bonus
    return settings.width, settings.lm_weight, abs(bonus), bonus


def _held_out(tried: Sequence[Tried]) -> float:
    """Each half of the utterances under the settings that are best on the other half.

    Among settings that are equal on the choosing half the smallest is taken. In the order of all
    utterances it would be the one that is best on the half that it is measured on.
    """
    tried = sorted(tried, key=_size)
    errors = np.array([item.decoded.counts[:, :3].sum(axis=1) for item in tried])  # [K, N]
    words = tried[0].decoded.counts[:, 3]
    fold = np.arange(len(words)) % _FOLDS
    total = 0
    for held in range(_FOLDS):
        chosen = int(errors[:, fold != held].sum(axis=1).argmin())
        total += int(errors[chosen, fold == held].sum())
    return float(100 * total / words.sum())
