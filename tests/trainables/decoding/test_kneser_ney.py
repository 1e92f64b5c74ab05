"""Kneser-Ney models: a distribution after every history, and the textbook's recursion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.decoding.arpa import NgramModel
from trainables.decoding.kneser_ney import train_kneser_ney

Words = tuple[str, ...]
Texts = tuple[list[list[str]], list[list[str]]]

corpora = st.lists(st.lists(st.sampled_from("ABCDE"), max_size=6), min_size=1, max_size=12)


def total_after(model: NgramModel, history: Sequence[str]) -> float:
    words = (*model.glosses, "</s>", "<unk>")
    return float(sum(10.0 ** model.log10_prob(word, history) for word in words))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_one_after_every_history_of_a_sample(texts: Texts, order: int) -> None:
    # Histories that were seen, were seen in part, and never were. Broken if mass were lost or
    # made in discounting, interpolation or back-off.
    model = train_kneser_ney(texts[0], order=order)
    histories = {
        ("<s>", *sentence)[max(0, i + 1 - order) : i + 1]
        for sentence in texts[0][:30] + texts[1][:30]
        for i in range(len(sentence) + 1)
    }
    assert len(histories) > (1 if order == 1 else 50) - 1
    for history in histories | {(), ("NEVER-SEEN",), ("G1", "NEVER-SEEN")}:
        assert total_after(model, history) == pytest.approx(1.0, abs=1e-9)


@given(corpora, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_any_corpus_gives_a_distribution(corpus: list[list[str]], order: int) -> None:
    # Broken by corpora too small for discounts: one sentence, an empty one, one gloss throughout.
    model = train_kneser_ney(corpus, order=order, vocabulary=["A", "UNSEEN"])
    for history in ((), ("<s>",), ("A",), ("<s>", "A"), ("A", "B", "C")):
        assert total_after(model, history) == pytest.approx(1.0, abs=1e-9)


class Textbook:
    """Interpolated modified Kneser-Ney by its recursion over plain counts, in exact fractions."""

    def __init__(self, texts: Sequence[Sequence[str]], order: int) -> None:
        self.padded = [("<s>", *text, "</s>") for text in texts]
        self.order = order
        self.words = {word for text in self.padded for word in text[1:]} | {"<unk>"}

    def seen(self, length: int) -> Counter[Words]:
        return Counter(
            text[i : i + length] for text in self.padded for i in range(len(text) - length + 1)
        )

    def counts(self, length: int) -> dict[Words, int]:
        """Occurrences at the highest order, words that can stand before it at the others."""
        plain = self.seen(length)
        if length == self.order:
            return {w: n for w, n in plain.items() if w != ("<s>",)}
        longer = self.seen(length + 1)
        return {
            w: n if w[0] == "<s>" else sum(1 for other in longer if other[1:] == w)
            for w, n in plain.items()
            if w != ("<s>",)
        }

    def discount(self, length: int, count: int) -> Fraction:
        n = Counter(self.counts(length).values())
        y = Fraction(n[1], n[1] + 2 * n[2])
        k = min(count, 3)
        return k - (k + 1) * y * Fraction(n[k + 1], n[k])

    def prob(self, word: str, history: Words) -> Fraction:
        length = len(history) + 1
        counts = self.counts(length)
        after = {w: n for w, n in counts.items() if w[:-1] == history}
        if length == 1:
            shorter = Fraction(1, len(self.words))
        else:
            shorter = self.prob(word, history[1:])
        if not after:
            return shorter
        total = sum(after.values())
        count = after.get((*history, word), 0)
        kept = count - self.discount(length, count) if count else Fraction(0)
        given = sum(self.discount(length, n) for n in after.values())
        return kept / total + given / total * shorter


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_are_the_textbooks(order: int) -> None:
    # A second implementation. Broken by a wrong count, discount or weight at any order.
    rng = np.random.default_rng(11)
    glosses = 30 if order == 1 else 14
    shares = 1.0 / np.arange(1, glosses + 1)
    texts = [
        [f"G{g}" for g in rng.choice(glosses, int(rng.integers(1, 6)), p=shares / shares.sum())]
        for _ in range(40)
    ]
    textbook, model = Textbook(texts, order), train_kneser_ney(texts, order=order)
    for length in range(1, order + 1):
        n = Counter(textbook.counts(length).values())
        assert all(n[count] for count in (1, 2, 3, 4))  # Or the discounts would be the stand-ins.
    histories: set[Words] = {("<s>",)[: order - 1], ("G0", "G1")[: order - 1]}
    histories |= {("<s>", *text)[1:order] for text in texts[:4] if len(text) >= order}
    for history in histories:
        for word in ("G0", "G1", "G5", "G13", "</s>", "<unk>"):
            assert 10.0 ** model.log10_prob(word, history) == pytest.approx(
                float(textbook.prob(word, history)), rel=1e-9
            )


def test_a_tiny_corpus_by_hand() -> None:
    # "A" and "A B" at order 1: too small to estimate discounts, so 0.5 for a count of 1, 1 for 2.
    # Counts A 2, B 1, </s> 2 of 5; the rest, (1 + 0.5 + 1) / 5 = 0.5, is shared by four words.
    model = train_kneser_ney([["A"], ["A", "B"]], order=1)
    by_hand = {"A": 0.2 + 0.125, "B": 0.1 + 0.125, "</s>": 0.2 + 0.125, "<unk>": 0.125}
    for word, prob in by_hand.items():
        assert 10.0 ** model.log10_prob(word, ()) == pytest.approx(prob)


def test_a_longer_memory_helps_on_held_out_text(texts: Texts) -> None:
    # Broken if the orders were mixed up: the language follows pairs, so 2 must beat 1 clearly.
    train, held_out = texts
    one, two = (train_kneser_ney(train, order=order).perplexity(held_out) for order in (1, 2))
    assert two < 0.8 * one


@pytest.mark.parametrize(
    ("sentences", "order", "message"),
    [
        ([], 3, "at least one sentence"),
        ([["A"]], 0, "order must be at least 1, got 0"),
        ([["A B"]], 2, "cannot contain the gloss 'A B'"),
        ([[""]], 2, "cannot contain the gloss ''"),
        ([["<s>"]], 2, "cannot contain the gloss '<s>'"),
    ],
)
def test_what_makes_no_model_is_refused(
    sentences: list[list[str]], order: int, message: str
) -> None:
    # Broken if a file were written that reads as something else.
    with pytest.raises(ValueError, match=message):
        train_kneser_ney(sentences, order=order)
