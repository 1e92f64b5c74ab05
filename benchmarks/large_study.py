"""Commands over a study of 10,000 trials: seconds, and the size of the report.

    python benchmarks/large_study.py [--trials 10000] [--folder FOLDER]

The study is generated: random configurations of the shipped space, curves by formula, ASHA's own
decisions. Each command runs in a process of its own, its start included; the processor's time is
told beside the clock's, because only the first is the same on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

COMMANDS = {
    "list": ["list"],
    "show": ["show", "generated"],
    "show --json": ["show", "generated", "--json"],
    "best": ["best", "generated"],
    "importance": ["importance", "--study", "generated"],
    "report": ["report", "--study", "generated"],
}
BOUNDS = {"list": 2.0, "show": 2.0, "importance": 30.0, "report": 60.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="Of an earlier call, to use its study again.")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="slr-tune-large-"))
    os.environ["SLR_TUNE_STUDIES"] = str(folder)
    if not (folder / "slr-tune.db").exists():
        from generated_study import generate_study

        began = time.perf_counter()
        generate_study(options.trials)
        print(f"{options.trials} trials generated in {time.perf_counter() - began:.0f} s: {folder}")
    print(f"{'command':<14}{'seconds':>9}{'processor':>11}{'at most':>9}")
    for name, arguments in COMMANDS.items():
        elapsed, used = _timed(arguments)
        bound = f"{BOUNDS[name]:.0f}" if name in BOUNDS else "-"
        print(f"{name:<14}{elapsed:>9.2f}{used:>11.2f}{bound:>9}")
    size = (folder / "generated" / "report.html").stat().st_size / 1e6
    print(f"report.html: {size:.1f} MB, at most 20")


def _timed(arguments: list[str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "slr_tune.cli.main", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    elapsed = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return elapsed, used


if __name__ == "__main__":
    main()
