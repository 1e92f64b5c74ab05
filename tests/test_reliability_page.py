"""docs/reliability.md: every fault has its row, and every row a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ")]
ROWS = [line.strip("|").split(" | ") for line in LINES if not line.startswith("| fault |")]
TESTS = sorted(set(re.findall(r"`((?:tests|benchmarks)/[^`]+)`", PAGE)))

FAULTS = (
    "database is deleted and the search started again",
    "another trial copied in",
    "`.db` copied alone",
    "move is interrupted",
    "no memory",
    "killed again and again before an epoch",
    "misses a folder",
    "failed trials, their cause fixed",
    "numbers of numpy",
    "rows from 0",
    "None or NaN in some epochs",
    "`sys.exit`",
    "cannot be loaded safely",
    "bit flipped",
    "EIO",
    "disk full during a search",
    "ids in files to score",
    "umlaut",
    "teacher by a relative path",
    "two `train` into one folder",
    "one folder, at once",
    "differ in case only",
    "database file is deleted during a search",
    "folder of a study or trial is deleted",
    "mapped data",
    "not one trial fits",
    "time and disk",
    "few signers",
    "added or ended by another tool",
    "too short for CTC",
    "blank phase",
    "good and failed curves",
    "early stopping by another metric",
    "two systems compared",
    "SIGTERM, SIGHUP",
    "every process of the job",
    "does not start",
    "RAY_ADDRESS",
    "to nothing",
    "wrong token",
    "dies, and Ray says so",
    "a trial hangs",
    "an ablation hangs",
    "a `train` hangs",
    "parameters are drawn",
    "database server dies",
    "holds a subprocess",
    "`~user`",
    "half a character",
    "keys with dots",
    "checkpoint of another program",
    "home directory without write access",
    "in `/tmp`",
)
"""Faults that were met in use, by words of their rows."""


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_row(fault: str) -> None:
    """What was mended once is promised, with the test that holds it."""
    rows = [row for row in ROWS if fault in row[0]]
    assert rows and all("`tests/" in row[-1] for row in rows)


@pytest.mark.parametrize("test", TESTS)
def test_every_test_of_the_page_is_there(test: str) -> None:
    """Its command runs something."""
    found = re.fullmatch(r"(\S+\.py)(?:::(\w+))?(?: -k (\w+))?", test)
    assert found is not None, "no command of a test"
    path, name, words = found.groups()
    code = (ROOT / path).read_text(encoding="utf-8")
    if not path.startswith("benchmarks/"):
        named = re.findall(r"^def (test_\w+)\(", code, flags=re.MULTILINE)
        assert name in (None, *named)
        assert words is None or any(words in test for test in named)
