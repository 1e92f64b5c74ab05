"""`slr-tune score`: figures on stdout, remarks on stderr, one message for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def text(tmp_path: Path) -> tuple[Path, Path]:
    """Hypotheses and references: one substitution, one deletion, an empty hypothesis."""
    hypothesis, reference = tmp_path / "hyp.txt", tmp_path / "ref.txt"
    hypothesis.write_text("A X C\n\nD\n")
    reference.write_text("A B C\nB\nD\n")
    return hypothesis, reference


def test_figures_for_a_person(text: tuple[Path, Path], call: Call) -> None:
    # Broken if a column were under another heading, or an empty hypothesis went unnoticed.
    code, out, err = call("score", *text)
    assert code == 0
    headings, row = out.splitlines()
    assert headings.split() == "WER substitutions deletions insertions words sentences".split()
    assert row.split()[:2] == ["40.00", "%"]
    assert "1 (20.00 %)  1 (20.00 %)  0 (0.00 %)      5  3 (2 with errors)" in row
    assert err == "Empty hypotheses: 1.\n"


def test_figures_for_a_script(text: tuple[Path, Path], call: Call) -> None:
    # Broken if stdout held anything but JSON, or a figure differed from the table's.
    code, out, _ = call("score", *text, "--json", "--alignment")
    facts = json.loads(out)
    assert code == 0
    assert facts["wer_percent"] == 40.0
    counted = ("substitutions", "deletions", "insertions", "words", "sentences")
    assert [facts[name] for name in counted] == [1, 1, 0, 5, 3]
    assert facts["counted_by"] == "least errors"
    assert facts["alignments"][1] == {
        "id": "2",
        "edits": [{"operation": "delete", "reference": "B", "hypothesis": None}],
    }


def test_the_alignment_stands_under_each_other(text: tuple[Path, Path], call: Call) -> None:
    # Broken if words of a column did not begin in the same place, or a long sentence ran on.
    text[0].write_text("A " + "LONG-GLOSS " * 20 + "X\n\nD\n")
    text[1].write_text("A " + "LONG-GLOSS " * 20 + "YES\nB\nD\n")
    code, out, _ = call("score", *text, "--alignment")
    assert code == 0
    assert "1: 1 error in 22 words\nREF  A LONG-GLOSS" in out
    assert "LONG-GLOSS YES\nHYP  LONG-GLOSS LONG-GLOSS" in out
    assert "2: 1 error in 1 word\nREF  B\nHYP  *\n     D\n" in out
    assert max(map(len, out.splitlines())) <= 100


def test_phoenix_counts_like_sclite_and_says_where_it_differs(tmp_path: Path, call: Call) -> None:
    # Broken if the cleaning were left out, or the figure of the definition were hidden.
    hypothesis, reference = tmp_path / "hyp.ctm", tmp_path / "ref.stm"
    tokens = ("loc-D", "E", "X-PLUSPLUS", "Y", "Z", "__PU__")
    lines = [f"u 1 {index}.0 1.0 {token}\n" for index, token in enumerate(tokens)]
    hypothesis.write_text("".join(lines))
    reference.write_text("u 1 s 0.0 100 A B C D E\n")
    code, out, err = call("score", hypothesis, reference, "--phoenix")
    assert code == 0
    assert "120.00 %" in out
    assert "6 errors as sclite counts; it takes 5 at least" in err
    assert "(100.00 %)" in err


@pytest.mark.parametrize("phoenix", [[], ["--phoenix"]])
def test_a_perfect_hypothesis_scores_zero(tmp_path: Path, call: Call, phoenix: list[str]) -> None:
    # Broken if the two files were cleaned or compared differently.
    for name in ("hyp.csv", "ref.csv"):
        (tmp_path / name).write_text("id,text\nu1,__ON__ loc-REGEN WIE AUSSEHEN\nu2,IX\n")
    if phoenix:
        (tmp_path / "hyp.csv").write_text("u1,__ON__ REGEN WIE-AUSSEHEN\nu2,IX __PU__\n")
    paths = (tmp_path / "hyp.csv", tmp_path / "ref.csv")
    code, out, err = call("score", *paths, "--json", *phoenix)
    assert (code, err) == (0, "")
    assert json.loads(out)["wer_percent"] == 0.0


def test_bad_input_is_one_message_and_exit_code_2(text: tuple[Path, Path], call: Call) -> None:
    # Broken if a traceback or half a result came out.
    code, out, err = call("score", text[0].with_name("none.txt"), text[1])
    assert (code, out) == (2, "")
    assert err.startswith("slr-tune: ") and err.endswith("none.txt: there is no such file\n")
    text[0].write_text("A\n")
    code, out, err = call("score", *text)
    assert (code, out) == (2, "")
    assert "number of lines: 1 and 3" in err and "an empty line is an empty hypothesis" in err


def test_what_was_read_is_reported_where_the_suffix_does_not(tmp_path: Path, call: Call) -> None:
    # Broken if ids counted as words: 28.57 % here, and 114.29 % in another order.
    (tmp_path / "hyp").write_text("utt-2 SONNE\nutt-1 REGEN HEUTE NORD\n")
    (tmp_path / "ref").write_text("utt-1 REGEN MORGEN NORD\nutt-2 SONNE WARM\n")
    code, out, err = call("score", tmp_path / "hyp", tmp_path / "ref")
    assert (code, err) == (0, "Read as Kaldi's text, the first word of a line its id.\n")
    assert "40.00 %" in out
    code, out, _ = call("score", tmp_path / "hyp", tmp_path / "ref", "--format", "text", "--json")
    assert json.loads(out)["formats"] == ["text", "text"]
    code, _, err = call("score", tmp_path / "hyp", tmp_path / "ref", "--format", "cvs")
    assert code == 2 and "must be one of text, kaldi, trn, csv, json, ctm, stm" in err
