"""The API is typed: mypy --strict takes a program that uses it, and refuses a wrong one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
USAGE = Path(__file__).parent / "api_usage.py"


DOCUMENT = ROOT / "docs" / "python.md"


def _mypy(*files: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_program_passes_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    # Broken if a name were untyped: what is lazily imported is typed only where __init__ says so.
    wrong = tmp_path / "wrong_usage.py"
    wrong.write_text(
        "import slr_tune\n\n"
        "slr_tune.load(3)\n"
        "slr_tune.load().best.konfig\n"
        "slr_tune.run('distill', trial=3)\n"
        "number: str = slr_tune.load().best.number\n"
    )
    examples = re.findall(r"^```python\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    pages = [tmp_path / f"example_{number}.py" for number in range(len(examples))]
    for page, example in zip(pages, examples, strict=True):
        page.write_text(example)
    assert pages
    done = _mypy(USAGE, *pages, wrong)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert not [line for line in errors if "wrong_usage" not in line], done.stdout
    assert [line.split(":")[1] for line in errors] == ["3", "4", "5", "6"], done.stdout
