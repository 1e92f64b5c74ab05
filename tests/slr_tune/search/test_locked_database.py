"""A search whose SQLite database another process holds for some seconds."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from own_process import Command
from test_run import check_decisions, check_trials
from toy_space import write_toy_space

from slr_tune.study.view import load_study

pytestmark = pytest.mark.usefixtures("ray_two_cores")

HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
held.execute("BEGIN IMMEDIATE")
time.sleep(4)
held.execute("ROLLBACK")
"""


def test_search_waits_for_a_locked_database(tmp_path: Path, studies: Path) -> None:
    """As while somebody copies or mends it: one line each way, nothing lost, nothing again."""
    journal = tmp_path / "journal"
    fixed = {"journal": journal, "milliseconds": 100}
    command = Command("run", write_toy_space(tmp_path, trials=5, fixed=fixed))
    assert command.wait_for_lines(journal, 4), command.end()
    subprocess.run([sys.executable, "-c", HOLD, str(studies / "slr-tune.db")], check=True)
    code, output = command.end()
    assert code == 0 and "Traceback" not in output, output
    assert output.count("The database is unreachable (") == 1, output
    assert output.count("The database is back after ") == 1, output
    trials = load_study("toy").trials
    assert len(trials) == 5
    check_trials(trials)
    check_decisions(tmp_path, trials=5, fixed=fixed)
    assert max(Counter(journal.read_text().splitlines()).values()) == 1
