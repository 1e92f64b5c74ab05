"""ARPA files: what is written is read again, KenLM reads it alike, bad ones are named."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import kenlm
import pytest

from trainables.decoding.arpa import NgramModel, read_arpa, write_arpa
from trainables.decoding.kneser_ney import train_kneser_ney
from trainables.errors import DataError

Texts = tuple[list[list[str]], list[list[str]]]

SMALL = """A comment.
\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.5
-0.3\t</s>
-0.7\tA\t-0.2
-0.9 B

\\2-grams:
-0.1\t<s> A
-0.4\tA </s>

\\end\\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "model.arpa"
    path.write_text(SMALL)
    return path


def test_probabilities_by_hand(arpa: Path) -> None:
    # Broken if a listed bigram were not used, or a back-off weight were left out or taken twice.
    model = read_arpa(arpa)
    assert model.order == 2
    assert model.glosses == {"A", "B"}
    assert model.log10_prob("A", ["<s>"]) == pytest.approx(-0.1)
    assert model.log10_prob("B", ["<s>"]) == pytest.approx(-0.5 - 0.9)
    assert model.log10_prob("</s>", ["B"]) == pytest.approx(-0.3)  # B backs off with weight 1.
    assert model.log10_prob("A", []) == pytest.approx(-0.7)
    assert model.log10_prob("NEW", ["A"]) == pytest.approx(-0.2 - 100.0)
    assert model.sentence_log10_prob(["A"]) == pytest.approx(-0.1 - 0.4)
    assert model.perplexity([["A"]]) == pytest.approx(10**0.25)


def test_perplexity_of_nothing_is_refused(arpa: Path) -> None:
    # Broken if no text had a perplexity.
    with pytest.raises(ValueError, match="no sentence"):
        read_arpa(arpa).perplexity([])


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, texts: Texts, name: str) -> None:
    # Broken if an n-gram or a weight were lost on the way, or too few digits were kept.
    model = train_kneser_ney(texts[0], order=3)
    path = tmp_path / name
    write_arpa(model, path.with_suffix("") if path.suffix == ".gz" else path)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    again = read_arpa(path)
    assert [set(level) for level in again.ngrams] == [set(level) for level in model.ngrams]
    for sentence in texts[1]:
        assert again.sentence_log10_prob(sentence) == pytest.approx(
            model.sentence_log10_prob(sentence), abs=1e-6
        )


@pytest.mark.parametrize("order", [2, 3, 4])
def test_kenlm_reads_the_file_and_scores_alike(tmp_path: Path, texts: Texts, order: int) -> None:
    # Each word of each held-out sentence, and the perplexity of them all: far closer than the
    # 2 % that are asked for. Broken if the file were no ARPA file to other programs, or back-off
    # were read otherwise than they read it. One gloss of the text is unknown.
    train, held_out = texts
    model = train_kneser_ney(train, order=order)
    path = tmp_path / "model.arpa"
    write_arpa(model, path)
    other = kenlm.Model(str(path))
    total = words = 0.0
    for sentence in held_out:
        scores = [score for score, _, _ in other.full_scores(" ".join(sentence))]
        text = ("<s>", *sentence, "</s>")
        own = [model.log10_prob(text[i], text[:i]) for i in range(1, len(text))]
        assert own == pytest.approx(scores, abs=1e-4)
        total += sum(scores)
        words += len(scores)
    assert model.perplexity(held_out) == pytest.approx(10 ** (-total / words), rel=1e-4)


def check_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError) as refusal:
        read_arpa(path)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ngram 1=4", "ngram 1=many", "model.arpa:3: expected 'ngram 1=COUNT'"),
        ("ngram 2=2", "ngram 3=2", "model.arpa:4: expected 'ngram 2=COUNT'"),
        ("ngram 1=4\nngram 2=2\n", "", "no 'ngram 1=COUNT'"),
        ("ngram 1=4", "ngram 1=3", "model.arpa:10: expected \\2-grams:"),
        ("ngram 2=2", "ngram 2=3", "model.arpa:16: expected LOG10_PROB, 2 words"),
        ("-0.9 B", "-0.9", "model.arpa:10: expected LOG10_PROB, 1 words"),
        ("-0.9 B", "-0.9 A", "model.arpa:10: the n-gram 'A' is listed twice"),
        ("-0.9 B", "0.9 B", "model.arpa:10: the logarithm of a probability is above 0: 0.9"),
        ("-0.9 B", "x B", "model.arpa:10: 'x' is not a number"),
        ("-0.9 B", "nan B", "model.arpa:10: 'nan' is not a number"),
        ("</s>\n-0.7", "C\n-0.7", "the unigrams have no </s>"),
        ("\\end\\\n", "", "not a whole ARPA file: it ends after line 15"),
        (SMALL, "", "not a whole ARPA file: it ends after line 0"),
        (SMALL, "no model\n", "not a whole ARPA file: it ends after line 1"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(
    arpa: Path, old: str, new: str, message: str
) -> None:
    # Broken if half a model were read, or the message did not say where to look.
    assert old in SMALL
    check_refused(arpa, SMALL.replace(old, new, 1), message)


def test_what_is_no_text_file_is_named(tmp_path: Path) -> None:
    # Broken if any of these came through as a traceback.
    with pytest.raises(DataError, match="there is no such language model"):
        read_arpa(tmp_path / "none.arpa")
    with pytest.raises(DataError, match="is a folder"):
        read_arpa(tmp_path)
    binary = tmp_path / "model.bin"
    binary.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0\xff\xfe")
    with pytest.raises(DataError, match="KenLM's binary files cannot be read"):
        read_arpa(binary)
    packed = tmp_path / "model.arpa.gz"
    for content in (b"plain", gzip.compress(SMALL.encode())[:40], b"\x1f\x8b\x08\0" + b"\xff" * 40):
        packed.write_bytes(content)
        with pytest.raises(DataError, match="not an ARPA text file"):
            read_arpa(packed)


def test_a_probability_of_zero_is_a_number(arpa: Path) -> None:
    # Broken if -inf, which some tools write, made scores NaN or a search raise.
    arpa.write_text(SMALL.replace("-0.9 B", "-inf B"))
    model = read_arpa(arpa)
    assert isinstance(model, NgramModel)
    assert math.isfinite(model.sentence_log10_prob(["B", "B"]))
