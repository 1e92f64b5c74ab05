"""Trains an n-gram model of gloss sentences: modified Kneser-Ney smoothing, interpolated."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from trainables.decoding.arpa import BEGIN, END, RESERVED, UNKNOWN, Ngram, NgramEntry, NgramModel

# log10 of the probability of <s>, which nothing predicts. The customary stand-in for log(0).
LOG10_NEVER = -99.0
# For corpora too small to estimate the discounts from.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


def train_kneser_ney(
    sentences: Iterable[Sequence[str]], *, order: int = 3, vocabulary: Iterable[str] = ()
) -> NgramModel:
    """Estimates an interpolated, modified Kneser-Ney model, unpruned.

    Each order's discounts come from its counts of counts; where a small corpus does not allow
    that, they are 0.5, 1 and 1.5. The unigrams are interpolated with the uniform distribution over
    every gloss, `</s>` and `<unk>`, so that nothing has probability 0.

    Args:
        sentences: Glosses of each sentence.
        order: Longest n-gram, at least 1.
        vocabulary: Glosses that the model must know although no sentence may hold them.

    Raises:
        ValueError: No sentence, order below 1, or a gloss that an ARPA file cannot hold: empty,
            with a space in it, or one of `<s>`, `</s>`, `<unk>`.

    Source: Chen and Goodman 1998, "An empirical study of smoothing techniques for language
        modeling", sections 2.7 and 4.1.6; sentence marks and small corpora as in Heafield et al.
        2013, "Scalable modified Kneser-Ney language model estimation".
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    texts = [tuple(sentence) for sentence in sentences]
    if not texts:
        raise ValueError("a language model needs at least one sentence")
    glosses = {gloss for text in texts for gloss in text} | set(vocabulary)
    for gloss in glosses:
        if gloss in RESERVED or gloss.split() != [gloss]:
            raise ValueError(f"an ARPA file cannot contain the gloss {gloss!r}")
    words = (*sorted(glosses), END, UNKNOWN)
    probs: dict[Ngram, float] = {(): 1.0 / len(words)}
    backoffs: dict[Ngram, float] = {}
    levels: list[dict[Ngram, float]] = []
    for counts in _adjusted_counts(texts, order):
        if not levels:
            del counts[(BEGIN,)]  # Nothing predicts it: it is a history only.
            counts.update(dict.fromkeys(((word,) for word in words), 0))
        probs, gammas = _interpolated(counts, probs)
        backoffs.update(gammas)
        levels.append(probs)
    return NgramModel(tuple(_entries(level, backoffs) for level in levels))


def _adjusted_counts(texts: Sequence[Ngram], order: int) -> list[Counter[Ngram]]:
    """Counts of each order from 1: how often for the longest, after how many words for others.

    What begins a sentence has no word before it and keeps its plain count.
    """
    plain: list[Counter[Ngram]] = [Counter() for _ in range(order)]
    for text in texts:
        words = (BEGIN, *text, END)
        for length, counts in enumerate(plain, 1):
            counts.update(words[i : i + length] for i in range(len(words) - length + 1))
    adjusted = [plain[-1]]
    for longer, counts in zip(reversed(plain), reversed(plain[:-1]), strict=False):
        preceding = Counter(words[1:] for words in longer)
        adjusted.append(
            Counter({w: n if w[0] == BEGIN else preceding[w] for w, n in counts.items()})
        )
    return adjusted[::-1]


def _interpolated(
    counts: Mapping[Ngram, int], shorter: Mapping[Ngram, float]
) -> tuple[dict[Ngram, float], dict[Ngram, float]]:
    """Probabilities of one order, and the weight that each history leaves to the shorter one."""
    discounts = (0.0, *_discounts(counts))
    totals: defaultdict[Ngram, int] = defaultdict(int)
    discounted: defaultdict[Ngram, float] = defaultdict(float)
    for words, count in counts.items():
        totals[words[:-1]] += count
        discounted[words[:-1]] += discounts[min(count, 3)]
    gammas = {history: discounted[history] / totals[history] for history in totals}
    probs = {
        words: (count - discounts[min(count, 3)]) / totals[words[:-1]]
        + gammas[words[:-1]] * shorter[words[1:]]
        for words, count in counts.items()
    }
    return probs, gammas


def _discounts(counts: Mapping[Ngram, int]) -> tuple[float, float, float]:
    """What is taken from counts of 1, 2, and 3 or more."""
    n = Counter(counts.values())
    if not all(n[count] for count in (1, 2, 3, 4)):
        return FALLBACK_DISCOUNTS
    y = n[1] / (n[1] + 2 * n[2])
    one, two, three = (k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))
    if not (0.0 < one <= 1.0 and 0.0 < two <= 2.0 and 0.0 < three <= 3.0):
        return FALLBACK_DISCOUNTS
    return one, two, three


def _entries(
    probs: Mapping[Ngram, float], backoffs: Mapping[Ngram, float]
) -> dict[Ngram, NgramEntry]:
    entries = {
        words: NgramEntry(
            math.log10(prob), math.log10(backoffs[words]) if words in backoffs else 0.0
        )
        for words, prob in probs.items()
    }
    if (END,) in entries:
        # Only the unigrams hold </s> alone.
        entries[(BEGIN,)] = NgramEntry(LOG10_NEVER, math.log10(backoffs.get((BEGIN,), 1.0)))
    return entries
