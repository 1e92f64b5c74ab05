"""Every fault of docs/reliability.md that can be made here, one after the other, on real commands.

    python benchmarks/faults.py
    python benchmarks/faults.py --only "disk" --seed 3

Each kind gets a search, an ablation or a training of its own. The fault is injected at a moment
that the seed draws, and the same command is given again until it is done. Then it is looked at what
is there: the trials asked for, each epoch trained once, every value that of its formula and of its
curve, ASHA's decisions as the curves say, nothing left behind. Full disks need root.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fault_kinds import KINDS
from fault_scene import Kind, Scene
from own_process import Command

HERE = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    given = parser.parse_args()
    kinds = {name: kind for name, kind in KINDS.items() if given.only in name}
    if not kinds:
        parser.error(f"no kind holds {given.only!r}: {', '.join(KINDS)}")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE / "tests" / "support"), str(HERE)])
    os.environ["OMP_NUM_THREADS"] = "1"
    Command.patience = 900.0  # on a machine with much else to do
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the commands would ignore it too
    with session():
        scenes = {name: play(name, kind, seed=given.seed) for name, kind in kinds.items()}
    sys.exit(tell(scenes))


@contextmanager
def session() -> Iterator[None]:
    """One Ray session for all commands but those whose own has to suffer."""
    from slr_tune.training.ray_private import prepare_environment
    from slr_tune.training.session import ray_session

    prepare_environment()
    with ray_session(address=None, cpus=2):
        yield


def play(name: str, kind: Kind, *, seed: int) -> Scene:
    """Injects one kind of fault; a scene that cannot go on has a problem."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        scene = Scene(Path(folder) / "scene", random.Random(f"{seed} {name}"))
        before = dict(os.environ)
        try:
            kind(scene)
        except Exception as error:
            scene.problems.append(f"{type(error).__name__}: {error}")
        finally:
            os.environ.clear()
            os.environ.update(before)
    row = f"{name}: {time.monotonic() - started:.0f} s, {' '.join(map(str, figures(scene)))}"
    print(row, file=sys.stderr, flush=True)
    for problem in scene.problems:
        print(f"  {problem}", file=sys.stderr, flush=True)
    return scene


def tell(scenes: dict[str, Scene]) -> int:
    """Prints the table; 1 where something is not as it must be."""
    print("| fault | faults | trials | epochs trained | lost | wrong | tracebacks | other |")
    print("|---|---|---|---|---|---|---|---|")
    columns = [figures(scene) for scene in scenes.values()]
    for name, figure in zip(scenes, columns, strict=True):
        print(f"| {name} | {' | '.join(map(str, figure))} |")
    total = [sum(column) for column in zip(*columns, strict=True)]
    print(f"| all | {' | '.join(map(str, total))} |")
    return int(any(total[3:]))


def figures(scene: Scene) -> tuple[int, ...]:
    """A row of the table; all but the first three must be 0."""
    counted = (scene.faults, scene.trials, scene.epochs, scene.lost, scene.wrong, scene.tracebacks)
    return (*counted, len(scene.problems))


if __name__ == "__main__":
    main()
