"""A range is widened: does the new search need fewer trials with the old one's history?

    python benchmarks/warm_start.py            # 20 seeds, some minutes on one core

Each seed runs three searches with the product's own store, sampler and import, of which only the
training is simulated: an old one in a narrow range of the learning rate, then twice one in a wider
range that holds the optimum, cold (`slr-tune run`) and warm (`slr-tune run --from`). The simulated
dev WER is a bowl in four settings, of very different weight, with a seed's noise. Counted are the
trials until a new search is as good as the old one's best, the baseline's trial left out.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from slr_tune.importing.history import take_history
from slr_tune.search.sampler import tpe
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import close_storage, open_storage
from slr_tune.study.store import StudyStore

SPACE = """
study: {name}
trainable: student
data: {{name: libras}}
objective: {{metric: val/wer, direction: minimize}}
budget: {{trials: 40, max_epochs: 1, grace_epochs: 1, reduction_factor: 3}}
seed: {seed}
space:
  learning_rate:   {{float: [{low}, {high}], log: true}}
  dropout:         {{float: [0.0, 0.6]}}
  weight_decay:    {{float: [1.0e-6, 1.0e-2], log: true}}
  label_smoothing: {{float: [0.0, 0.3]}}
"""
NARROW, WIDE = (1.0e-4, 3.0e-3), (1.0e-5, 1.0e-1)
BEST = {"learning_rate": 6e-3, "dropout": 0.25, "weight_decay": 1e-4, "label_smoothing": 0.05}
NOISE = 0.5
"""Standard deviation of a seed, in WER points."""


def dev_wer(values: Mapping[str, Any], rng: np.random.Generator) -> float:
    """The simulated figure of a training, percent."""
    decades = math.log10(values["learning_rate"] / BEST["learning_rate"])
    decay = math.log10(values["weight_decay"] / BEST["weight_decay"])
    bowl = 8.0 * decades**2 + 40.0 * (values["dropout"] - BEST["dropout"]) ** 2
    bowl += 0.3 * decay**2 + 20.0 * (values["label_smoothing"] - BEST["label_smoothing"]) ** 2
    return 25.0 + min(bowl, 70.0) + NOISE * float(rng.standard_normal())


def spec_of(folder: Path, name: str, bounds: tuple[float, float], seed: int) -> StudySpec:
    """A search; cold and warm have the same seed."""
    path = folder / f"{name}.yaml"
    low, high = (f"{bound:.1e}" for bound in bounds)
    path.write_text(SPACE.format(name=name, low=low, high=high, seed=seed))
    return load_spec(path)


def search(
    store: StudyStore, trials: int, *, stream: int, until: float | None = None
) -> int | None:
    """Runs trials; returns how many it took to reach a value, None where it was not reached."""
    rng = np.random.default_rng([store.spec.seed, stream])
    for count in range(1, trials + 1):
        live = store.start_trial(tpe(seed=store.spec.seed, number=len(store.trials)))
        value = dev_wer(live.record.config, rng)
        store.storage.set_trial_intermediate_value(live.trial_id, 1, value)
        live.values[1] = value
        store.finish(live, "max_epochs")
        if until is not None and value <= until:
            return count
    return None


def one_seed(seed: int, *, old: int, limit: int) -> tuple[float, int, int]:
    """Best of the old search, and trials that the cold and the warm one took to reach it."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["SLR_TUNE_STUDIES"] = str(folder / "studies")
        storage = open_storage(create=True)
        first = open_store(spec_of(folder, "old", NARROW, seed), storage)
        search(first, old, stream=0)
        goal = min(trial.values[0] for trial in first.trials)
        took = []
        for name in ("cold", "warm"):
            store = open_store(spec_of(folder, name, WIDE, seed + 1000), storage)
            if name == "warm":
                take_history(store, ["old"], None)
            took.append(search(store, limit, stream=1, until=goal) or limit + 1)
        close_storage(storage)
    return goal, took[0], took[1]


def measure(seeds: int, *, old: int, limit: int) -> list[tuple[float, int, int]]:
    """All seeds."""
    return [one_seed(seed, old=old, limit=limit) for seed in range(seeds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--old", type=int, default=40, help="Trials of the old search.")
    parser.add_argument("--limit", type=int, default=60, help="Trials of a new one at most.")
    options = parser.parse_args()
    rows = measure(options.seeds, old=options.old, limit=options.limit)
    print("seed  old best  trials cold  trials warm")
    for seed, (goal, cold, warm) in enumerate(rows):
        print(
            f"{seed:>4}  {goal:>8.2f}  {trials_text(cold, options.limit):>11}  "
            f"{trials_text(warm, options.limit):>11}"
        )
    cold, warm = ([row[place] for row in rows] for place in (1, 2))
    saved = np.array(cold) - np.array(warm)
    low, high = interval(saved)
    wins, losses = int((saved > 0).sum()), int((saved < 0).sum())
    print(
        f"median trials: cold {statistics.median(cold):g}, warm {statistics.median(warm):g}; "
        f"saved {saved.mean():.1f} [{low:.1f}, {high:.1f}] (95 %, bootstrap over seeds); "
        f"warm needed fewer in {wins} of {len(rows)} seeds, more in {losses}"
    )


def trials_text(trials: int, limit: int) -> str:
    return str(trials) if trials <= limit else f"> {limit}"


def interval(saved: np.ndarray[Any, Any]) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    means = rng.choice(saved, (10_000, len(saved))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
