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
import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

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
    patience_cost,
    predicting,
)
from advised_studies import SCENARIOS  # noqa: E402
from simulated_search import SEARCHES  # noqa: E402

Record = dict[str, Any]


def judged(case: Case, *, old: bool, follow: bool) -> Record:
    """All that is counted of a study."""
    if old:
        return {"gains": dropped(case)}
    gains = {rule: followed(case, rule) for rule in RULES if follow}
    return {
        "verdicts": {rule: judge(case) for rule, judge in RULES.items()},
        "gains": {rule: gain for rule, gain in gains.items() if gain is not None},
        "patience": patience_cost(case),
        "flattered": flattered(case),
        "predicted": predicting(case),
        "contradicting": contradictions(case.study),
    }


def show(records: Sequence[Record]) -> None:
    """Prints what was counted."""
    gains: dict[str, list[float]] = defaultdict(list)
    for record in records:
        for rule, gain in record["gains"].items():
            gains[rule].append(gain)
    if "verdicts" not in records[0]:
        for rule, found in gains.items():
            print(f"{rule:36} {mean(found)}")
        return
    print(f"{'rule':16} {'wrongly':>14} {'rightly':>14}  gain when followed, points")
    for rule in RULES:
        verdicts = [record["verdicts"][rule] for record in records]
        whole = rule == "patience"  # every study may have one
        wrong = [fired == "wrong" for ground, fired in verdicts if whole or fired or not ground]
        right = [fired == "right" for ground, fired in verdicts if ground]
        print(f"{rule:16} {share(wrong):>14} {share(right):>14}  {mean(gains[rule])}")
    if costs := [record["patience"] for record in records if record["patience"]]:
        cost, saved = np.mean(costs, axis=0)
        print(f"\npatience: costs {cost:+.2f} points, saves {saved:.0%} of the epochs")
    print(f"figure of the best: flatters by {mean([r['flattered'] for r in records])} points")
    end_correlation = [record["predicted"] for record in records if record["predicted"]]
    if end_correlation:
        message, true, held = np.array(end_correlation, dtype=float).T
        print(
            f"correlation of the first rung with the end: estimated {message.mean():.2f}, true "
            f"{true.mean():.2f}, mean error {np.abs(message - true).mean():.2f}, interval holds "
            f"{100 * held.mean():.0f} % ({len(end_correlation)} studies)"
        )
    wrong_ones = [text for record in records for text in record["contradicting"]]
    print(f"contradicting itself: {sum(bool(r['contradicting']) for r in records)} studies")
    for text in sorted(set(wrong_ones)):
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
    parser.add_argument(
        "--follow", type=int, help="studies of each in which advice is followed [default: all]"
    )
    parser.add_argument("--keep", type=Path, help="file of what was counted; a second call goes on")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kept = _read(arguments.keep)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.studies)
    wanted = list(product(seeds, arguments.searches, arguments.scenarios))
    for seed, search, name in wanted:
        key = f"{search} {name} {seed} {arguments.trials} {arguments.dropped}"
        if key not in kept:
            case = Case(SCENARIOS[name], search, seed, arguments.trials)
            follow = arguments.follow is None or seed < seeds[0] + arguments.follow
            counted = judged(case, old=arguments.dropped, follow=follow)
            kept[key] = {"search": search, **counted}
            if arguments.keep is not None:
                with arguments.keep.open("a") as file:
                    file.write(json.dumps({"key": key, **kept[key]}) + "\n")
    for search in arguments.searches:
        records = [record for record in kept.values() if record["search"] == search]
        print(f"\n{len(records)} studies of {arguments.trials} trials by {search}\n")
        show(records)


def _read(path: Path | None) -> dict[str, Record]:
    if path is None or not path.exists():
        return {}
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return {record.pop("key"): record for record in found}


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
