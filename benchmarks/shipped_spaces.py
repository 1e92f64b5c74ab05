"""What the shipped spaces find on the bundled sentences, as the README's table.

    python benchmarks/shipped_spaces.py

Searches each space, or finds the study already complete, then retrains its baseline and its best
on fresh seeds and measures both on dev and on test. The table goes to stdout, all else to stderr.
Interrupted, the same command goes on. Test is opened for what dev chose; each opening is logged in
the study.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SPACES = ("student", "teacher", "distill", "self_distill")
FOLDER = Path(__file__).parent.parent / "search_spaces"
HEADINGS = ("space", "configuration", "search, dev", "new seeds, dev", "test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=SPACES)
    arguments = parser.parse_args()
    print(f"| {' | '.join(HEADINGS)} |\n|---|---|---:|---:|---:|")
    for name in arguments.spaces:
        study = slr_tune("run", str(FOLDER / f"{name}.yaml"))["study"]
        confirmed = slr_tune("confirm", "--study", study, "--test", "--seeds", str(arguments.seeds))
        for row in confirmed["rows"]:
            print(table_row(f"`{name}.yaml`", row), flush=True)


def slr_tune(*arguments: str) -> dict[str, Any]:
    command = (sys.executable, "-m", "slr_tune.cli.main", *arguments, "--json")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table_row(space: str, row: dict[str, Any]) -> str:
    figures = [
        f"{row['mean'][split]:.2f} ± {row['standard_deviation'][split]:.2f}"
        for split in ("dev", "test")
    ]
    cells = (space, f"{row['name']} (trial {row['trial']})", f"{row['claimed']:.2f}", *figures)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
