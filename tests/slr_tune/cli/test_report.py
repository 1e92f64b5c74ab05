"""`slr-tune report` as a person gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_studies import StoredTrial, tell_study

from slr_tune.cli.main import run as slr_tune

pytestmark = pytest.mark.usefixtures("database")


def test_report_without_an_argument(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The study written last; verdict and steps on stdout, files named on stderr."""
    tell_study([StoredTrial([60.0, *[30.0] * 8]), StoredTrial([50.0, *[20.0] * 8])])
    assert slr_tune(["report"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Trial 1 won: dev WER 20.00 %, 10.00 points better")
    assert "    slr-tune confirm --study told\n" in out
    folder = studies / "told"
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert (folder / "report.md").read_text().startswith("# told: report of the search")
    assert (folder / "report" / "search.png").read_bytes().startswith(b"\x89PNG")
    for path in ("report.html", "report.md", "report/search.pdf", "report/weights.png"):
        assert f"wrote {folder / path}" in err


def test_a_misspelt_study(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name, and no traceback."""
    tell_study([StoredTrial([60.0] * 9)])
    assert slr_tune(["report", "--study", "tolled"]) == 2
    assert "Known, nearest first: told." in capsys.readouterr().err


def test_no_study_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    """How to make one."""
    assert slr_tune(["report"]) == 2
    assert "there is no study yet" in capsys.readouterr().err
