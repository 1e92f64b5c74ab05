"""A language model made ready for a search: over classes, with weight and bonus multiplied in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainables.decoding.arpa import BEGIN, END, UNKNOWN, NgramModel
from trainables.decoding.settings import BeamSettings, history_length

# Classes count from 1: these numbers are free.
_BEGIN, _END, _UNKNOWN = 0, -1, -2
# Keeps a product of two factors above the smallest number.
_SMALLEST = 1e-150

Classes = tuple[int, ...]


@dataclass(slots=True, eq=False)
class History:
    """What is known after some glosses: by what to multiply a prefix that a class extends.

    Attributes:
        glosses: The glosses it stands for, the earliest ones forgotten.
        levels: Factors of classes and of falling back, from the longest history to none.
    """

    glosses: Classes
    levels: Sequence[tuple[Mapping[int, float], float]]

    def factor(self, gloss: int) -> float:
        """exp(lm_weight * ln P(gloss | history) + gloss_bonus)."""
        for factors, backoff in self.levels:
            factor = factors.get(gloss)
            if factor is not None:
                return factor * backoff
        raise KeyError(gloss)  # The last level holds every class.

    def end_factor(self) -> float:
        """exp(lm_weight * ln P(</s> | history))."""
        return self.factor(_END)


class FusedModel:
    """A language model of which the search asks for one history after the other.

    Histories are not kept: thousands of them, alive for long, would cost the garbage collector
    more time than making them again.

    Attributes:
        start: The history of an empty prefix.
        largest_factor: None is larger.
    """

    def __init__(
        self, model: NgramModel | None, vocabulary: Sequence[str], settings: BeamSettings
    ) -> None:
        """Renames glosses to classes; those that no class has are left out."""
        self._settings = settings
        self._length = history_length(1 if model is None else model.order)
        self._factors: dict[Classes, dict[int, float]] = {(): {}}
        self._backoffs: dict[Classes, float] = {}
        if model is not None and settings.lm_weight > 0.0:
            self._rename(model, vocabulary)
        unigrams = self._factors[()]
        unigrams.setdefault(_END, 1.0)
        unigrams.setdefault(_UNKNOWN, math.exp(settings.gloss_bonus))
        self._unlisted = frozenset(range(1, len(vocabulary))).difference(unigrams)
        for factors in self._factors.values():
            if _UNKNOWN in factors:
                factors.update(dict.fromkeys(self._unlisted, factors[_UNKNOWN]))
        backoff = max([1.0, *self._backoffs.values()]) ** (self._length + 1)
        self.largest_factor = backoff * max(max(f.values()) for f in self._factors.values())
        self.start = self._history(())

    def extended(self, history: History, gloss: int) -> History:
        """The history after one more gloss."""
        return self._history((*history.glosses, gloss)[-self._length :])

    def _rename(self, model: NgramModel, vocabulary: Sequence[str]) -> None:
        names = {gloss: index for index, gloss in enumerate(vocabulary) if index > 0}
        names.update(zip((BEGIN, END, UNKNOWN), (_BEGIN, _END, _UNKNOWN), strict=True))
        for ngrams in model.ngrams:
            for words, entry in ngrams.items():
                try:
                    *history, word = (names[word] for word in words)
                except KeyError:
                    continue  # No search comes upon it.
                factors = self._factors.setdefault(tuple(history), {})
                factors[word] = self._power(entry.log10_prob, of_gloss=word != _END)
                self._backoffs[(*history, word)] = self._power(entry.log10_backoff)
        if (UNKNOWN,) not in model.ngrams[0]:
            unlisted = model.log10_prob(UNKNOWN, ())
            self._factors[()][_UNKNOWN] = self._power(unlisted, of_gloss=True)

    def _power(self, log10: float, *, of_gloss: bool = False) -> float:
        nats = self._settings.lm_weight * log10 * math.log(10.0)
        return max(math.exp(nats + self._settings.gloss_bonus * of_gloss), _SMALLEST)

    def _history(self, glosses: Classes) -> History:
        """Collects the levels of a history; one shorter than the model sees begins with <s>.

        The model sees all glosses that it does not list as one. They stay apart in `glosses`: by
        them the search knows which prefixes have the same future.
        """
        seen = glosses if len(glosses) == self._length else (_BEGIN, *glosses)
        if self._unlisted:
            seen = tuple(_UNKNOWN if gloss in self._unlisted else gloss for gloss in seen)
        levels = []
        backoff = 1.0
        for start in range(len(seen) + 1):
            factors = self._factors.get(seen[start:])
            if factors:
                levels.append((factors, backoff))
            backoff *= self._backoffs.get(seen[start:], 1.0)
        return History(glosses, levels)
