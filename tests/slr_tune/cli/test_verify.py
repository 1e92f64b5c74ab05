"""`slr-tune verify`, and the checks that `slr-tune run` begins with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import small_space

Call = Callable[..., tuple[int, str, str]]


def test_what_a_person_reads(tmp_path: Path, call: Call) -> None:
    # Broken if the verdicts could not be told apart at a glance.
    code, out, _ = call("verify", small_space(tmp_path))
    assert code == 0
    assert out.count("[PASS]") >= 10 and "[FAIL]" not in out
    assert out.rstrip().endswith("12 checks, none failed.")


def test_what_a_script_reads(tmp_path: Path, call: Call) -> None:
    # Broken if a script had to read sentences.
    code, out, _ = call("verify", small_space(tmp_path), "--json", "--quick")
    found = json.loads(out)
    assert code == 0 and found["failed"] == 0
    assert found["checks"][1]["name"] == "configuration"
    assert set(found["checks"][0]) == {"name", "status", "found", "remedy"}


def test_a_failure_is_reported_with_its_remedy_and_exit_code_2(tmp_path: Path, call: Call) -> None:
    # Broken if a script went on after a failed check.
    teacher = tmp_path / "teacher.pt"
    teacher.write_bytes(b"")
    space = small_space(tmp_path, trainable="distill", teacher=f"{{checkpoint: {teacher}}}")
    code, out, _ = call("verify", space)
    assert code == 2
    assert "[FAIL] teacher checkpoint" in out and "\n       -> " in out
    assert "[SKIP] forward pass: not run: teacher checkpoint failed" in out
    assert "1 of 12 checks failed" in out


@pytest.mark.usefixtures("database")
def test_a_run_that_cannot_work_makes_no_study(tmp_path: Path, call: Call) -> None:
    # Broken if a study were made of a space that has to be changed: its name would be taken.
    teacher = tmp_path / "teacher.pt"
    teacher.write_bytes(b"")
    space = small_space(tmp_path, trainable="distill", teacher=f"{{checkpoint: {teacher}}}")
    code, _, err = call("run", space)
    assert code == 2 and "[FAIL] teacher checkpoint" in err and "--no-verify" in err
    assert "Traceback" not in err
    code, out, _ = call("list")
    assert "small" not in out
