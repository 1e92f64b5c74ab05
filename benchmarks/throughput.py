"""How many reports one driver can take, without Ray: its book-keeping with made-up workers.

    python benchmarks/throughput.py

A shipped space, and workers that train nothing: each reports an epoch of a made-up curve as soon as
it may. Trials stop at their rungs, end and make room for new ones as in a search. Every way of
storing has a database and a folder of its own and runs in a process of its own:

    one by one  a transaction for each value, attribute and state, as Optuna does it
    batches     as a search does it: one transaction for what came together; a worker hears of a
                decision, and a trial is handed out, once that is stored

"CPU" is of the driver's process, all threads; the database server's own is not in it. "CPU at
256/s" is what 256 reports a second ask of a core, with the new trials that they make room for.
PostgreSQL is a server of the benchmark's own, where one is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

WAYS = ("one by one", "batches")
COLUMNS = ("train/loss", "train/learning_rate", "val/loss", "val/wer", "val/wer_best")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=256)
    parser.add_argument("--reports", type=int, default=2560)
    parser.add_argument("--strategy", default="random-asha")
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        way, url = arguments.one
        print(json.dumps(measure(way, url or None, arguments)))
        return
    print(
        f"{arguments.workers} made-up workers, {arguments.reports} reports, {arguments.strategy}\n"
    )
    titles = ("reports/s", "CPU ms a report", "fill, s", "CPU ms a start", "CPU at 256/s")
    print(f"{'':24}" + "".join(f"{title:>17}" for title in titles))
    with server() as new_database:
        for database, way in product(("SQLite", "PostgreSQL"), arguments.ways):
            if database == "PostgreSQL" and new_database is None:
                continue
            url = new_database() if database == "PostgreSQL" and new_database else ""
            found = run_alone(way, url, arguments)
            cells = (
                f"{found['reports_a_second']:,.0f}",
                f"{1000 * found['cpu_a_report']:.2f}",
                f"{found['fill_seconds']:.1f}",
                f"{1000 * found['cpu_a_start']:.1f}",
                f"{100 * found['share']:.0f} %",
            )
            print(f"{database + ', ' + way:24}" + "".join(f"{cell:>17}" for cell in cells))


@contextmanager
def server() -> Iterator[Callable[[], str] | None]:
    """Gives the URLs of new databases; None where PostgreSQL is not installed."""
    from postgresql_server import programs, start_server

    if programs() is None:
        yield None
        return
    with start_server() as started:
        yield started.new_database


def run_alone(way: str, url: str, arguments: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", way, url, "--strategy", arguments.strategy]
    command += ["--workers", str(arguments.workers), "--reports", str(arguments.reports)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{way} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(way: str, url: str | None, arguments: argparse.Namespace) -> dict[str, float]:
    from slr_tune.search.recorder import Recorder
    from slr_tune.space import load_spec
    from slr_tune.space.shipped import find_space
    from slr_tune.study.lock import StudyLock
    from slr_tune.study.open_study import open_store
    from slr_tune.study.storage import opened_storage

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SLR_TUNE_STUDIES"] = folder
        spec = load_spec(
            find_space("distill"),
            study=f"throughput-{way.replace(' ', '-')}",
            trials=100_000,
            workers=arguments.workers,
            overrides=[f"search.strategy={arguments.strategy}"],
        )
        with (
            opened_storage(url, create=True) as storage,
            StudyLock(storage.engine, spec.study) as lock,
        ):
            store = open_store(spec, storage)
            batched = way == "batches"
            with store.batched(guard=lock.confirm) if batched else nullcontext():
                recorder = Recorder(store, lock, target=100_000, workers=arguments.workers)
                driver = Driver(recorder, arguments.workers)
                return driver.measure(arguments.reports)


class Driver:
    """The turns of Ray Tune's loop, without Ray: hands out, takes a report, answers."""

    def __init__(self, recorder, workers: int) -> None:  # type: ignore[no-untyped-def]
        self.recorder, self.workers = recorder, workers
        self.ready: deque[int] = deque()
        self.held: list[tuple[int, bool]] = []
        self.epochs: dict[int, int] = {}
        self.starts = 0
        self.start_cpu = self.start_seconds = 0.0

    def measure(self, reports: int) -> dict[str, float]:
        begin, cpu = time.perf_counter(), time.process_time()
        while len(self.epochs) < self.workers:
            self.hand_out()
        fill, fill_cpu = time.perf_counter() - begin, time.process_time() - cpu
        first_starts = self.starts
        self.starts, self.start_cpu, self.start_seconds = 0, 0.0, 0.0
        begin, cpu = time.perf_counter(), time.process_time()
        self.take(reports)
        seconds = time.perf_counter() - begin - self.start_seconds
        spent = time.process_time() - cpu - self.start_cpu
        cpu = time.process_time()
        paced = min(reports, 4 * 256)
        self.take(paced, a_second=256.0)
        share = (time.process_time() - cpu) / (paced / 256)
        return {
            "reports_a_second": reports / seconds,
            "cpu_a_report": spent / reports,
            "fill_seconds": fill,
            "cpu_a_start": fill_cpu / first_starts,
            "share": share,
            "new_trials": self.starts,
        }

    def take(self, reports: int, a_second: float | None = None) -> None:
        begin = time.perf_counter()
        for count in range(reports):
            while not self.ready:
                self.turn()
                if not self.ready:
                    time.sleep(0.001)
            if a_second is not None:
                time.sleep(max(0.0, begin + count / a_second - time.perf_counter()))
            self.report(self.ready.popleft())
            self.turn()

    def turn(self) -> None:
        if self.recorder.keep_up():
            for number, ended in self.held:
                self.answer(number, ended)
            self.held.clear()
        while len(self.epochs) < self.workers and self.hand_out():
            pass

    def hand_out(self) -> bool:
        begin, cpu = time.perf_counter(), time.process_time()
        live = self.recorder.next_trial()
        self.start_seconds += time.perf_counter() - begin
        self.start_cpu += time.process_time() - cpu
        if live is None:
            return False
        self.starts += 1
        self.epochs[live.number] = max(live.values, default=0)
        self.ready.append(live.number)
        return True

    def report(self, number: int) -> None:
        from slr_tune.search.worker_report import Report

        self.epochs[number] = epoch = self.epochs[number] + 1
        value = 20.0 + (number * 37 % 61) + 40.0 / epoch
        row = {"epoch": epoch, "seconds": 1.0, **dict.fromkeys(COLUMNS, value)}
        last = epoch >= self.recorder.store.spec.budget.max_epochs
        output = Report([row], ended_by="max_epochs" if last else None, facts={"parameters": 7})
        ended = self.recorder.report(number, output)
        if self.recorder.may_report():
            self.answer(number, ended)
        else:
            self.held.append((number, ended))

    def answer(self, number: int, ended: bool) -> None:
        if ended:
            del self.epochs[number]
        else:
            self.ready.append(number)


if __name__ == "__main__":
    main()
