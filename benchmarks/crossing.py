"""Crossed factors, measured paths and confirmed trials: do their verdicts hold?

    python benchmarks/crossing.py                       # all of it
    python benchmarks/crossing.py --part errors         # the whole analysis, errors of utterances
    python benchmarks/crossing.py --part families       # thousands of studies at a time

`families`: the paragraph of a crossing as one family, the rows of a path whose order was chosen on
the runs that measure it, and `confirm`'s trials against the baseline; nothing has an effect.

`errors`:

Each simulated study crosses three levels of one factor, all alike, with two of another, of which
the second is better, and trains each of the six combinations with three seeds. The chance of an
error is logistic in: how hard the utterance is, the seed (shared by the arms of that seed), each
run's own luck, and the level. The true effect is the same under all levels of the other factor on
the logit scale, so that there is next to no interaction to find.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).parent))

from simulated_ablations import Studies, World, analysed, holm_shown, in_chunks

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


def contrasts(first: int, second: int) -> npt.NDArray[np.float64]:
    """All that is said of a crossing, (differences, cells); the baseline's cell is the first."""
    cells = [(a, b) for a in range(first) for b in range(second)]
    rows = []

    def row(parts: list[tuple[int, int, float]]) -> None:
        weights = np.zeros(len(cells))
        for a, b, weight in parts:
            weights[cells.index((a, b))] += weight
        rows.append(weights)

    for a in range(1, first):
        row(
            [(a, b, 1 / second) for b in range(second)]
            + [(0, b, -1 / second) for b in range(second)]
        )
    for b in range(1, second):
        row([(a, n, sign / first) for n, sign in ((b, 1), (0, -1)) for a in range(first)])
    for a in range(1, first):
        for b in range(1, second):
            row([(a, b, 1.0), (0, 0, 1.0), (a, 0, -1.0), (0, b, -1.0)])
    return np.array(rows)


def families(studies: int, seed: int) -> None:
    """Families without any effect in which something is shown."""
    kinds: dict[str, dict[str, float | bool]] = {
        "equal": {},
        "one arm 4x": {"first": 4.0, "seed": 1.0},
        "uneven": {"uneven": 0.7},
        "rho .5": {"shared": 0.5},
        "heavy": {"heavy": True},
    }
    print(f"Wrongly shown, percent of {studies:,} studies without any effect")
    print(f"{'':34}{'seeds':>6}" + "".join(f"{kind:>12}" for kind in kinds))
    for seeds in (3, 5):
        for label, arms, rows in (
            ("crossing 3 x 2, one family", 5, contrasts(3, 2)),
            ("crossing 6 x 2, one family", 11, contrasts(6, 2)),
            ("confirm, best of 3 and baseline", 3, None),
        ):
            cells = [
                _shown(World(arms=arms, **kind), seeds, studies, seed, rows)  # type: ignore[arg-type]
                for kind in kinds.values()
            ]
            print(f"{label:34}{seeds:>6}" + "".join(f"{100 * c:>12.1f}" for c in cells), flush=True)
        for label, whole in (
            ("path, Holm over its steps", False),
            ("path, Holm over all tried", True),
        ):
            cells = [
                _path(World(arms=10, **kind), seeds, studies, seed, whole)  # type: ignore[arg-type]
                for kind in kinds.values()
            ]
            print(f"{label:34}{seeds:>6}" + "".join(f"{100 * c:>12.1f}" for c in cells), flush=True)


def _shown(
    world: World, seeds: int, studies: int, seed: int, rows: npt.NDArray[np.float64] | None
) -> float:
    """Share of studies with anything shown."""
    rng = np.random.default_rng([seed, seeds, world.arms])
    compared = world.arms if rows is None else len(rows)

    def count(number: int) -> npt.NDArray[np.float64]:
        drawn = world.draw(number, seeds, rng)
        counts = np.full((number, compared), float(seeds))
        found = analysed(drawn, counts, contrasts=rows)
        return np.array(holm_shown(found.p()).any(axis=1).mean())

    return float(in_chunks(studies, count))


def _path(world: World, seeds: int, studies: int, seed: int, whole: bool) -> float:
    """Four parameters that do nothing: ten arms are tried, and the best of each step is kept."""
    rng = np.random.default_rng([seed, seeds, 99])
    steps = ((0, 1, 2, 3), (4, 5, 6), (7, 8), (9,))

    def count(number: int) -> npt.NDArray[np.float64]:
        drawn = world.draw(number, seeds, rng)
        means = drawn.wer[:, 1:].mean(axis=2)
        kept = np.stack(
            [np.array(step)[means[:, list(step)].argmin(axis=1)] for step in steps], axis=1
        )
        rows = np.arange(number)[:, None]
        chosen = Studies(
            np.concatenate([drawn.wer[:, :1], drawn.wer[rows, kept + 1]], axis=1),
            drawn.known[rows, kept],
            replace(world, arms=4),
        )
        every = analysed(drawn, np.full((number, 10), float(seeds))).p()
        if whole:
            shown = np.take_along_axis(holm_shown(every), kept, axis=1)
        else:
            shown = holm_shown(analysed(chosen, np.full((number, 4), float(seeds))).p())
        return np.array(shown.any(axis=1).mean())

    return float(in_chunks(studies, count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=["errors", "families"])
    options = parser.parse_args()
    if options.part != "errors":
        families(options.studies or 10_000, options.seed)
    if options.part != "families":
        errors_of_utterances(options.studies or 500, options.seed)


def errors_of_utterances(studies: int, seed: int) -> None:
    """The whole analysis of a crossing with an effect."""
    rng, true = np.random.default_rng(seed), truth()
    counted = dict.fromkeys(
        (
            "corrected interval of the main effect holds the truth",
            "effect shown, over all levels of the other factor",
            "effect shown, one combination against the baseline alone",
            "a level of the other factor wrongly shown",
            "an interaction wrongly shown",
        ),
        0,
    )
    for _ in range(studies):
        counts = simulate(rng)
        first, second, inter = crossing_tables(ErrorRuns(counts), CROSSING)
        pair = {name: counts[name] for name in ("a0 b0", "a0 b1")}
        alone = ErrorRuns(pair).table(role=MAIN, baseline="a0 b0", title="")
        row = second.row("b1")
        assert row.low is not None and row.high is not None
        message = (
            row.low <= true <= row.high,
            row.outcome == "better",
            alone.row("a0 b1").outcome == "better",
            any(other.outcome in ("better", "worse") for other in first.rows),
            any(other.outcome == "interaction" for other in inter.rows),
        )
        for name, happened in zip(counted, message, strict=True):
            counted[name] += bool(happened)
    print(f"True effect {true:+.2f} points, {SEEDS} seeds, percent of {studies:,} studies")
    for name, number in counted.items():
        share = number / studies
        error = 200.0 * (share * (1.0 - share) / studies) ** 0.5
        print(f"{name:58}{100 * share:6.1f} +- {error:.1f}")


if __name__ == "__main__":
    main()
