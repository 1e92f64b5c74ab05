"""Names with dots and umlauts, and errors with half a character, from the space to every view."""

from __future__ import annotations

from pathlib import Path

import pytest
from named_runs import SPACE

from slr_tune.cli.main import run as slr_tune
from slr_tune.study.folders import study_folder


@pytest.mark.usefixtures("ray_two_cores", "database")
def test_names_are_shown_as_written(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """`gr\\xF6\\xDFe` is no name, and one broken file name ended `show` with a traceback."""
    space = tmp_path / "space.yaml"
    space.write_text(SPACE, encoding="utf-8")
    assert slr_tune(["run", str(space), "--set", 'baseline.weights."enc.0.drop"=0.25']) == 0
    capfdbinary.readouterr()
    printed = {}
    for name, *more in (
        ("best",),
        ("best", "--format", "json"),
        ("show", "--trial", "0"),
        ("show", "--trial", "1"),
        ("show", "--json"),
        ("show",),
    ):
        assert slr_tune([name, "names", *more]) == 0
        printed[(name, *more)] = capfdbinary.readouterr().out.decode("utf-8")
    assert printed[("best",)].splitlines() == [
        *("größe: 8", "weights:", "  enc.0.drop: 0.25", "  loss/ctc: 0.5", "max_epochs: 2")
    ]
    assert '"größe": 8' in printed[("best", "--format", "json")]
    assert "größe: 8" in printed[("show", "--trial", "0")]
    assert "no features for M\\udcfcnchen.npz" in printed[("show", "--trial", "1")]
    assert slr_tune(["report"]) == 0
    html = (study_folder("names") / "report.html").read_text(encoding="utf-8")
    assert "größe" in html
