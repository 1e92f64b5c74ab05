"""Two factors crossed: does the main effect's interval hold, and what does pooling gain?

    python benchmarks/crossing.py        # 1,000 studies, 4 minutes on one core

Each simulated study crosses three levels of one factor, all alike, with two of another, of which
the second is better, and trains each of the six combinations with three seeds. The chance of an
error is logistic in: how hard the utterance is, the seed (shared by the arms of that seed), each
run's own luck, and the level. The true effect is the same under all levels of the other factor on
the logit scale, so that there is next to no interaction to find.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from slr_tune.ablation.analysis import ErrorRuns
from slr_tune.ablation.crossing import Crossing, crossing_tables
from slr_tune.ablation.result import MAIN

FIRST, SECOND = ("a0", "a1", "a2"), ("b0", "b1")
CELLS = {(a, b): f"{a} {b}" for a in FIRST for b in SECOND}
CROSSING = Crossing(("first", "second"), CELLS, ("a0", "b0"))
EFFECT = {"b0": 0.0, "b1": -0.4}
SEEDS, UTTERANCES = 3, 150
MEAN, DIFFICULTY, SEED, LUCK = -1.9, 1.2, 0.25, 0.25
"""Logit of the baseline's error rate, and standard deviations on that scale."""

Runs = dict[str, list[npt.NDArray[np.int64]]]


def truth() -> float:
    """The true difference in points, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = np.sqrt(DIFFICULTY**2 + SEED**2 + LUCK**2)
    rates = [
        weights @ expit(MEAN + EFFECT[b] + spread * nodes) / weights.sum() for b in ("b1", "b0")
    ]
    return float(100.0 * (rates[0] - rates[1]))


def simulate(rng: np.random.Generator) -> Runs:
    """Errors of one study, by arm and seed (utterances, 4)."""
    words = rng.integers(3, 16, UTTERANCES)
    difficulty = DIFFICULTY * rng.standard_normal(UTTERANCES)
    seeds = SEED * rng.standard_normal(SEEDS)
    found: Runs = {}
    for (_, b), name in CELLS.items():
        luck = LUCK * rng.standard_normal(SEEDS)
        runs = []
        for shared, own in zip(seeds, luck, strict=True):
            errors = rng.binomial(words, expit(MEAN + EFFECT[b] + difficulty + shared + own))
            nothing = np.zeros_like(errors)
            runs.append(np.stack([errors, nothing, nothing, words], axis=1))
        found[name] = runs
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, true = np.random.default_rng(options.seed), truth()
    counted = dict.fromkeys(
        (
            "interval of the main effect holds the truth",
            "effect shown, over all levels of the other factor",
            "effect shown, one combination against the baseline alone",
            "a level of the other factor wrongly shown",
            "an interaction wrongly shown",
        ),
        0,
    )
    for _ in range(options.studies):
        counts = simulate(rng)
        first, second, inter = crossing_tables(ErrorRuns(counts), CROSSING)
        pair = {name: counts[name] for name in ("a0 b0", "a0 b1")}
        alone = ErrorRuns(pair).table(role=MAIN, baseline="a0 b0", title="")
        row = second.row("b1")
        assert row.low is not None and row.high is not None
        said = (
            row.low <= true <= row.high,
            row.outcome == "shown better",
            alone.row("a0 b1").outcome == "shown better",
            any(other.outcome.startswith("shown") for other in first.rows),
            any(other.outcome == "shown" for other in inter.rows),
        )
        for name, happened in zip(counted, said, strict=True):
            counted[name] += bool(happened)
    print(f"True effect {true:+.2f} points, {SEEDS} seeds, percent of {options.studies:,} studies")
    for name, number in counted.items():
        share = number / options.studies
        error = 200.0 * (share * (1.0 - share) / options.studies) ** 0.5
        print(f"{name:58}{100 * share:6.1f} +- {error:.1f}")


if __name__ == "__main__":
    main()
