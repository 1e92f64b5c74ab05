"""Files of glosses: what each format says, and one clear message for each thing wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainables.errors import DataError
from trainables.scoring.pairing import Utterance, read_pairs
from trainables.scoring.score import score

FILES = {
    "ref.txt": "A B C\nD\n",
    "hyp.txt": "A X C\n\n",
    "ref.csv": "id,text\nu1,A B C\nu2,D\n",
    "hyp.csv": "u2,\nu1,A X C\n",
    "ref.stm": ";; made up\nu1 1 s 0.0 3.0 <o,f0,male> A B C\nu2 1 s 0.0 3.0 D\n",
    "hyp.ctm": "u1 1 0.0 0.5 A 0.99\nu1 1 1.0 0.5 C\nu1 1 0.5 0.5 X\n",
    "ref.corpus.csv": "id|folder|signer|annotation\nu1|f/*.png|s|A B C\nu2|f/*.png|s|D\n",
}
EXPECTED = {"u1": (("A", "X", "C"), ("A", "B", "C")), "u2": ((), ("D",))}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def pairs(folder: Path, hypothesis: str, reference: str, **options: bool) -> list[Utterance]:
    return list(read_pairs(folder / hypothesis, folder / reference, **options).utterances)


@pytest.mark.parametrize(
    ("hypothesis", "reference"),
    [("hyp.csv", "ref.csv"), ("hyp.ctm", "ref.stm"), ("hyp.ctm", "ref.corpus.csv")]
    + [("hyp.csv", "ref.stm"), ("hyp.csv", "ref.corpus.csv"), ("hyp.ctm", "ref.csv")],
)
def test_every_format_pairs_by_id(files: Path, hypothesis: str, reference: str) -> None:
    # Broken if rows were paired by their order, CTM words were not sorted by time, or what a CTM
    # file leaves out were dropped in place of counting as deletions.
    found = pairs(files, hypothesis, reference)
    assert {pair.id: (pair.hypothesis, pair.reference) for pair in found} == EXPECTED
    assert score(found, like_sclite=False).total.errors == 2


def test_plain_text_pairs_by_line(files: Path) -> None:
    # Broken if an empty line were skipped: all lines after it would be paired wrongly.
    assert [(p.hypothesis, p.reference) for p in pairs(files, "hyp.txt", "ref.txt")] == [
        *EXPECTED.values()
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_no_glosses(files: Path) -> None:
    # Broken if files from a spreadsheet had one error in the first row, and one in every row.
    (files / "hyp.csv").write_bytes(b"\xef\xbb\xbfid,text\r\nu1,A B C\r\nu2,D\r\n")
    assert score(pairs(files, "hyp.csv", "ref.csv"), like_sclite=False).total.errors == 0


def test_phoenix_cleans_hypotheses_by_token_and_annotations_as_sentences(files: Path) -> None:
    # Broken if REGEN REGEN in a hypothesis were forgiven (the official script does not), or an
    # annotation kept it, or an STM file, which is clean, were cleaned once more.
    (files / "hyp.csv").write_text("u1,loc-REGEN REGEN A B ALPENRAUM\nu2,__PU__\n")
    (files / "ref.csv").write_text("u1,REGEN REGEN A B ALPENRAUM\nu2,WIE AUSSEHEN\n")
    (files / "ref.stm").write_text("u1 1 s 0 1 REGEN REGEN\nu2 1 s 0 1 ZEIGEN\n")
    u1, u2 = pairs(files, "hyp.csv", "ref.csv", phoenix=True)
    assert u1.hypothesis == ("REGEN", "REGEN", "A", "B", "ALPEN")
    assert u1.reference == ("REGEN", "A+B", "ALPEN")
    assert (u2.hypothesis, u2.reference) == ((), ("WIE-AUSSEHEN",))
    u1, u2 = pairs(files, "hyp.csv", "ref.stm", phoenix=True)
    assert (u1.reference, u2.reference) == (("REGEN", "REGEN"), ("ZEIGEN",))


@pytest.mark.parametrize(
    ("hypothesis", "text", "reference", "message"),
    [
        ("hyp.csv", "u1,A\n", "ref.csv", "hyp.csv: no hypothesis for u2 of "),
        ("hyp.csv", "u1,A\nu2,D\nu3,E\n", "ref.csv", "hyp.csv: no reference in "),
        ("hyp.ctm", "u3 1 0 1 A\n", "ref.stm", "for u3 (channel 1)"),
        ("hyp.csv", "u1,A\nu2\n", "ref.csv", "hyp.csv:2: expected 2 fields, found 1"),
        ("hyp.csv", "u1,A\nu1,B\n", "ref.csv", "hyp.csv:2: the id 'u1' occurs twice"),
        ("hyp.csv", "id,words\nu1,A\n", "ref.csv", "hyp.csv:1: no column of glosses"),
        ("hyp.csv", 'u1,"A\nu2,B\n', "ref.csv", "hyp.csv:2: no CSV: unexpected end of data"),
        (
            "hyp.ctm",
            "u1 1 0 1 A\nu1 1 0 A\n",
            "ref.stm",
            "hyp.ctm:2: expected 5 or 6 fields, found 4",
        ),
        ("hyp.ctm", "u1 1 zero 1 A\n", "ref.stm", "hyp.ctm:1: 'zero' is not a number of seconds"),
        ("hyp.ctm", "u1 1 * * <ALT_BEGIN>\n", "ref.stm", "hyp.ctm:1: alternatives"),
        ("hyp.ctm", "u1 1 0 1 A\nu1 2 0 1 A\n", "ref.csv", "has several channels of one"),
        ("hyp.ctm", ";; nothing\n", "ref.stm", "hyp.ctm: the file contains only comments"),
        ("hyp.ctm", "", "ref.stm", "hyp.ctm: the file is empty"),
        ("hyp.txt", "", "ref.txt", "hyp.txt: the file is empty"),
        ("hyp.txt", "A\n", "ref.txt", "ref.txt differ in their number of lines: 1 and 2"),
        ("hyp.txt", "A\nB\n", "ref.csv", "ref.csv names its utterances, but "),
        ("hyp.csv", b"u1,\xc4\n", "ref.csv", "hyp.csv: not UTF-8 text (byte 3)"),
        ("ref.stm", "u1 1 s 0\n", "ref.csv", "ref.stm:1: expected 5 fields or more, found 4"),
        ("ref.stm", "u1 1 s 0 1 { A / B }\n", "ref.csv", "ref.stm:1: alternatives"),
        ("ref.stm", "u1 1 s 0 end A\n", "ref.csv", "ref.stm:1: 'end' is not a number of seconds"),
    ],
)
def test_bad_input_gives_one_message_with_its_place(
    files: Path, hypothesis: str, text: str | bytes, reference: str, message: str
) -> None:
    # Broken if any of these were scored, or the message did not name file and line.
    content = text if isinstance(text, bytes) else text.encode()
    (files / hypothesis).write_bytes(content)
    with pytest.raises(DataError) as refusal:
        pairs(files, hypothesis, reference)
    assert message in str(refusal.value)


def test_what_cannot_be_read_is_named_before_its_format(files: Path) -> None:
    # Broken if a missing file were called a file of another format.
    with pytest.raises(DataError, match="none: there is no such file"):
        pairs(files, "none", "ref.csv")
    with pytest.raises(DataError, match="is a folder"):
        pairs(files, "hyp.csv", ".")
    with pytest.raises(DataError, match="cannot be read: Not a directory"):
        pairs(files, "hyp.csv/none", "ref.csv")


def test_references_without_a_gloss_are_refused(files: Path) -> None:
    # Broken if a WER of nothing were 0, or a division by zero.
    (files / "ref.txt").write_text("\n\n")
    with pytest.raises(DataError, match="no reference contains a gloss"):
        score(pairs(files, "hyp.txt", "ref.txt"), like_sclite=False)
