"""What is a report's advice worth? Simulated studies of the product's own search.

    python benchmarks/advice.py                    10 studies a scenario and search, 60 trials each
    python benchmarks/advice.py --studies 2 --scenarios nothing outside
    python benchmarks/advice.py --dropped          rules that are no advice any more

The shipped space, the project's sampler, rungs and audit, over made-up curves
(`tests/support/advised_studies.py`, where the scenarios are). Printed for each rule:

wrongly    studies in which it fires without ground, of those where it has none (or names a wrong
           one)
rightly    studies in which it fires for the right thing, of those where there is one
gain       points of WER by which the configuration found is truly better where it is followed, at
           the same number of epochs, against a search that is simply made again: mean, standard
           error and number

Beside them: what a recommended patience costs and saves, by how much the figure of the best
flatters, how right the rank correlation of the first rung is, and how many studies got advice that
contradicts itself.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from advice_contradictions import contradictions  # noqa: E402
from advice_rules import (  # noqa: E402
    RULES,
    Case,
    dropped,
    flattered,
    followed,
    foretelling,
    patience_cost,
)
from advised_studies import SCENARIOS  # noqa: E402
from simulated_search import SEARCHES  # noqa: E402


class Tally:
    """What was counted over studies."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.verdicts: dict[str, list[tuple[bool, str]]] = defaultdict(list)
        self.gains: dict[str, list[float]] = defaultdict(list)
        self.patience: list[tuple[float, float]] = []
        self.flattered: list[float] = []
        self.foretold: list[tuple[float, float, bool]] = []
        self.contradicting: list[str] = []
        self.studies = 0

    def add(self, case: Case, *, old: bool) -> None:
        """Counts a study."""
        self.studies += 1
        if old:
            for rule, gain in dropped(case).items():
                self.gains[rule].append(gain)
            return
        for rule, judge in RULES.items():
            self.verdicts[rule].append(judge(case))
            gain = followed(case, rule)
            self.gains[rule] += [] if gain is None else [gain]
        cost = patience_cost(case)
        self.patience += [] if cost is None else [cost]
        self.flattered.append(flattered(case))
        found = foretelling(case)
        self.foretold += [] if found is None else [found]
        self.contradicting += contradictions(case.study)

    def table(self) -> None:
        """Prints it."""
        print(f"{'rule':16} {'wrongly':>14} {'rightly':>14}  gain when followed, points")
        for rule, verdicts in self.verdicts.items():
            wrong = [fired == "wrong" for ground, fired in verdicts if not ground or fired]
            right = [fired == "right" for ground, fired in verdicts if ground]
            if rule == "patience":  # every study may have one
                wrong, right = [fired == "wrong" for _, fired in verdicts], right
            print(f"{rule:16} {share(wrong):>14} {share(right):>14}  {mean(self.gains[rule])}")
        if self.patience:
            costs, saved = zip(*self.patience, strict=True)
            print(f"\npatience: costs {np.mean(costs):+.2f} points, saves {np.mean(saved):.0%}")
        print(f"figure of the best: flatters by {mean(self.flattered)} points")
        if self.foretold:
            said, true, held = zip(*self.foretold, strict=True)
            error = np.mean(np.abs(np.subtract(said, true)))
            print(
                f"correlation of the first rung with the end: said {np.mean(said):.2f}, true "
                f"{np.mean(true):.2f}, mean error {error:.2f}, interval holds "
                f"{100 * np.mean(held):.0f} % ({len(said)} studies)"
            )
        print(f"contradicting itself: {len(self.contradicting)} of {self.studies}")
        for text in sorted(set(self.contradicting)):
            print(f"  {text}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=10, help="of each scenario and search")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument(
        "--searches", nargs="+", default=["prior-asha", "tpe-asha"], choices=list(SEARCHES)
    )
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--dropped", action="store_true", help="rules that are no advice any more")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = time.process_time()
    for search in arguments.searches:
        tally = Tally()
        for name in arguments.scenarios:
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.studies):
                case = Case(SCENARIOS[name], search, seed, arguments.trials)
                tally.add(case, old=arguments.dropped)
            print(f"{search}, {name}: {time.process_time() - began:.0f} s", file=sys.stderr)
        print(f"\n{tally.studies} studies of {arguments.trials} trials by {search}\n")
        if arguments.dropped:
            for rule, gains in tally.gains.items():
                print(f"{rule:36} {mean(gains)}")
        else:
            tally.table()
        sys.stdout.flush()


def share(hits: Sequence[bool]) -> str:
    """Of hits."""
    return f"{sum(hits)} of {len(hits)}" if hits else "-"


def mean(values: Sequence[float]) -> str:
    """With its standard error."""
    if not values:
        return "-"
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{np.mean(values):+.2f} ± {error:.2f} ({len(values)})"


if __name__ == "__main__":
    main()
