"""Does the dev loss tell more than the dev WER where WERs tie? On this project's own tables.

    python -m benchmarks.search.ties

First the rank correlation of what is seen after a few epochs with the last WER. Then searches of 24
random configurations under the quota, with the first rung at epoch 1 and at epoch 3: ties go to the
earlier trial, or to the smaller loss, or the first rung is decided by the loss alone.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from scipy.stats import spearmanr

from benchmarks.search.curve_table import CurveTable
from benchmarks.search.table_files import OWN, read_own
from slr_tune.study.quota import Quota

RULES = ("the earlier trial", "the smaller loss", "the loss alone")
TRIALS, REDUCTION_FACTOR = 24, 3
EPOCHS = (1, 2, 3, 6, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=500)
    searches = parser.parse_args().searches
    for path in sorted(OWN.glob("*.npz")):
        table, losses = read_own(path.stem), read_own(path.stem, metric="loss").values
        # Where the best WER ties, the least loss so far; a loss is far below this.
        broken = table.values + 1e-6 * np.minimum(losses, 1e3)
        print(f"\n{table.name}: {len(table.values)} configurations")
        print(
            f"{'epoch':>5}  at 100 %  rank correlation with the last WER: WER, loss, WER then loss"
        )
        for epoch in EPOCHS:
            seen = (table.values, losses, broken)
            output = [spearmanr(x[:, epoch - 1], table.values[:, -1]).statistic for x in seen]
            flat = np.mean(table.values[:, epoch - 1] >= 100)
            print(f"{epoch:5d}  {100 * flat:6.0f} %  " + "  ".join(f"{x:5.2f}" for x in output))
        for grace in (1, 3):
            show(table, losses, broken, grace, searches)


def show(
    table: CurveTable, losses: np.ndarray, broken: np.ndarray, grace: int, searches: int
) -> None:
    drawn = [
        np.random.default_rng(seed).choice(len(table.values), TRIALS, replace=False)
        for seed in range(searches)
    ]
    found = {}
    for rule, first in zip(RULES, (table.values, broken, losses), strict=True):
        found[rule] = np.array([search(table, first, rows, grace) for rows in drawn])
    for rule, regrets in found.items():
        apart = regrets - found[RULES[0]]
        error = 1.96 * apart.std() / math.sqrt(searches)
        print(
            f"first rung at epoch {grace}, ties by {rule:18} regret {regrets.mean():.3f}"
            + ("" if rule == RULES[0] else f", {apart.mean():+.3f} +- {error:.3f}")
        )


def search(table: CurveTable, first: np.ndarray, rows: np.ndarray, grace: int) -> float:
    """Regret of one search on one worker; `first` are the values at the first rung."""
    rungs = [grace]
    while rungs[-1] * REDUCTION_FACTOR < table.max_epochs:
        rungs.append(rungs[-1] * REDUCTION_FACTOR)
    quota = Quota(tuple(rungs), REDUCTION_FACTOR)
    waiting, best = list(range(len(rows))), math.inf
    while True:
        promotion = quota.next()
        if promotion is None and not waiting:
            return float(table.regret(best))
        trial, epoch = (waiting.pop(0), 0) if promotion is None else promotion
        if promotion is not None:
            quota.promote(promotion)
        later = [rung for rung in rungs if rung > epoch]
        reached = later[0] if later else table.max_epochs
        best = min(best, float(table.values[rows[trial], reached - 1]))
        if later:
            values = first if reached == grace else table.values
            quota.arrive(trial, reached, float(values[rows[trial], reached - 1]))


if __name__ == "__main__":
    main()
