"""How well `budget: {hours: ...}` keeps its time: simulated with the driver's own code, and real.

    python benchmarks/hours.py                  # ten simulated searches, a minute
    python benchmarks/hours.py --real 3         # and a real one: bundled data, 3 minutes

Simulated are the workers alone, as discrete events: the study, the sampler, the quota, the plan of
the time and the database are those of a search. Epochs of one trial take another time than those
of another, and a worker spends some between them.
"""

from __future__ import annotations

import argparse
import heapq
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from slr_tune.search.recorder import Recorder
from slr_tune.search.sampler import trials_to_run
from slr_tune.search.study_clock import StudyClock
from slr_tune.search.worker_report import Report
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import epochs_run, is_paused
from slr_tune.study.recovery import recover, reopen_pruned
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

ROOT = Path(__file__).parent.parent
SPACE = ROOT / "search_spaces" / "student.yaml"


@dataclass
class Simulated:
    """What a simulated search did.

    Attributes:
        seconds: That it took, of its own clock.
        cut: Seconds on workers of epochs that the end cut off.
        trials: Trials that were started.
        complete: Of them, ended by themselves.
        paused: Of them, waiting at a rung.
        unfinished: Of them, stopped between two rungs.
        epochs: Stored epochs.
    """

    seconds: float
    cut: float = 0.0
    trials: int = 0
    complete: int = 0
    paused: int = 0
    unfinished: int = 0
    epochs: int = 0


def simulate(
    spec: StudySpec,
    *,
    workers: int,
    epoch: float,
    before: float = 0.0,
    spread: float = 0.2,
    between: float = 0.02,
    seed: int = 0,
    kill_at: float = float("inf"),
) -> Simulated:
    """One driver's search by a clock of its own; called again it goes on with the study.

    Args:
        spec: The search. Its studies folder is the environment's.
        workers: Trials side by side.
        epoch: Mean seconds of an epoch over all data.
        before: Seconds of teacher, gate and caches.
        spread: Standard deviation of the logarithm of a trial's own factor on it.
        between: Share of an epoch that the worker spends before the next one.
        seed: Of values and times.
        kill_at: Second at which the driver dies and parks nothing.
    """
    clock = [0.0]
    storage = open_storage(create=True)
    reopen_pruned(spec.study, storage, trials=trials_to_run(spec))
    store = open_store(spec, storage)
    recover(store)
    timer = StudyClock(store, now=lambda: clock[0])
    recorder = Recorder(
        store,
        StudyLock(storage.engine, spec.study),
        target=trials_to_run(spec),
        workers=workers,
        clock=timer,
    )
    shares = {s.end: s.share for s in recorder.plan.pace.segments}
    clock[0] = before
    turn, events, begun = count(), [], {}

    def go_on(number: int, done: int) -> None:
        rng = np.random.default_rng([seed, number])
        share = next(share for end, share in shares.items() if done < end)
        seconds = epoch * share * float(np.exp(spread * rng.standard_normal()))
        begun[number] = clock[0]
        heapq.heappush(
            events, (clock[0] + seconds * (1 + between), next(turn), number, done + 1, seconds)
        )

    while not timer.is_up and clock[0] < kill_at:
        while (live := recorder.next_trial()) is not None:
            go_on(live.number, max(live.values, default=0))
        if not events:
            break
        left = float("inf") if timer.left is None else timer.left
        limit = min(kill_at, clock[0] + left)
        if events[0][0] > limit:
            clock[0] = limit
            break
        clock[0], _, number, done, seconds = heapq.heappop(events)
        timer.tick()
        if not recorder.report(number, _report(spec, number, done, seconds, seed)):
            go_on(number, done)
    found = Simulated(clock[0], cut=sum(clock[0] - begun[event[2]] for event in events))
    if clock[0] < kill_at:
        timer.write()
        recorder.sweep()
    trials = store.own_trials
    found.trials, found.epochs = len(trials), sum(map(epochs_run, trials))
    found.complete = sum(trial.state.name == "COMPLETE" for trial in trials)
    found.paused = sum(map(is_paused, trials))
    found.unfinished = sum(t.state.name in ("RUNNING", "WAITING") for t in trials) - found.paused
    return found


def _report(spec: StudySpec, number: int, epoch: int, seconds: float, seed: int) -> Report:
    rng = np.random.default_rng([seed, number, 1])
    value = 20 + 30 * rng.random() + 50 / epoch
    ended = "max_epochs" if epoch == spec.budget.max_epochs else None
    return Report([{"epoch": epoch, "seconds": seconds, "val/wer": value}], ended_by=ended)


def study_of(name: str, folder: Path, **budget: Any) -> StudySpec:
    """The bundled student's space with another budget."""
    os.environ["SLR_TUNE_STUDIES"] = str(folder)
    sets = [f"budget.{key}={'null' if v is None else v}" for key, v in budget.items()]
    return load_spec(SPACE, study=name, overrides=[*sets, "search={strategy: random-asha}"])


CASES: tuple[tuple[str, float, float, int, dict[str, Any]], ...] = (
    ("10 h, 5 min an epoch", 300.0, 0.0, 2, {"hours": 10}),
    ("10 h, 5 min, 2 h of teacher", 300.0, 7200.0, 2, {"hours": 10}),
    ("10 h, 8 min an epoch", 480.0, 0.0, 1, {"hours": 10}),
    ("10 h, 8 min, low rungs on 1/4", 480.0, 0.0, 2, {"hours": 10, "fidelity": "subset"}),
    ("10 h, 4 min an epoch, 4 workers", 240.0, 600.0, 4, {"hours": 10}),
    ("1 h, 30 s an epoch", 30.0, 60.0, 1, {"hours": 1}),
    ("1 h, at most 12 trials", 30.0, 60.0, 2, {"hours": 1, "trials": 12}),
    ("10 h, 5 min, none stopped", 300.0, 0.0, 2, {"hours": 10, "grace_epochs": 24}),
)
"""What is said, seconds of an epoch, seconds before the first trial, workers, budget."""


def main() -> None:
    """Prints a line for each search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=float, default=0.0, help="minutes of a real search")
    parser.add_argument("--cases", type=int, default=len(CASES) + 2)
    arguments = parser.parse_args()
    heads = ("used", "trials", "complete", "paused", "between", "epochs", "cut off")
    print(f"{'simulated search':34}" + "".join(f"{head:>10}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        for number, (message, epoch, before, workers, budget) in enumerate(
            CASES[: arguments.cases]
        ):
            spec = study_of(f"sim-{number}", Path(folder), **{"trials": None, **budget})
            found = simulate(spec, workers=workers, epoch=epoch, before=before, seed=number)
            _print(message, spec, found, found.seconds)
        if arguments.cases > len(CASES):
            _resumed(Path(folder))
    if arguments.real:
        _real(arguments.real)


def _resumed(folder: Path) -> None:
    """Killed after 4 of 10 hours, then given again; and given twice the hours."""
    spec = study_of("sim-killed", folder, trials=None, hours=10)
    first = simulate(spec, workers=2, epoch=300.0, kill_at=4 * 3600.0)
    found = simulate(spec, workers=2, epoch=300.0)
    _print("10 h, killed after 4 and resumed", spec, found, first.seconds + found.seconds)
    more = study_of("sim-killed", folder, trials=None, hours=20)
    again = simulate(more, workers=2, epoch=300.0)
    whole = first.seconds + found.seconds + again.seconds
    _print("the same, given 20 h", more, again, whole)


def _print(message: str, spec: StudySpec, found: Simulated, seconds: float) -> None:
    used = seconds / (3600 * (spec.budget.hours or 0.0))
    cells = (found.trials, found.complete, found.paused, found.unfinished, found.epochs)
    print(f"{message:34}{used:10.1%}" + "".join(f"{cell:>10}" for cell in cells), end="")
    print(f"{found.cut / max(seconds, 1):10.1%}", flush=True)


def _real(minutes: float) -> None:
    """A whole command by the wall clock, its start and its end counted."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"SLR_TUNE_STUDIES": folder, "PYTHONPATH": str(ROOT)}
        with mock.patch.dict(os.environ, environment):
            hours = minutes / 60
            sets = ["--set", "budget.trials=null", "--set", f"budget.hours={hours}"]
            command = [sys.executable, "-m", "slr_tune.cli.main", "run", str(SPACE), *sets]
            started = time.monotonic()
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - started
            view = load_study("libras-student")
    states = [trial.state.name for trial in view.trials]
    epochs = sum(map(epochs_run, view.trials))
    print(
        f"real search, {minutes:g} min: {seconds / 60:.2f} min, {seconds / (60 * minutes):.1%}; "
        f"{len(states)} trials, {states.count('COMPLETE')} complete, {epochs} epochs"
    )


if __name__ == "__main__":
    main()
