"""Prefix beam search with a language model, fast enough to search over its own settings.

Decoders made for words of several tokens, such as pyctcdecode and the C++ library
`ctc-beam-decoder`, ask the language model about a word when the next one begins. Where a token is a
whole gloss that is one gloss too late: a wrong gloss holds its place in the beam until the next
one, and a right one may have lost it by then. `benchmarks/decoding.py` shows what that costs. This
search asks when the gloss appears. It is plain Python, and quick because a CTC model is sure of
most frames: one in which only the blank is likely changes no order, and a prefix that cannot come
into the beam is never made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappush, heapreplace
from operator import attrgetter

import numpy as np

from trainables.data import BLANK
from trainables.decoding.arpa import NgramModel
from trainables.decoding.fused_model import FusedModel
from trainables.decoding.prefix import Prefix
from trainables.decoding.settings import (
    BeamSettings,
    Hypothesis,
    LogProbs,
    checked_frames,
    tried_classes,
)

# A gloss with its probability in a frame.
Likely = tuple[int, float]


class BeamDecoder:
    """Prefix beam search. Make one per vocabulary, language model and settings.

    Source: Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using
        bi-directional recurrent DNNs", arXiv:1408.2873, algorithm 1, with every gloss a word.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        settings: BeamSettings,
        *,
        language_model: NgramModel | None = None,
    ) -> None:
        """Makes the language model ready.

        Args:
            vocabulary: The gloss of each class, the blank first.
            settings: Settings of the search.
            language_model: Over glosses. One that it does not know is scored as its `<unk>`.
        """
        self._classes = len(vocabulary)
        self._settings = settings
        self._model = FusedModel(language_model, vocabulary, settings)

    def hypotheses(self, log_probs: LogProbs) -> list[Hypothesis]:
        """The sequences that are left at the end, best first; at least one, at most `width`.

        A sequence is not among them where a better one left it no chance; see `_drop_dominated`.

        Args:
            log_probs: Natural log-probabilities (T, C) of one utterance with the blank at 0,
                padding cut off.

        Raises:
            ValueError: The shape does not fit, or a frame contains no log-probabilities.
        """
        search = _Search(self._model, width=self._settings.width)
        for blank_log_prob, glosses in self._frames(log_probs):
            if glosses:
                search.extend(math.exp(blank_log_prob), glosses)
            else:
                search.rest(blank_log_prob)
        return search.hypotheses()

    def decode_batch(self, utterances: Iterable[LogProbs]) -> list[list[int]]:
        """Classes of the best sequence of each utterance."""
        return [list(self.hypotheses(log_probs)[0].classes) for log_probs in utterances]

    def _frames(self, log_probs: LogProbs) -> Iterator[tuple[float, list[Likely]]]:
        """Log-probability of the blank and the glosses tried in each frame, likeliest first."""
        frames = checked_frames(log_probs, classes=self._classes)
        tried = tried_classes(frames, self._settings.token_min_log_prob)
        blanks = np.where(tried[:, BLANK], frames[:, BLANK], -np.inf).tolist()
        tried[:, BLANK] = False
        times, glosses = np.divmod(np.flatnonzero(tried), self._classes)
        order = np.lexsort((-frames[times, glosses], times))
        times, glosses = times[order], glosses[order]
        probs = np.exp(frames[times, glosses].astype(np.float64))
        likely = list(zip(glosses.tolist(), probs.tolist(), strict=True))
        bounds = np.searchsorted(times, np.arange(len(frames) + 1)).tolist()
        for t, blank in enumerate(blanks):
            yield blank, likely[bounds[t] : bounds[t + 1]]


class _Search:
    """The beam of one utterance, from frame to frame."""

    def __init__(self, model: FusedModel, *, width: int) -> None:
        self._model = model
        self._width = width
        self._beams = [Prefix.empty(model)]  # the best first
        # Prefixes that were ever made: one that comes back has to be the same one.
        self._made: dict[tuple[Prefix, int], Prefix] = {}
        self._log_scale = 0.0
        self._resting = False

    def extend(self, blank_prob: float, glosses: list[Likely]) -> None:
        """Reads a frame in which glosses are likely."""
        self._stay(blank_prob, dict(glosses))
        extended = self._beams + self._added(glosses)
        for prefix in extended:
            prefix.step()
        extended.sort(key=attrgetter("total"), reverse=True)
        for prefix in extended[self._width :]:
            prefix.in_beam = False
        self._beams = extended[: self._width]
        scale = self._beams[0].total
        self._log_scale += math.log(scale)
        for prefix in self._beams:
            prefix.scale(1.0 / scale)
            if not prefix.in_beam:
                prefix.enter(self._model)
        self._drop_dominated()
        self._resting = False

    def rest(self, blank_log_prob: float) -> None:
        """Reads a frame in which only the blank is likely: all prefixes keep their order."""
        self._log_scale += blank_log_prob
        if not self._resting:
            for prefix in self._beams:
                prefix.rest()
            self._drop_dominated()
        self._resting = True

    def hypotheses(self) -> list[Hypothesis]:
        """The prefixes as whole sequences, the best first."""
        found = [prefix.hypothesis(self._log_scale) for prefix in self._beams]
        return sorted(found, key=lambda hypothesis: -hypothesis.score)

    def _stay(self, blank_prob: float, glosses: dict[int, float]) -> None:
        """What a frame adds to the prefixes that are in the beam already."""
        for prefix in self._beams:
            prefix.next_blank = prefix.total * blank_prob
            prefix.next_gloss = 0.0
            prob = glosses.get(prefix.last)
            if prob is not None:
                prefix.next_gloss = prefix.gloss * prob
                if prefix.parent is not None and prefix.parent.in_beam:
                    prefix.next_gloss += prefix.parent.before(prefix.last) * prob * prefix.factor

    def _added(self, glosses: list[Likely]) -> list[Prefix]:
        """Prefixes that a frame brings into the beam; some may still fall out of it again."""
        added: list[Prefix] = []
        # The least of the `width` best so far is what a new prefix has to surpass.
        best = sorted(prefix.next_blank + prefix.next_gloss for prefix in self._beams)
        for prefix in self._beams:
            bound = prefix.total * self._model.largest_factor
            for gloss, prob in glosses:
                full = len(best) == self._width
                if full and prob * bound <= best[0]:
                    break  # The glosses after it are less likely still.
                factor = prefix.history.factor(gloss)
                weight = prefix.before(gloss) * prob * factor
                if weight > (best[0] if full else 0.0):
                    if (prefix, gloss) not in self._made:
                        self._made[prefix, gloss] = Prefix(gloss, prefix, factor)
                    child = self._made[prefix, gloss]
                    if not child.in_beam:
                        child.next_blank, child.next_gloss = 0.0, weight
                        added.append(child)
                        (heapreplace if full else heappush)(best, weight)
        return added

    def _drop_dominated(self) -> None:
        """Leaves out what a better prefix beats in both weights, where both have the same future.

        They have where the language model sees the same glosses behind both: from here on each
        frame multiplies their weights alike. Such a prefix wins only if its own parent feeds it
        more later, which is rare, and the place in the beam is worth more to another: at width 10
        this finds the better sequence six times as often as the worse one.

        Source: the recombination of n-gram decoders, such as pyctcdecode's "history pruning".
        """
        best: dict[tuple[int, ...], Prefix] = {}
        for prefix in self._beams:
            rival = best.setdefault(prefix.history.glosses, prefix)
            prefix.in_beam = prefix.total > 0.0 and (
                rival is prefix or prefix.blank > rival.blank or prefix.gloss > rival.gloss
            )
        self._beams = [prefix for prefix in self._beams if prefix.in_beam]
