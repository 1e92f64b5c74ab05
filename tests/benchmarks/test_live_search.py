"""The benchmark on real trainings goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import live_search  # noqa: E402
from benchmarks.live_search import Found, one_search, summarise  # noqa: E402

FOUND = Found("tpe-asha", 0, {"lr": 0.1}, 10.0, 165, 40)


def test_what_is_done_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped after two of four retrainings of the best, it trains the other two alone."""
    asked: list[int] = []

    def retrained(_: Any, places: Iterable[int], __: Any) -> Iterator[float]:
        for place in places:
            asked.append(place)
            if place == 3 and not (tmp_path / "again").exists():
                raise KeyboardInterrupt
            yield 10.0 + place

    monkeypatch.setattr(live_search, "own_search", lambda *_: FOUND)
    monkeypatch.setattr(live_search, "retrained", retrained)
    arguments = argparse.Namespace(fresh=4, report_only=False)
    with pytest.raises(KeyboardInterrupt):
        one_search("tpe-asha", 0, tmp_path, arguments)
    stored = json.loads((tmp_path / "tpe-asha-0.json").read_text())
    assert stored == {"found": asdict(FOUND), "fresh": [10.0, 11.0, 12.0]}
    monkeypatch.setattr(live_search, "own_search", None)
    assert (
        one_search("tpe-asha", 0, tmp_path, argparse.Namespace(fresh=4, report_only=True)) is None
    )
    (tmp_path / "again").touch()
    row = one_search("tpe-asha", 0, tmp_path, arguments)
    assert row is not None and row.wer == 11.5
    assert asked == [0, 1, 2, 3, 3]
    summarise({"tpe-asha": [row]})
    assert "new seeds 11.50, claimed 10.00; the baseline's WER in 1 of 1" in capsys.readouterr().out
