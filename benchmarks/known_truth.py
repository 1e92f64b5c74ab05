"""Is importance right on histories of the search itself? Studies of known truth.

    python benchmarks/known_truth.py                       20 studies a search and number of trials
    python benchmarks/known_truth.py --seeds 1 --truths pair speed --searches tpe-asha
    python benchmarks/known_truth.py --curves DIRECTORY    real tables of learning curves as truths
    python benchmarks/known_truth.py --drawn --seeds 60    a truth drawn by chance for each seed: on
                                                           such the limits and bands were set
    python benchmarks/known_truth.py --held-out            other kinds of truths, a row for each

The searches are the project's own: its sampler, its rungs and its audit, over made-up curves
(`tests/support/truths.py`, or `held_out_truths.py`); nothing is trained. Each truth is searched
once for each seed, and the first 24, 100 and 200 trials of a search are read. Printed for each
search and number of trials:

first      the strongest parameter is put first (one within a tenth of it counts), % of studies
Spearman   rank correlation of the standard deviations with the true ones, mean
named      studies in which a first place is named, and of them the right ones
bands      90 % bands that hold the truth, % of the parameters with an effect: share / points
dead       parameters without any effect that are called real, %
found      parameters of more than half a point that are called real, %
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from curve_tables import table_truths  # noqa: E402
from drawn_truths import drawn_truth  # noqa: E402
from held_out_truths import HELD_OUT  # noqa: E402
from optuna.trial import FrozenTrial  # noqa: E402
from simulated_search import MAX_EPOCHS, RUNGS, SEARCHES, simulate  # noqa: E402
from truths import TRUTHS, Truth  # noqa: E402

from slr_tune.importance.analysis import DEFAULT, NAMES, Importance, analyse  # noqa: E402
from slr_tune.importance.matched_epoch import (  # noqa: E402
    choose_epoch,
    rank_correlation,
    values_at,
)
from slr_tune.importance.model_importance import model_importance  # noqa: E402
from slr_tune.importance.parameter_columns import variables_of  # noqa: E402

SIZES = (24, 100, 200)
_REAL = 0.5
_ANY = 0.02
_TIED = 0.9


@dataclass(frozen=True)
class Score:
    """What one reading got right.

    Attributes:
        first: Whether the strongest is first.
        spearman: With the true standard deviations.
        named: Whether a first place is named, and right; None where none is.
        held: For each parameter with an effect, whether the bands of share and points hold it.
        dead: For each parameter without one, whether it is called real.
        found: For each of more than half a point, whether it is called real.
    """

    first: bool
    spearman: float
    named: bool | None
    held: tuple[tuple[bool, bool], ...]
    dead: tuple[bool, ...]
    found: tuple[bool, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=list(SEARCHES))
    parser.add_argument("--truths", nargs="+", default=None, help="[default: all]")
    parser.add_argument("--curves", type=Path, help="folder with tables of learning curves")
    parser.add_argument("--drawn", action="store_true", help="truths drawn by chance")
    parser.add_argument("--held-out", action="store_true", help="truths of other kinds, by kind")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each truth")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--evaluators", nargs="+", default=[DEFAULT], choices=list(NAMES))
    parser.add_argument("--each", action="store_true", help="print every study's reading")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    truths = _truths(arguments)
    names = ["drawn"] if arguments.drawn else arguments.truths or list(truths)
    groups = [[name] for name in names] if arguments.held_out else [names]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    began = time.perf_counter()
    studies = len(groups[0]) * len(seeds)
    print(f"{studies} studies a row: {', '.join(names)}, {len(seeds)} seeds each\n")
    print(
        f"{'evaluator':10} {'search':12} {'trials':>6}  {'first':>5} {'Spearman':>8} "
        f"{'named, right':>13} {'bands':>9} {'dead':>5} {'found':>5}"
    )
    all_scores: dict[tuple[str, str, int], list[Score]] = defaultdict(list)
    for group, search in product(groups, arguments.searches):
        label = f"  {group[0]}" if arguments.held_out else ""
        scores: dict[tuple[str, int], list[Score]] = defaultdict(list)
        for name, seed in product(group, seeds):
            truth = drawn_truth(seed) if arguments.drawn else truths[name]
            for key, found in readings(
                truth,
                search,
                seed,
                arguments.trials,
                arguments.evaluators,
                each=arguments.each,
            ):
                scores[key].append(found)
        for (evaluator, size), all_found in sorted(scores.items()):
            print(f"{evaluator:10} {search:12} {size:6d}  {row(all_found)}{label}", flush=True)
            all_scores[evaluator, search, size] += all_found
    if arguments.held_out:
        for (evaluator, search, size), all_found in all_scores.items():
            print(f"{evaluator:10} {search:12} {size:6d}  {row(all_found)}  all")
    print(f"\n{time.perf_counter() - began:.0f} s")


def _truths(arguments: argparse.Namespace) -> Mapping[str, Truth]:
    if arguments.curves is not None:
        return table_truths(arguments.curves)
    return HELD_OUT if arguments.held_out else TRUTHS


def readings(
    truth: Truth,
    search: str,
    seed: int,
    sizes: Sequence[int],
    evaluators: Sequence[str],
    *,
    each: bool = False,
) -> list[tuple[tuple[str, int], Score]]:
    """One search, read after so many trials by each evaluator."""
    trials = simulate(
        truth.space,
        truth.curve(seed),
        search,
        trials=max(sizes),
        seed=seed,
        baseline=truth.baseline(seed),
    )
    found = []
    for size in sizes:
        for evaluator in evaluators:
            main = read(truth, trials[:size], evaluator)
            found.append(((evaluator, size), score(truth, main)))
            if each:
                print(
                    f"  {truth.name} {search} {seed} {size} {evaluator}: {truth_text(truth, main)}"
                )
    return found


def read(truth: Truth, trials: list[FrozenTrial], evaluator: str) -> Importance:
    """Importance of a history, as the command has it."""
    columns = variables_of(truth.space, trials)
    if evaluator == DEFAULT:
        epochs = (*RUNGS, MAX_EPOCHS)
        return model_importance(truth.space, trials, epochs, columns=columns).main
    epoch = choose_epoch(trials, RUNGS, MAX_EPOCHS, asked=None).epoch
    values = values_at(trials, epoch)
    rows = np.flatnonzero(np.isfinite(values))
    taken = [column.take(rows) for column in columns]
    return analyse(taken, values[rows], epoch=epoch, evaluator=evaluator)


def score(truth: Truth, main: Importance) -> Score:
    """A reading against the truth."""
    effects = {unit.name: truth.effects[unit.name] for unit in main.units}
    most = max(share for share, _ in effects.values())
    right = {name for name, (share, _) in effects.items() if share >= _TIED * most}
    sizes = [unit.points[0] if unit.points else unit.share for unit in main.units]
    true = np.array([points for _, points in effects.values()])
    held = [
        (
            unit.low <= effects[unit.name][0] <= unit.high,
            unit.points is None or unit.points[1] <= effects[unit.name][1] <= unit.points[2],
        )
        for unit in main.units
        if effects[unit.name][1] > _ANY
    ]
    return Score(
        main.units[0].name in right,
        rank_correlation(np.array(sizes), true),
        None if main.named is None else main.named in right,
        tuple(held),
        tuple(bool(u.seen) for u in main.units if effects[u.name][1] <= _ANY),
        tuple(bool(u.seen) for u in main.units if effects[u.name][1] > _REAL),
    )


def row(scores: Sequence[Score]) -> str:
    """The figures of many studies in a line."""
    named = [one.named for one in scores if one.named is not None]
    shares, points = zip(*(held for one in scores for held in one.held), strict=True)
    dead = [real for one in scores for real in one.dead]
    found = [real for one in scores for real in one.found]
    spearman = float(np.mean([one.spearman for one in scores]))
    return (
        f"{percent([one.first for one in scores]):>5} {spearman:8.2f} "
        f"{f'{len(named)} of {len(scores)}, {sum(named)}':>13} "
        f"{f'{percent(shares)} / {percent(points)}':>9} {percent(dead):>5} {percent(found):>5}"
    )


def percent(hits: Sequence[bool]) -> str:
    """Of hits."""
    return f"{100 * sum(hits) / len(hits):.0f}" if hits else "-"


def truth_text(truth: Truth, main: Importance) -> str:
    """Shares beside the true ones."""
    parts = [
        f"{unit.name} {100 * unit.share:.0f} [{100 * unit.low:.0f}, {100 * unit.high:.0f}]"
        f"{' unseen' * (unit.seen is False)} ({100 * truth.effects[unit.name][0]:.0f})"
        for unit in main.units
    ]
    r = "" if main.explained is None else f", R2 {main.explained:.2f}"
    early = [unit.name for unit in main.units if unit.early]
    aside = list(main.set_aside)
    return f"{', '.join(parts)}; named {main.named}{r}, early {early}, aside {aside}"


if __name__ == "__main__":
    main()
