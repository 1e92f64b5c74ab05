"""Prefix beam search written to be read. The decoder in use is tested against it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.data import BLANK
from trainables.decoding.arpa import BEGIN, END, NgramModel
from trainables.decoding.settings import (
    BeamSettings,
    Hypothesis,
    LogProbs,
    checked_frames,
    history_length,
    tried_classes,
)

Glosses = tuple[int, ...]


@dataclass
class Mass:
    """Log-probability of the frames so far, summed over the alignments of a prefix.

    Attributes:
        blank: Of those that end in a blank.
        gloss: Of those that end in the prefix's last gloss.
    """

    blank: float = -math.inf
    gloss: float = -math.inf

    @property
    def total(self) -> float:
        """Of all of them."""
        return _log_sum(self.blank, self.gloss)


class ReferenceBeamDecoder:
    """The search of `BeamDecoder`, line by line as it is defined."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        settings: BeamSettings,
        *,
        language_model: NgramModel | None = None,
    ) -> None:
        """Takes the vocabulary, the blank first, and what to search with."""
        self._vocabulary = tuple(vocabulary)
        self._settings = settings
        self._model = language_model
        self._history = history_length(1 if language_model is None else language_model.order)

    def hypotheses(self, log_probs: LogProbs) -> list[Hypothesis]:
        """The sequences that are left at the end, best first; see `BeamDecoder`."""
        frames = checked_frames(log_probs, classes=len(self._vocabulary))
        tried = tried_classes(frames, self._settings.token_min_log_prob)
        beams: dict[Glosses, Mass] = {(): Mass(blank=0.0)}
        for frame, classes in zip(frames, tried, strict=True):
            extended = self._extended(beams, frame, np.flatnonzero(classes).tolist())
            beams = self._without_dominated(self._pruned(extended))
        found = [
            Hypothesis(glosses, mass.total, mass.total + self._sentence_score(glosses))
            for glosses, mass in beams.items()
        ]
        return sorted(found, key=lambda hypothesis: -hypothesis.score)

    def decode_batch(self, utterances: Iterable[LogProbs]) -> list[list[int]]:
        """Classes of the best sequence of each utterance."""
        return [list(self.hypotheses(log_probs)[0].classes) for log_probs in utterances]

    def _extended(
        self, beams: dict[Glosses, Mass], frame: NDArray[np.float32], classes: Sequence[int]
    ) -> dict[Glosses, Mass]:
        """Every prefix with every class that is tried in the frame."""
        extended: defaultdict[Glosses, Mass] = defaultdict(Mass)
        for glosses, mass in beams.items():
            stays = extended[glosses]
            for emitted in classes:
                gain = float(frame[emitted])
                longer = extended[(*glosses, emitted)] if emitted != BLANK else stays
                if emitted == BLANK:
                    stays.blank = _log_sum(stays.blank, mass.total + gain)
                elif glosses[-1:] == (emitted,):
                    # The same gloss goes on, or after a blank is signed again.
                    stays.gloss = _log_sum(stays.gloss, mass.gloss + gain)
                    longer.gloss = _log_sum(longer.gloss, mass.blank + gain)
                else:
                    longer.gloss = _log_sum(longer.gloss, mass.total + gain)
        return extended

    def _pruned(self, beams: dict[Glosses, Mass]) -> dict[Glosses, Mass]:
        """The best `width` of those that have any mass, the best first."""

        def score(item: tuple[Glosses, Mass]) -> float:
            return item[1].total + self._prefix_score(item[0])

        best = sorted(beams.items(), key=score, reverse=True)[: self._settings.width]
        return {glosses: mass for glosses, mass in best if mass.total > -math.inf}

    def _without_dominated(self, beams: dict[Glosses, Mass]) -> dict[Glosses, Mass]:
        """Leaves out a prefix where the best one with the same future beats both its weights."""
        kept: dict[Glosses, Mass] = {}
        rivals: dict[Glosses, Mass] = {}
        for glosses, mass in beams.items():
            worth = self._prefix_score(glosses)
            own = Mass(mass.blank + worth, mass.gloss + worth)
            rival = rivals.setdefault(glosses[-self._history :], own)
            if rival is own or own.blank > rival.blank or own.gloss > rival.gloss:
                kept[glosses] = mass
        return kept

    def _prefix_score(self, glosses: Glosses) -> float:
        """Language model and bonus of a prefix, nats."""
        words = [self._vocabulary[gloss] for gloss in glosses]
        lm_score = sum(self._lm_score(words[:i], words[i]) for i in range(len(words)))
        return lm_score + self._settings.gloss_bonus * len(words)

    def _sentence_score(self, glosses: Glosses) -> float:
        words = [self._vocabulary[gloss] for gloss in glosses]
        return self._prefix_score(glosses) + self._lm_score(words, END)

    def _lm_score(self, history: Sequence[str], word: str) -> float:
        if self._model is None:
            return 0.0
        log_prob = self._model.log10_prob(word, (BEGIN, *history)) * math.log(10.0)
        return self._settings.lm_weight * log_prob


def _log_sum(a: float, b: float) -> float:
    return float(np.logaddexp(a, b))
