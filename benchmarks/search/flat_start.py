"""How many trials a search runs in full where nine tenths of the first rung's values tie.

    python -m benchmarks.search.flat_start

CTC models begin at 100 % WER. 24 trials, a baseline first; 9 of 10 configurations show 100 % at the
first rung, and fall to different values later. Under stopping ASHA every trial that ties with the
best goes on; the quota promotes one in three whatever the values are.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.search.curve_table import CurveAxis, CurveTable
from benchmarks.search.simulate import simulate
from benchmarks.search.strategies import REDUCTION_FACTOR, make_strategy
from slr_tune.study.quota import arrivals_at

TRIALS = 24


def flat_table(seed: int, *, tied: float = 0.9, rows: int = 300) -> CurveTable:
    """Curves over 24 epochs of which a share is at 100 until after the first rung."""
    rng = np.random.default_rng(seed)
    points = rng.random((rows, 3))
    final = 10 + 60 * ((points - 0.6) ** 2).sum(axis=1)
    epochs = np.arange(1, 25)
    falling = final[:, None] + (100 - final[:, None]) * np.exp(-epochs / 6.0)
    flat = rng.random(rows) < tied
    values = np.where(flat[:, None] & (epochs <= 4), 100.0, falling)
    return CurveTable(
        f"flat-{seed}",
        tuple(CurveAxis(key) for key in "abc"),
        tuple(dict(zip("abc", map(float, point), strict=True)) for point in points),
        np.minimum.accumulate(values, axis=1),
        np.full(rows, 24),
        np.zeros(rows, dtype=bool),
        3,
        {"a": 0.5, "b": 0.5, "c": 0.5},
    )


def allowed(table: CurveTable, *, trials: int = TRIALS) -> int:
    """Trials in full that the quota allows: the baseline, and those promoted to the end."""
    ends = (*table.rungs, table.max_epochs)
    return 1 + arrivals_at(ends, trials=trials - 1, reduction_factor=REDUCTION_FACTOR)[-1]


def ran_in_full(strategy: str, seed: int, *, trials: int = TRIALS) -> tuple[int, int, float]:
    """Trials in full, epochs and the best value of one search."""
    table = flat_table(seed)
    prior = table.prior("good", seed)
    search = make_strategy(strategy, table, prior=prior, seed=seed)
    search.most = trials
    history = simulate(table, search, workers=4, trainings=trials)
    return history.full, history.epochs, float(history.best[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(parser.parse_args().seeds)
    print(f"the quota allows {allowed(flat_table(0))} of {TRIALS} trials in full")
    print(f"{'strategy':12}  in full, mean and most   epochs   best value")
    for strategy in ("prior-asha", "tpe-asha"):
        full, epochs, best = zip(*(ran_in_full(strategy, seed) for seed in seeds), strict=True)
        print(
            f"{strategy:12}  {np.mean(full):5.1f}  {max(full):15d}   {np.mean(epochs):6.0f}   "
            f"{np.mean(best):10.2f}"
        )


if __name__ == "__main__":
    main()
