"""Figures read from files as programs write them, while they write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainables.errors import DataError
from trainables.script.metrics import CsvRows, JsonLines, OutputLines, number_in
from trainables.script.predictions import read_ctm, read_jsonl
from trainables.script.source import Source


def told(source: Source, *, ended: bool = False) -> list[tuple[float | None, dict[str, float]]]:
    return [(r.label, dict(r.values)) for r in source.new_records(ended=ended)]


def test_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    """Half a number would be another number."""
    path = tmp_path / "out"
    source = OutputLines(path, [r"epoch (?P<epoch>\d+) wer (?P<val_wer>[\d.]+)"], "val/wer")
    assert told(source) == []
    path.write_text("\x1b[32mepoch 1 wer 31.5\x1b[0m\nepoch 2 wer 3")
    assert told(source) == [(1, {"val/wer": 31.5})]
    with path.open("a") as file:
        file.write("0.5\rbar\repoch 3 wer 29")
    assert told(source) == [(2, {"val/wer": 30.5})]
    assert told(source, ended=True) == [(3, {"val/wer": 29})]


def test_a_csv_file_is_added_to_or_written_again(tmp_path: Path) -> None:
    """Writers of CSV do both; rows are told once, and cells without a number left out."""
    path = tmp_path / "m.csv"
    source = CsvRows(path)
    path.write_text("Epoch; wer ;name\n1;31,5;x\n")
    assert told(source) == [(1, {"wer": 31.5})]
    path.write_text("Epoch; wer ;name\n1;31,5;x\n2;;y\n3;30%;z")
    assert told(source) == [(2, {})]
    assert told(source, ended=True) == [(3, {"wer": 30})]
    path.write_text("Epoch; wer ;name\n4;12;x\n")
    assert told(source, ended=True) == [(4, {"wer": 12})]


def test_json_lines_with_groups(tmp_path: Path) -> None:
    """Groups are joined by a slash; a line that is not JSON is passed over."""
    path = tmp_path / "m.jsonl"
    path.write_text('{"epoch": 0, "val": {"wer": 31.5, "best": true}, "tag": "a"}\nINFO\n[1]\n')
    assert told(JsonLines(path)) == [(0, {"val/wer": 31.5})]


def test_the_newest_of_several_files(tmp_path: Path) -> None:
    """PyTorch Lightning writes `version_1` beside `version_0` when it goes on."""
    source = JsonLines(tmp_path / "version_*" / "m.jsonl")
    for number in (0, 1):
        path = tmp_path / f"version_{number}" / "m.jsonl"
        path.parent.mkdir()
        path.write_text(f'{{"epoch": {number}, "wer": {number}}}\n')
        os.utime(path, (number, number))
        assert told(source) == [(number, {"wer": number})]


@pytest.mark.parametrize(
    ("text", "number"),
    [("31.5%", 31.5), ("31,5", 31.5), ("1e-3", 0.001), ("nan", None), ("", None), ("1_0", None)],
)
def test_numbers_in_text(text: str, number: float | None) -> None:
    """NaN is a number too: an epoch without a value."""
    found = number_in(text)
    assert found == number or (text == "nan" and found != found)


def test_predictions_are_reported_with_their_line_where_they_are_wrong(tmp_path: Path) -> None:
    """A file of 540 lines is not looked through by hand."""
    path = tmp_path / "dev.jsonl"
    path.write_text(
        '{"id": 1, "hypothesis": "A", "reference": ["A", "B"]}\n{"id": 2, "hyp": "A"}\n'
    )
    with pytest.raises(DataError, match="utterance 2 has no hypothesis, no reference; it has id"):
        read_jsonl(path)
    path.write_text('{"id": 1, "hypothesis": "", "reference": "A"}\n' * 2)
    with pytest.raises(DataError, match="utterance '1' is there twice"):
        read_jsonl(path)


def test_predictions_of_a_recogniser_in_ctm(tmp_path: Path) -> None:
    """An utterance without a line is one in which nothing was recognised."""
    (tmp_path / "d.ctm").write_text("b 1 0.00 0.10 NORD\na 1 0.00 0.10 REGEN\na 1 0.10 0.10 SUED\n")
    stm = "a 1 s1 0.00 0.30 REGEN NORD\nb 1 s2 0.00 0.30 NORD\nc 1 s2 0.00 0.30 WIND\n"
    (tmp_path / "d.stm").write_text(stm)
    found = read_ctm(tmp_path / "d.ctm", tmp_path / "d.stm")
    assert [one.hypothesis for one in found] == [("REGEN", "SUED"), ("NORD",), ()]
    assert [one.reference for one in found] == [("REGEN", "NORD"), ("NORD",), ("WIND",)]
