"""A search on the bundled sentences whose processes are killed at random moments.

    python benchmarks/kills.py

kill -9 of the driver, five times, and of a worker, twice, in a random order. After a driver's death
the same command is given again; after a worker's death the driver has to go on by itself. Trials
pause at their rungs meanwhile. At the end it is counted what the study holds, which epochs were
trained more than once, and whether trials were promoted as the stored curves say. Then twelve more
trials are asked for, and it is counted again: trials that had ended as pruned go on.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from own_process import ancestors
from trial_record import check_record

TRIALS = 24
MORE = 12
SPACE = f"""
study: kills
trainable: counted_run:CountedRun
data: {{name: libras}}
budget: {{trials: {TRIALS}, max_epochs: 9, grace_epochs: 1, reduction_factor: 3, audit: 0}}
resources: {{workers: 2}}
space:
  learning_rate: {{float: [1.0e-3, 3.0e-2], log: true}}
  dropout:       {{float: [0.0, 0.5]}}
baseline: {{learning_rate: 1.0e-2, dropout: 0.2}}
"""

Finished = dict[str, int]
"""Epochs that were stored when somebody was killed, with how often they had been trained."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drivers", type=int, default=5, help="how many times to kill the driver")
    parser.add_argument("--workers", type=int, default=2, help="how many times to kill a worker")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = folder / "journal"
        os.environ["KILLS_JOURNAL"] = str(journal)
        os.environ["SLR_TUNE_STUDIES"] = str(folder / "studies")
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        )
        os.environ["OMP_NUM_THREADS"] = "1"
        space = folder / "space.yaml"
        space.write_text(SPACE)
        rng = random.Random(arguments.seed)
        victims = ["driver"] * arguments.drivers + ["worker"] * arguments.workers
        rng.shuffle(victims)
        driver = start(space)
        killed: Counter[str] = Counter()
        finished: Finished = {}
        for victim in victims:
            if driver.poll() is not None:
                driver = start(space)
            kill_once(driver, journal, victim, rng)
            remember(journal, finished)
            killed[victim] += 1
        if driver.poll() is not None:
            driver = start(space)
        done = driver.wait()
        print(f"killed: {killed['driver']} drivers, {killed['worker']} workers")
        print(f"the last start ended with exit code {done}")
        wrong = done or judge(journal, finished, kills=killed.total())
        if not wrong:
            print(f"{MORE} more trials:")
            remember(journal, finished)
            wrong = start(space, "--trials", str(TRIALS + MORE)).wait()
            wrong = wrong or judge(journal, finished, kills=killed.total(), trials=TRIALS + MORE)
        sys.exit(wrong)


def start(space: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "slr_tune.cli.main", "run", str(space), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_once(
    driver: subprocess.Popen[bytes], journal: Path, victim: str, rng: random.Random
) -> None:
    """Lets a driver train a few epochs, and kills it or one of its workers in the next one."""
    train_on(driver, journal, rng.randint(2, 6))
    select.select([], [], [], rng.uniform(0.0, 0.5))
    if victim == "driver":
        driver.kill()
        driver.wait()
    else:
        while not (workers := workers_of(driver.pid)):
            train_on(driver, journal, 0)
            select.select([], [], [], 0.02)
        os.kill(rng.choice(sorted(workers)), signal.SIGKILL)
    print(f"killed a {victim} after {lines(journal)} epochs", flush=True)
    if victim == "worker":
        train_on(driver, journal, 2)


def train_on(driver: subprocess.Popen[bytes], journal: Path, epochs: int) -> None:
    """Waits until so many more epochs are trained; ends where the driver does before."""
    wanted = lines(journal) + epochs
    while True:
        code = driver.poll()
        if code == 0:
            sys.exit("the search was over before it could be killed: lower the number of kills")
        if code is not None:
            sys.exit(f"the driver ended by itself with exit code {code}")
        if lines(journal) >= wanted:
            return
        select.select([], [], [], 0.02)


def lines(journal: Path) -> int:
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def workers_of(driver: int) -> list[int]:
    """Processes below the driver that train."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            # Ray names an actor's process by its class, and Tune wraps the class.
            named = status.read_bytes().startswith(b"ray::") and b"Trainable" in status.read_bytes()
        except OSError:
            continue
        pid = int(status.parent.name)
        if named and driver in ancestors(pid):
            found.append(pid)
    return found


def remember(journal: Path, finished: Finished) -> None:
    """Notes which epochs the database holds now, and how many trials are paused."""
    from slr_tune.study.record import is_paused, record_of
    from slr_tune.study.view import load_study

    trained = Counter(journal.read_text().splitlines())
    view = load_study("kills", None)
    for trial in view.trials:
        if (record := record_of(trial)) is not None:
            for epoch in trial.intermediate_values:
                key = f"{named(record.config)} {epoch}"
                finished.setdefault(key, trained[key])
    paused = sum(map(is_paused, view.trials))
    print(
        f"  {sum(len(t.intermediate_values) for t in view.trials)} epochs stored, {paused} paused"
    )


def named(config: Mapping[str, Any]) -> str:
    """As `CountedRun` names itself."""
    return f"{config['learning_rate']!r} {config['dropout']!r}"


def judge(journal: Path, finished: Finished, *, kills: int, trials: int = TRIALS) -> int:
    """Prints what is left; 1 where something is not as it must be."""
    from planned_epochs import planned_epochs

    from slr_tune.study.quota import Quota
    from slr_tune.study.record import record_of
    from slr_tune.study.view import load_study

    view = load_study("kills", None)
    quota = Quota((1, 3), 3)
    found = check_record(view, quota)
    states = found.states
    entries = [
        entry for trial in view.trials if (record := record_of(trial)) for entry in record.rungs
    ]
    trained = Counter(journal.read_text().splitlines())
    twice = sum(count - 1 for count in trained.values())
    stored_again = sum(max(0, trained[key] - count) for key, count in finished.items())
    planned = planned_epochs((1, 3), trials=trials, exempt=1, reduction_factor=3, max_epochs=9)
    print(f"trials: {', '.join(f'{count} {state}' for state, count in states.items())}")
    print(
        f"epochs trained: {sum(trained.values())}, planned: {planned}; trained again: {twice} "
        f"after {kills} kills, of them stored before the kill: {stored_again}"
    )
    print(f"values that are not the least of their curve: {found.wrong_values}")
    print(f"trials with another number of values than epochs: {found.wrong_lengths}")
    promoted = sum(entry.resumed is not None for entry in entries)
    print(
        f"{found.decisions} arrivals and {promoted} promotions, {found.wrong_decisions} not as the "
        "stored curves say"
    )
    # A trial that a kill has lost is no finished one: FAIL, or RUNNING for ever.
    kept = states["COMPLETE"] + states["PRUNED"] == len(view.trials) == trials
    good = kept and twice <= 2 * kills and not stored_again
    return int(not good or found.wrong_values + found.wrong_lengths + found.wrong_decisions > 0)


if __name__ == "__main__":
    main()
