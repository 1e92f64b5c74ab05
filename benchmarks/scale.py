"""One search of 2,000 tiny trials through the real engine: does a trial cost more at the end?

    python benchmarks/scale.py [--trials 2000] [--strategy prior-asha]

Prints for each tenth of the trials the seconds and the driver's processor time of a trial and the
driver's memory. Exit code 1 where the last hundred took over 1.2 times the processor time of the
first, or memory. On a busy machine the clock's seconds say little; the processor's say the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[1]
sys.path.append(str(HERE / "tests" / "support"))

BOUND = 1.2
"""The last hundred against the first."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Mark:
    """The driver when it handed out a trial.

    Attributes:
        seconds: Of the clock.
        cpu: Processor time so far, in s.
        memory: Resident, in bytes.
    """

    seconds: float
    cpu: float
    memory: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--strategy", default="prior-asha")
    parser.add_argument("--hundred", type=int, default=100, help="Trials that are compared.")
    given = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "tests" / "support"), str(HERE)])
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="slr-tune-scale-") as folder:
        os.environ["SLR_TUNE_STUDIES"] = folder
        marks = run(Path(folder), trials=given.trials, strategy=given.strategy)
    sys.exit(tell(marks, hundred=given.hundred))


def run(folder: Path, *, trials: int, strategy: str) -> list[Mark]:
    """Runs the search in this process; a mark at each new trial, and one at the end."""
    from slr_tune.training.ray_private import prepare_environment

    prepare_environment()
    from toy_space import toy_spec

    from slr_tune.search.engine import run_search
    from slr_tune.search.progress import Progress
    from slr_tune.search.run_options import RunOptions
    from slr_tune.study.store import StudyStore

    marks: list[Mark] = []
    begin = StudyStore.choose

    def marked(self: StudyStore, *arguments: object) -> object:
        marks.append(now())
        return begin(self, *arguments)  # type: ignore[arg-type]

    StudyStore.choose = marked  # type: ignore[method-assign, assignment]
    spec = toy_spec(
        folder, trials=trials, max_epochs=3, search=f"{{strategy: {strategy}}}", audit=0.0
    )
    with Progress() as progress:
        outcome = run_search(spec, RunOptions(), progress)
    StudyStore.choose = begin  # type: ignore[method-assign]
    assert outcome.started >= trials and not outcome.interrupted
    return [*marks, now()]


def now() -> Mark:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Mark(time.monotonic(), time.process_time(), pages * _PAGE)


def tell(marks: Sequence[Mark], *, hundred: int = 100) -> int:
    """Prints the table; 1 where a trial costs more at the end."""
    count = len(marks) - 1
    part = max(1, count // 10)
    print(f"{'trials':>12}{'seconds each':>14}{'processor, ms':>15}{'memory, MB':>12}")
    for start in range(0, count - part + 1, part):
        seconds, cpu = each(marks[start : start + part + 1])
        memory = marks[start + part].memory / 1e6
        print(f"{start:>5} - {start + part:<4}{seconds:>14.3f}{1000 * cpu:>15.1f}{memory:>12.0f}")
    hundred = min(hundred, count // 2)
    first, last = each(marks[: hundred + 1]), each(marks[-hundred - 2 : -1])
    memory = marks[-1].memory / marks[hundred].memory
    print(
        f"last {hundred} against the first {hundred}: processor time {last[1] / first[1]:.2f}, ",
        end="",
    )
    print(f"clock {last[0] / first[0]:.2f}, memory {memory:.2f}; at most {BOUND} (not the clock)")
    return int(last[1] / first[1] > BOUND or memory > BOUND)


def each(marks: Sequence[Mark]) -> tuple[float, float]:
    """Seconds and processor time of a trial."""
    count = max(1, len(marks) - 1)
    return (marks[-1].seconds - marks[0].seconds) / count, (marks[-1].cpu - marks[0].cpu) / count


if __name__ == "__main__":
    main()
