"""The official cleaning, rule by rule and in its order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.scoring.phoenix import clean_hypothesis, clean_sentence


@pytest.mark.parametrize(
    ("token", "cleaned"),
    [
        ("loc-NORD", "NORD"),
        ("cl-KOMMEN", "KOMMEN"),
        ("qu-WAS", "WAS"),
        ("poss-SEIN", "SEIN"),
        ("lh-ZEIGEN", "ZEIGEN-BILDSCHIRM"),
        ("loc-ALPENRAUM", "ALPEN"),
        ("S0NNE", "SONNE"),
        ("HABEN2", "HABEN"),
        ("IX__PU__", "IX"),
        ("__EMOTION__", ""),
        ("__PU__", ""),
        ("__LEFTHAND__", ""),
        ("__EPENTHESIS__", ""),
        ("loc-__EMOTION__", ""),
        ("ZEIGEN", "ZEIGEN-BILDSCHIRM"),
        ("ZEIGEN-BILDSCHIRM", "ZEIGEN-BILDSCHIRM"),
        ("RAUM", "RAUM"),
        ("WETTER-PLUSPLUS", "WETTER"),
        ("__ON__", "__ON__"),
        ("__OFF__", "__OFF__"),
        ("neg-HABEN", "neg-HABEN"),
    ],
)
def test_one_token(token: str, cleaned: str) -> None:
    # Broken if a rule were lost, or came before one that makes room for it.
    expected = (cleaned,) if cleaned else ()
    assert clean_hypothesis([token]) == expected
    assert clean_sentence([token]) == expected


@pytest.mark.parametrize(
    ("sentence", "cleaned"),
    [
        ("WIE AUSSEHEN MORGEN", "WIE-AUSSEHEN MORGEN"),
        ("A B C REGEN", "A+B+C REGEN"),
        ("A+B C", "A+B+C"),
        ("SCH N", "SCH+N"),
        ("A NN", "A+NN"),
        ("SCH NN", "SCH NN"),
        ("A SCH", "A SCH"),
        ("REGEN REGEN REGEN SONNE REGEN", "REGEN SONNE REGEN"),
        ("loc-NORD NORD", "NORD"),
        ("neg-HABEN neg-HABEN", "neg-HABEN neg-HABEN"),
        ("A __PU__ B", "A+B"),
    ],
)
def test_neighbours_matter_in_sentences_only(sentence: str, cleaned: str) -> None:
    # Broken if a rule over neighbours were lost, or were applied to hypotheses, whose lines the
    # official script sees one by one.
    assert clean_sentence(sentence.split()) == tuple(cleaned.split())
    alone = [word for token in sentence.split() for word in clean_sentence([token])]
    assert clean_hypothesis(sentence.split()) == tuple(alone)


@given(st.lists(st.sampled_from(["A", "B", "SCH", "NN", "REGEN", "WIE", "AUSSEHEN", "ZEIGEN"])))
def test_what_is_clean_stays_as_it_is(sentence: list[str]) -> None:
    # Broken if cleaning twice differed from cleaning once: a perfect hypothesis would have errors.
    cleaned = clean_sentence(sentence)
    assert clean_sentence(cleaned) == cleaned
