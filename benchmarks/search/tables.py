"""Trains the tables of this project's own tasks: random configurations of two shipped spaces.

    python -m benchmarks.search.tables train FOLDER    # hours on a core; goes on if stopped
    python -m benchmarks.search.tables pack FOLDER     # into benchmarks/search/tables/*.npz

About 300 configurations of the Libras distillation and of the student, 24 epochs each with nothing
that stops early, seed 0 for all and seed 1 for every tenth. One line of FOLDER/runs.jsonl is one
training, so that a run that is killed loses one training a process.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SPACES = ("distill", "student")
SAMPLER_SEED = 20261126
REPEATED = 10
"""Every tenth configuration is trained with a second seed."""

COLUMNS = {"wer": "val/wer", "loss": "val/loss"}


@dataclass(frozen=True)
class Training:
    """One training of a table.

    Attributes:
        space: Name of the shipped space.
        configuration: Number of the configuration, 0 for the baseline.
        seed: Of the training.
        params: Flat parameters, as a study holds them.
        config: Whole configuration of the run, with nothing that stops it early.
        trainable: What is trained.
        teacher: Checkpoint of the teacher, None without.
        data: Folder of the prepared data.
        cache: Folder for what runs share.
    """

    space: str
    configuration: int
    seed: int
    params: dict[str, Any]
    config: dict[str, Any]
    trainable: str
    teacher: str | None
    data: str
    cache: str

    @property
    def key(self) -> tuple[str, int, int]:
        return self.space, self.configuration, self.seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("train", "pack"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--configurations", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    arguments = parser.parse_args()
    if arguments.action == "pack":
        from benchmarks.search.table_files import pack

        pack(read_lines(arguments.folder / "runs.jsonl"), ROOT / "benchmarks/search/tables")
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    train_all(arguments.folder.absolute(), arguments.configurations, arguments.workers)


def configurations(space: str, number: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Flat parameters and whole configurations: the baseline, then random ones, always the same."""
    import optuna

    from slr_tune.space import load_spec

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec = load_spec(ROOT / "search_spaces" / f"{space}.yaml")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=SAMPLER_SEED))
    found = []
    for place in range(number):
        trial = study.ask()
        if place == 0 and spec.baseline is not None:
            values, params = spec.baseline, spec.space.encode(spec.baseline)
        else:
            values = spec.space.suggest(trial)
            params = dict(trial.params)
        config = spec.config_for(values)
        found.append((params, {**config, "patience": config["max_epochs"]}))
    return found


def train_all(folder: Path, number: int, workers: int) -> None:
    """Trains what is missing of both tables, a configuration of each in turn."""
    lines = folder / "runs.jsonl"
    done = {(row["space"], row["configuration"], row["seed"]) for row in read_lines(lines)}
    jobs = [job for job in trainings(folder, number) if job.key not in done]
    print(f"{len(jobs)} trainings to go", file=sys.stderr, flush=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool, lines.open("a") as file:
        for place, row in enumerate(pool.imap_unordered(train_one, jobs)):
            print(json.dumps(row), file=file, flush=True)
            if place % 10 == 0:
                output = f"{time.strftime('%H:%M:%S')} {place} {row['space']} {row['seconds']} s"
                print(output, file=sys.stderr, flush=True)


def trainings(folder: Path, number: int) -> Iterator[Training]:
    """All trainings of both tables in their order; makes data and teacher ready first."""
    from slr_tune.space import load_spec
    from trainables.data import prepare

    cache = folder / "cache"
    spec = load_spec(ROOT / "search_spaces" / "distill.yaml")
    data = prepare(spec.data, cache)
    teacher = trained_teacher(folder, data, cache)
    found = {space: configurations(space, number) for space in SPACES}
    for place in range(number):
        for space in SPACES:
            params, config = found[space][place]
            for seed in range(2 if place % REPEATED == 0 else 1):
                taught = str(teacher) if space == "distill" else None
                yield Training(
                    space, place, seed, params, config, space, taught, str(data.folder), str(cache)
                )


def trained_teacher(folder: Path, data: Any, cache: Path) -> Path:
    """The default teacher with seed 0, trained once."""
    import torch

    from trainables.protocol import RunInputs
    from trainables.registry import run_class
    from trainables.runs.training import checkpoints, train

    torch.set_num_threads(1)
    kind = run_class("teacher")
    inputs = RunInputs(data=data, seed=0, teacher=None, cache=cache)
    for _ in train(kind(kind.config_class(), inputs), folder / "teacher"):
        pass
    return checkpoints(folder / "teacher").best


def train_one(job: Training) -> dict[str, Any]:
    """Trains one configuration; gives its line of the table."""
    import torch

    from trainables.data import open_dataset
    from trainables.protocol import RunInputs
    from trainables.registry import run_class
    from trainables.runs.training import train

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kind = run_class(job.trainable)
    inputs = RunInputs(
        data=open_dataset(Path(job.data)),
        seed=job.seed,
        teacher=None if job.teacher is None else Path(job.teacher),
        cache=Path(job.cache),
    )
    began = time.time()
    rows = list(train(kind(kind.config_class.model_validate(job.config), inputs)))
    curves = {name: [_plain(row[column]) for row in rows] for name, column in COLUMNS.items()}
    seconds = round(time.time() - began, 1)
    known = {"space": job.space, "configuration": job.configuration, "seed": job.seed}
    return {**known, "params": job.params, **curves, "seconds": seconds}


def _plain(value: float) -> float | None:
    """Six digits, None for what is not a number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
