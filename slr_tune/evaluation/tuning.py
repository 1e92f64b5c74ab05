"""A search over the settings of a beam search: seconds, since nothing is trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slr_tune.evaluation.decode import Decoded, ScoredSplit
from trainables.decoding.arpa import NgramModel
from trainables.decoding.beam import BeamDecoder
from trainables.decoding.settings import BeamSettings

WEIGHTS = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6)
BONUSES = (-1.0, 0.0, 1.0, 2.0, 3.0)
WIDTHS = (5, 10, 20)
_WEIGHT_STEP = 0.15
_BONUS_STEP = 0.5
"""Steps around the best of the grid."""
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


def tune(scored: ScoredSplit, *, language_model: NgramModel | None) -> Tuning:
    """Tries a grid of weights and bonuses, then finer steps from its best, then other widths.

    Args:
        scored: Dev, to choose by.
        language_model: Over glosses; without one, no weight is tried.
    """
    found: dict[BeamSettings, Tried] = {}

    def best_with(tried: Iterable[BeamSettings]) -> BeamSettings:
        for settings in tried:
            if settings not in found:
                decoder = BeamDecoder(scored.vocabulary, settings, language_model=language_model)
                found[settings] = Tried(settings, scored.beam(decoder))
        return _ranked(found)[0].settings

    weights: Sequence[float] = (0.0,) if language_model is None else WEIGHTS
    best = best_with(_settings(weights, BONUSES))
    for _ in range(_MOST_WALKS):
        before = best
        if language_model is not None:
            weights = tuple(max(0.0, w) for w in _around(best.lm_weight, _WEIGHT_STEP))
        best = best_with(_settings(weights, _around(best.gloss_bonus, _BONUS_STEP)))
        if best == before:
            break
    best_with(BeamSettings(width, best.lm_weight, best.gloss_bonus) for width in WIDTHS)
    ranked = _ranked(found)
    return Tuning(ranked, _held_out(ranked))


def _settings(weights: Iterable[float], bonuses: Iterable[float]) -> Iterator[BeamSettings]:
    for weight, bonus in itertools.product(weights, bonuses):
        yield BeamSettings(lm_weight=weight, gloss_bonus=bonus)


def _around(value: float, step: float) -> tuple[float, ...]:
    return tuple(round(value + steps * step, 6) for steps in (-1, 0, 1))


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
