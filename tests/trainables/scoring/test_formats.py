"""What a file holds is recognised by its content, and never is an id counted as a gloss."""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trainables.errors import DataError
from trainables.scoring.pairing import Pairs, read_pairs
from trainables.scoring.score import score

HYP = {"utt-1": "REGEN HEUTE NORD", "utt-2": "SONNE"}
REF = {"utt-1": "REGEN MORGEN NORD", "utt-2": "SONNE WARM"}
WAYS: dict[str, Callable[[Mapping[str, str]], str]] = {
    "trn": lambda u: "".join(f"{text} ({name})\n" for name, text in u.items()),
    "kaldi": lambda u: "".join(f"{name} {text}\n" for name, text in u.items()),
    "tsv": lambda u: "".join(f"{name}\t{text}\n" for name, text in u.items()),
    "tsv with heading": lambda u: "text\tid\n" + "".join(f"{t}\t{n}\n" for n, t in u.items()),
    "csv": lambda u: "id,text\n" + "".join(f"{name},{text}\n" for name, text in u.items()),
    "semicolons": lambda u: "id;gloss\n" + "".join(f"{name};{text}\n" for name, text in u.items()),
    "phoenix": lambda u: (
        "id|folder|signer|annotation\n" + "".join(f"{n}|f|s|{t}\n" for n, t in u.items())
    ),
    "phoenix-t": lambda u: (
        "name|video|start|end|speaker|orth|translation\n"
        + "".join(f"{n}|f|-1|-1|s|{t}|so etwas\n" for n, t in u.items())
    ),
    "json": lambda u: json.dumps(u),
    "json of lists": lambda u: json.dumps({name: text.split() for name, text in u.items()}),
    "records": lambda u: json.dumps([{"id": n, "text": t} for n, t in u.items()], indent=1),
    "json lines": lambda u: "".join(
        json.dumps({"utt_id": n, "hypothesis": t}) + "\n" for n, t in u.items()
    ),
    "ctm": lambda u: "".join(
        f"{name} 1 {number}.0 1.0 {word}\n"
        for name, text in u.items()
        for number, word in enumerate(text.split())
    ),
    "stm": lambda u: "".join(f"{name} 1 s 0.0 9.0 {text}\n" for name, text in u.items()),
}


def read(folder: Path, hyp: str | bytes, ref: str | bytes, **options: object) -> Pairs:
    for name, text in (("hyp.out", hyp), ("ref.txt", ref)):
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_pairs(folder / "hyp.out", folder / "ref.txt", **options)  # type: ignore[arg-type]


def wer(pairs: Pairs) -> float:
    return score(pairs.utterances, like_sclite=False).total.wer_percent


@pytest.mark.parametrize(("hyp", "ref"), list(itertools.product(WAYS, WAYS)))
def test_every_way_of_writing_gives_the_same_rate_in_any_order(
    tmp_path: Path, hyp: str, ref: str
) -> None:
    # Broken if an id counted as a word (28.57), or utterances were paired by order (114.29). The
    # names of the files say nothing.
    assert wer(read(tmp_path, WAYS[hyp](HYP), WAYS[ref](REF))) == pytest.approx(40.0)
    turned = dict(reversed(HYP.items()))
    assert wer(read(tmp_path, WAYS[hyp](turned), WAYS[ref](REF))) == pytest.approx(40.0)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "ctm"])
def test_an_id_in_one_file_only_is_named(tmp_path: Path, way: str) -> None:
    # Broken if what one file lacks were left out of the rate, or counted against a neighbour.
    with pytest.raises(DataError, match="no hypothesis for utt-2 of "):
        read(tmp_path, WAYS[way]({"utt-1": "REGEN"}), WAYS[way](REF))
    with pytest.raises(DataError, match="no reference in .* for utt-9"):
        read(tmp_path, WAYS[way]({**HYP, "utt-9": "REGEN"}), WAYS[way](REF))


@pytest.mark.parametrize("way", ["trn", "kaldi", "tsv", "csv", "json", "records"])
def test_an_empty_hypothesis_has_its_id(tmp_path: Path, way: str) -> None:
    # Broken if an utterance without a word were no utterance.
    pairs = read(tmp_path, WAYS[way]({"utt-1": "", "utt-2": "SONNE WARM"}), WAYS[way](REF))
    assert wer(pairs) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("hyp", "ref"),
    [
        ("anna REGEN\nbert SONNE\n", "anna REGEN\nbert WARM\n"),  # names, or glosses
        ("utt-1 A B\n", "utt-1 A\n"),  # one line says too little
        ("utt-1 A B\nutt-2 C\n", "A B\nC\n"),  # ids on one side only
        ("u1 A\nu2 B\n", "u3 A\nu4 B\n"),  # ids that do not meet
        ("A B u1\nC D u2\n", "A B u1\nC E u2\n"),  # ids at the end
        ("u1,A\nu2,B\n", "u1,A\nu2,C\n"),  # commas without a heading
        ("u1 1 0 1 5\n", "u1 1 0 1 5\n"),  # CTM as well as STM
        ("A B (u1)\nC (u2)\nD\n", "A B (u1)\nC (u2)\nD (u3)\n"),  # most lines have an id
    ],
)
def test_what_stays_ambiguous_is_refused_with_the_option_that_decides(
    tmp_path: Path, hyp: str, ref: str
) -> None:
    # Broken if a guess were scored: a wrong rate looks like a right one.
    with pytest.raises(DataError) as refusal:
        read(tmp_path, hyp, ref)
    assert "--format" in str(refusal.value)


def test_the_option_decides(tmp_path: Path) -> None:
    # Broken if what was said on the command line were found out anew.
    text = "anna REGEN\nbert SONNE\n", "bert SONNE\nanna WARM\n"
    assert wer(read(tmp_path, *text, formats=("kaldi", "kaldi"))) == pytest.approx(50.0)
    assert wer(read(tmp_path, *text, formats=("text", "text"))) == pytest.approx(100.0)


def test_lines_that_begin_with_the_same_words_are_plain_text(tmp_path: Path) -> None:
    # Broken if forecasts, which begin with HEUTE again and again, were taken for ids.
    pairs = read(tmp_path, "HEUTE REGEN\nHEUTE\n\n", "HEUTE REGEN\nHEUTE WIND\nIX-1\n")
    assert pairs.reference_format == "text"
    assert wer(pairs) == pytest.approx(40.0)


@pytest.mark.parametrize(
    "written",
    [
        unicodedata.normalize("NFD", "SÜD KÖLN\n").encode(),
        b"\xef\xbb\xbf" + "SÜD KÖLN\r\n".encode(),
        "SÜD KÖLN\r\n".encode("utf-16"),
        "SÜD\N{NO-BREAK SPACE}KÖLN\n".encode(),
        "SÜD \N{ZERO WIDTH SPACE}KÖ\N{SOFT HYPHEN}LN\r".encode(),
    ],
    ids=["decomposed", "mark and CRLF", "UTF-16", "no-break space", "unseen"],
)
def test_what_looks_equal_is_equal(tmp_path: Path, written: bytes) -> None:
    # Broken if an umlaut of another keyboard, or what nobody sees, counted as errors.
    assert wer(read(tmp_path, written, "SÜD KÖLN\n", formats=("text", "text"))) == 0.0
    as_json = json.dumps({"ü": written.decode("utf-16" if written[:2] == b"\xff\xfe" else "utf-8")})
    assert wer(read(tmp_path, as_json, "id,text\nü,SÜD KÖLN\n")) == 0.0


@pytest.mark.parametrize(
    ("hyp", "message"),
    [
        ('{"u1": "A", "u1": "B"}', "the id 'u1' occurs twice"),
        ('{"u1": 5}', "u1: 5 is not text with glosses"),
        ('{"u1": ["A B"]}', "'A B' in a list of glosses is not one gloss"),
        (
            '[{"id": "u1", "text": "A", "gloss": "B"}]',
            "text and gloss may both contain the glosses",
        ),
        ('[{"id": "u1", "text": "A"}, 3]', "record 2: is not a record"),
        ("A (u1)\nB (u1)\n", ":2: the id 'u1' occurs twice"),
        ("{ A / B } (u1)\nB (u2)\n", ":1: alternatives"),
    ],
)
def test_bad_records_are_named(tmp_path: Path, hyp: str, message: str) -> None:
    # Broken if half of a file were scored.
    with pytest.raises(DataError) as refusal:
        read(tmp_path, hyp, "id,text\nu1,A\n")
    assert message in str(refusal.value)


def test_broken_json_has_its_line(tmp_path: Path) -> None:
    # Broken if the message did not say where.
    (tmp_path / "hyp.jsonl").write_text('{"id": "u1", "text": "A"}\n{"id": \n')
    (tmp_path / "ref.csv").write_text("id,text\nu1,A\n")
    with pytest.raises(DataError, match="hyp.jsonl:2: no JSON"):
        read_pairs(tmp_path / "hyp.jsonl", tmp_path / "ref.csv")
