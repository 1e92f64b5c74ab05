"""Searches on two nodes with PostgreSQL, one after the other, with faults at random moments.

    nice python benchmarks/soak.py --minutes 10
    python benchmarks/soak.py --faults 2

Each search gets some faults that the seed draws: its driver, a worker or the second node's raylet
is killed with kill -9, the driver is asked to end, the database is restarted, a disk is filled, a
checkpoint is damaged, a curve deleted. The same command is given until it is done. Every third
search is one kind of `benchmarks/faults.py`, played as it is there. After each search it is looked
at what is there: the trials asked for and their states, every value that of its formula and of its
curve, ASHA's decisions as the curves say, no stored epoch trained again. Needs PostgreSQL, and root
for the full disk.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import fault_kinds
from fault_scene import Scene
from own_process import Command, descendants
from postgresql_server import Server, programs, start_server
from small_disk import SmallDisk, mounted_disk
from two_nodes import OtherNode, two_nodes

HERE = Path(__file__).parents[1]
TRIALS = 8
_MOST_STARTS = 25
_NOT_HERE = (
    "database",
    "training",
    "confirmation",
    "teacher",
    "ids in",
    "RAY_",
    "address",
    "every",
)
"""Kinds of `faults.py` that are about SQLite's file, no search, or a session of their own."""


@dataclass
class Soak:
    """The cluster, the database, and what was counted.

    Attributes:
        node: The second node.
        server: The database server.
        rng: For kinds and moments.
        injected: Faults by kind.
        scenes: One for each search.
    """

    node: OtherNode
    server: Server
    rng: random.Random
    injected: Counter[str] = field(default_factory=Counter)
    scenes: list[Scene] = field(default_factory=list)
    disk: SmallDisk | None = None

    def search(self, folder: Path, faults: Sequence[str]) -> None:
        """One search with some faults, until it is done; then what is there is looked at."""
        scene = self._scene(folder)
        with ExitStack() as stack:
            self.disk = None
            if os.geteuid() == 0:
                self.disk = stack.enter_context(mounted_disk(scene.studies, megabytes=24))
            space = scene.space(trials=TRIALS, milliseconds=60)
            text = space.read_text().replace("faulty_runs:FaultyRun", "heavy_runs:HeavyFaultyRun")
            space.write_text(text)
            left = list(faults)
            for _ in range(_MOST_STARTS):
                command = scene.start("run", space)
                stack.callback(command.process.kill)  # where the search cannot go on
                while left and moment(scene, command):
                    name = left.pop()
                    self.injected[name] += 1
                    scene.faults += 1
                    KINDS[name](self, scene, command)
                command.wait_until(lambda: False)  # as long as it takes
                scene.end(command, ENDS)
                if command.process.returncode == 0:
                    break
            else:
                scene.problems.append(f"not done after {_MOST_STARTS} starts")
            scene.judge(trials=TRIALS)

    def play(self, name: str, folder: Path) -> None:
        """One kind of `faults.py`."""
        scene = self._scene(folder)
        before = dict(os.environ)
        fault_kinds.KINDS[name](scene)
        os.environ.clear()
        os.environ.update(before)
        self.injected[name] += scene.faults

    def _scene(self, folder: Path) -> Scene:
        os.environ["SLR_TUNE_STORAGE"] = self.server.new_database()
        scene = Scene(folder, self.rng)
        self.scenes.append(scene)
        return scene


ENDS = {0, 1, 130, 143, 129, -signal.SIGKILL}


def moment(scene: Scene, command: Command) -> bool:
    """Waits for some epochs more; whether the command is still there."""
    wanted = len(scene.lines()) + scene.rng.randint(1, 5)
    return command.wait_for_lines(scene.journal, wanted)


def signalled(number: signal.Signals) -> Callable[[Soak, Scene, Command], None]:
    def send(soak: Soak, scene: Scene, command: Command) -> None:
        command.process.send_signal(number)
        command.process.wait()

    return send


def worker_killed(soak: Soak, scene: Scene, command: Command) -> None:
    found = [pid for pid in descendants(os.getpid()) if is_worker(pid)]
    if found:
        os.kill(scene.rng.choice(sorted(found)), signal.SIGKILL)


def is_worker(pid: int) -> bool:
    try:
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return name.startswith(b"ray::") and b"Trainable" in name


def raylet_killed(soak: Soak, scene: Scene, command: Command) -> None:
    soak.node.kill()
    moment(scene, command)  # alone for a while
    soak.node.start()


def database_restarted(soak: Soak, scene: Scene, command: Command) -> None:
    soak.server.stop()
    time.sleep(scene.rng.uniform(0.0, 1.0))
    soak.server.start()


def disk_full(soak: Soak, scene: Scene, command: Command) -> None:
    assert soak.disk is not None
    soak.disk.fill(leave=300_000)
    command.process.wait()
    soak.disk.free()


def stopped(between: Callable[[Path], None]) -> Callable[[Soak, Scene, Command], None]:
    """The driver is asked to end; then something happens to a trial that waits."""

    def damage(soak: Soak, scene: Scene, command: Command) -> None:
        from slr_tune.study.view import load_study

        command.process.send_signal(signal.SIGTERM)
        command.process.wait()
        waiting = [t.number for t in load_study("toy").trials if t.state.name == "WAITING"]
        folders = [scene.studies / "toy" / "trials" / str(number) for number in waiting]
        latest = [folder / "checkpoints" / "checkpoint_latest.pt" for folder in folders]
        if found := [path for path in latest if path.exists()]:
            between(scene.rng.choice(found))
            scene.forget()

    return damage


def without_curve(path: Path) -> None:
    (path.parents[1] / "curve.csv").unlink(missing_ok=True)


KINDS: dict[str, Callable[[Soak, Scene, Command], None]] = {
    "kill -9 of the driver": signalled(signal.SIGKILL),
    "SIGTERM to the driver": signalled(signal.SIGTERM),
    "Ctrl-C": signalled(signal.SIGINT),
    "SIGHUP": signalled(signal.SIGHUP),
    "kill -9 of a worker": worker_killed,
    "kill -9 of a raylet, started again": raylet_killed,
    "PostgreSQL restarted": database_restarted,
    "full disk": disk_full,
    "bit flipped in a checkpoint": stopped(fault_kinds.flip),
    "checkpoint of another study": stopped(fault_kinds.foreign),
    "curve deleted": stopped(without_curve),
}
"""By name."""


def kinds() -> list[str]:
    """Those that can be injected here."""
    return [name for name in KINDS if os.geteuid() == 0 or name != "full disk"]


def played() -> list[str]:
    """Kinds of `faults.py` that are played as they are."""
    return [n for n in fault_kinds.KINDS if not any(word in n for word in _NOT_HERE)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--faults", type=int, default=0, help="one search with so many, no more")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if programs() is None:
        parser.error("PostgreSQL is not installed")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "tests" / "support"), str(HERE)])
    os.environ["OMP_NUM_THREADS"] = "1"
    # In the background or under nohup the commands would ignore them too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="slr-tune-soak-", ignore_cleanup_errors=True) as name:
        with two_nodes() as node, start_server() as server:
            soak = Soak(node, server, random.Random(given.seed))
            run(soak, Path(name), minutes=given.minutes, faults=given.faults)
            code = tell(soak)
            sys.stdout.flush()  # whatever happens while the cluster is taken down
    sys.exit(code)


def run(soak: Soak, folder: Path, *, minutes: float, faults: int) -> None:
    """Searches until the time is over, or one where a number of faults is given."""
    end = time.monotonic() + 60 * minutes
    others = soak.rng.sample(played(), len(played()))
    for count in range(1_000_000):
        place = folder / str(count)
        began = time.monotonic()
        try:
            if not faults and count % 3 == 2 and others:
                soak.play(others.pop(), place)
            else:
                number = faults or soak.rng.randint(1, 4)
                soak.search(place, soak.rng.choices(kinds(), k=number))
        except Exception as error:
            soak.scenes[-1].problems.append(f"{type(error).__name__}: {error}")
        report(soak, count, time.monotonic() - began)
        if faults or time.monotonic() >= end:
            return


def report(soak: Soak, count: int, seconds: float) -> None:
    scene = soak.scenes[-1]
    print(f"search {count}: {scene.faults} faults, {seconds:.0f} s", file=sys.stderr, flush=True)
    for problem in scene.problems:
        print(f"  {problem}", file=sys.stderr, flush=True)


def tell(soak: Soak) -> int:
    """Prints the table; 1 where something is not as it must be."""
    print("| fault | times |\n|---|---|")
    for name, times in sorted(soak.injected.items()):
        print(f"| {name} | {times} |")
    scenes = soak.scenes
    counted = {
        "searches": len(scenes),
        "faults": sum(scene.faults for scene in scenes),
        "trials": sum(scene.trials for scene in scenes),
        "epochs trained": sum(scene.epochs for scene in scenes),
        "of them again, not stored before": sum(map(repeats, scenes)),
    }
    bad = {
        "stored epochs lost": sum(scene.lost for scene in scenes),
        "wrong values, lengths, decisions": sum(scene.wrong for scene in scenes),
        "tracebacks": sum(scene.tracebacks for scene in scenes),
        "wrong states and other": sum(len(scene.problems) for scene in scenes),
    }
    print("\n| counted | |\n|---|---|")
    for name, number in (counted | bad).items():
        print(f"| {name} | {number} |")
    return int(any(bad.values()) or not counted["faults"])


def repeats(scene: Scene) -> int:
    """Epochs that were trained more than once."""
    lines = scene.lines()
    return len(lines) - len(set(lines)) - scene.lost


if __name__ == "__main__":
    main()
