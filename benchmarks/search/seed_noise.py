"""Is it better to run the best again inside a search's budget, or to search longer?

    python -m benchmarks.search.seed_noise [--tables FOLDER]

Each trial's curve is multiplied by a factor, as another seed would give. With the same 20
trainings: `prior-asha` for all of them, its best value chosen; or for 14 of them, the best three
then run in full with two more seeds each, and the one with the least mean chosen. And what
`confirm` adds: the search of 20 trainings with six more afterwards. Regret is that of the chosen
configuration without noise. `claimed` is how much better than that the search's own figure is.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

from benchmarks.search.__main__ import read_tables
from benchmarks.search.cells import TRAININGS, WORST
from benchmarks.search.curve_table import CurveTable
from benchmarks.search.simulate import Finished, simulate
from benchmarks.search.strategies import make_strategy

TOP, SEEDS, WORKERS = 3, 2, 4
CHOICES = ("search 20", "search 14", "search 14, run again 6", "search 20, confirm 6")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.05, 0.1])
    arguments = parser.parse_args()
    tables = read_tables(arguments.tables).values()
    print(f"{'noise':>5}  {'choice':24} {'regret':>6}   less 'search 20', 95 % interval   claimed")
    for noise in arguments.noise:
        rows = []
        for seed in range(arguments.seeds):
            rows += [compared(table, seed, noise) for table in tables]
            print(f"noise {noise}: seed {seed}", file=sys.stderr, flush=True)
        show(noise, np.array(rows))


def compared(table: CurveTable, seed: int, noise: float) -> list[float]:
    """Regret of each choice, then by how much the search's own figure is too good, a share."""
    prior = table.prior("good", seed)
    strategy = make_strategy("prior-asha", table, prior=prior, seed=seed)
    history = simulate(
        table, strategy, workers=WORKERS, trainings=TRAININGS, noise=noise, seed=seed
    )
    shorter = (TRAININGS - TOP * SEEDS) / TRAININGS * len(history.best)
    rng = np.random.default_rng([seed, 11])
    early = [trial for trial in history.finished if trial.time <= shorter]
    best = min(history.finished, key=lambda trial: trial.value)
    chosen = [
        best,
        min(early, key=lambda trial: trial.value),
        run_again(table, early, noise, rng),
        run_again(table, history.finished, noise, rng),
    ]
    true = [float(table.values[trial.row, -1]) for trial in chosen]
    return [*(min(float(table.regret(x)), WORST) for x in true), 1 - best.value / true[0]]


def run_again(
    table: CurveTable, trials: list[Finished], noise: float, rng: np.random.Generator
) -> Finished:
    """The best of the top ones by the mean over their own seed and the new ones."""
    top = sorted(trials, key=lambda trial: trial.value)[:TOP]

    def mean(trial: Finished) -> float:
        again = table.values[trial.row, -1] * np.exp(noise * rng.standard_normal(SEEDS))
        return float(np.mean([trial.value, *again]))

    return min(top, key=mean)


def show(noise: float, rows: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(rows), (10_000, len(rows)))
    for place, choice in enumerate(CHOICES):
        apart = rows[:, place] - rows[:, 0]
        low, high = np.quantile(apart[draws].mean(axis=1), [0.025, 0.975])
        claimed = f"{100 * np.mean(rows[:, -1]):8.1f} %" if place == 0 else ""
        message = "" if place == 0 else f"{apart.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        if not math.isnan(apart.mean()):
            print(f"{noise:5g}  {choice:24} {rows[:, place].mean():6.3f}   {message:32}{claimed}")


if __name__ == "__main__":
    main()
