"""What a search costs beside the training: slr-tune against stock Ray Tune, in one run.

    python benchmarks/overhead.py

Forty trials of one second each on two workers, no early stopping, so that all three do the same
work: ideal is twenty seconds. The three take turns, each in a process and a Ray session of its
own, because their settings are environment variables that Ray reads at import:

    stock     class trainable, OptunaSearch, Ray Tune's defaults
    reuse     the same with reuse_actors=True
    slr-tune  the search as `slr-tune run` does it: SQLite study, curve files, checkpoints

"engine up" leaves out starting Ray and the first actors: it counts from the first trial's start
in a worker to the last trial's end. "workers" is the mean number of trials at work meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

TRIALS = 40
EPOCHS = 10
EPOCH_SECONDS = 0.1
WORKERS = 2
CONTESTANTS = ("stock", "reuse", "slr-tune")

SPACE = f"""
study: overhead
trainable: busy_run:BusyRun
budget: {{trials: {TRIALS}, max_epochs: {EPOCHS}, grace_epochs: {EPOCHS}, reduction_factor: 3}}
resources: {{workers: {WORKERS}}}
fixed: {{epoch_seconds: {EPOCH_SECONDS}}}
space:
  x: {{float: [0.0, 1.0]}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    ideal = TRIALS * EPOCHS * EPOCH_SECONDS / WORKERS
    print(f"{TRIALS} trials x {EPOCHS} epochs x {EPOCH_SECONDS} s, {WORKERS} workers")
    print(f"ideal {ideal:.1f} s; {arguments.rounds} rounds, medians (least to most)\n")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(arguments.rounds):
        for name in CONTESTANTS:
            results[name].append(run_alone(name))
    print(f"{'':10}{'whole, s':>22}{'engine up, s':>22}{'x ideal':>20}{'workers':>9}")
    for name, rows in results.items():
        engine = [row["engine"] for row in rows]
        print(
            f"{name:10}{spread([row['whole'] for row in rows]):>22}{spread(engine):>22}"
            f"{spread([seconds / ideal for seconds in engine], 2):>20}"
            f"{statistics.median(row['workers'] for row in rows):>9.2f}"
        )


def spread(values: list[float], digits: int = 1) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def run_alone(name: str) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, __file__, "--one", name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(name: str) -> dict[str, float]:
    contestants: dict[str, Callable[[Path], None]] = {
        "stock": lambda folder: stock(folder, reuse=False),
        "reuse": lambda folder: stock(folder, reuse=True),
        "slr-tune": ours,
    }
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        marks.mkdir()
        os.environ["OVERHEAD_MARKS"] = str(marks)
        start = time.time()
        contestants[name](Path(folder))
        whole = time.time() - start
        spans = [tuple(map(float, path.read_text().split())) for path in marks.iterdir()]
    assert len(spans) == TRIALS, f"{len(spans)} trials ended, not {TRIALS}"
    engine = max(end for _, end in spans) - min(begin for begin, _ in spans)
    busy = sum(end - begin for begin, end in spans)
    return {"whole": whole, "engine": engine, "workers": busy / engine}


def note(number: str, begin: float) -> None:
    """Says from within the worker when a trial was at work."""
    path = Path(os.environ["OVERHEAD_MARKS"]) / number
    path.write_text(f"{begin} {time.time()}")


def stock(folder: Path, *, reuse: bool) -> None:
    import ray
    from busy_run import work
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    class Busy(tune.Trainable):
        def setup(self, config: dict[str, float]) -> None:
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, float]) -> bool:
            self.begin, self.epoch, self.x = time.time(), 0, new_config["x"]
            return True

        def step(self) -> dict[str, object]:
            work(EPOCH_SECONDS)
            self.epoch += 1
            if self.epoch == EPOCHS:
                note(self.trial_id, self.begin)
            return {"loss": 100 * self.x / self.epoch, "done": self.epoch >= EPOCHS}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            Path(checkpoint_dir, "epoch").write_text(str(self.epoch))

        def load_checkpoint(self, checkpoint: str) -> None:
            self.epoch = int(Path(checkpoint, "epoch").read_text())

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    tune.Tuner(
        tune.with_resources(Busy, {"cpu": 1}),
        param_space={"x": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric="loss", mode="min"),
            num_samples=TRIALS,
            max_concurrent_trials=WORKERS,
            reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    ).fit()
    ray.shutdown()


def ours(folder: Path) -> None:
    os.environ["SLR_TUNE_STUDIES"] = str(folder / "studies")
    from busy_run import BusyRun

    from slr_tune.search.engine import run_search
    from slr_tune.search.progress import Progress
    from slr_tune.search.run_options import RunOptions
    from slr_tune.space import load_spec

    assert BusyRun.__module__ == "busy_run"
    space = folder / "space.yaml"
    space.write_text(SPACE)
    with Progress() as progress:
        run_search(load_spec(space), RunOptions(), progress)


if __name__ == "__main__":
    main()
