"""What is a report's advice worth? Simulated studies of the product's own search.

    python benchmarks/advice.py                 20 studies a scenario, 60 trials each
    python benchmarks/advice.py --studies 100   hundreds, for an hour of a processor

The shipped space, the project's sampler, rungs and audit, over made-up curves
(`tests/support/advised_studies.py`): nothing matters, the best learning rate is inside or beyond
the range, the runs are cut short, the order at the first rung is that of the end turned round.
Printed for each rule:

wrongly    studies in which it fires without ground, of those where it has none
rightly    studies in which it fires with ground, of those where it has some
gain       points of WER by which the configuration found is truly better where it is followed, at
           the same number of epochs, against a search that is simply made again: mean, standard
           error and number
correlation   rank correlation of the first rung with the end: what the report says, corrected for
           every rung, against that of all trials run to their end
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
sys.path.insert(0, str(ROOT / "tests" / "support"))

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from advised_studies import (  # noqa: E402
    SCENARIOS,
    Scenario,
    SimulatedView,
    spec_of,
    study_of,
    true_best,
)
from simulated_search import SEARCHES  # noqa: E402

from slr_tune.importance.matched_epoch import rank_correlation  # noqa: E402
from slr_tune.report.study.next_steps import Advice, next_steps  # noqa: E402
from slr_tune.report.study.rungs import rung_summaries  # noqa: E402
from slr_tune.report.study.study_data import StudyData, collect  # noqa: E402

RULES = ("edge", "longer", "dead parameter", "ablate", "baseline won")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20, help="of each scenario")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--search", default="tpe-asha", choices=list(SEARCHES))
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = time.perf_counter()
    fired: dict[tuple[str, bool], list[bool]] = defaultdict(list)
    gains: dict[str, list[float]] = defaultdict(list)
    correlations: list[tuple[float, float, bool]] = []
    for name in arguments.scenarios:
        scenario = SCENARIOS[name]
        for seed in range(arguments.studies):
            view = study_of(scenario, spec_of(trials=arguments.trials), arguments.search, seed)
            study = collect(view)
            advice = {step.rule: step for step in next_steps(study)}
            for rule in RULES:
                ground, hit = judged(scenario, study, rule, advice.get(rule))
                fired[rule, ground].append(hit)
            for rule in set(RULES) & set(advice):
                gain = followed(scenario, view, advice[rule], arguments.search, seed)
                gains[rule] += [] if gain is None else [gain]
            correlations += foretelling(scenario, study, seed)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    count = arguments.studies * len(arguments.scenarios)
    print(f"{count} studies of {arguments.trials} trials by {arguments.search}\n")
    print(f"{'rule':16} {'wrongly':>14} {'rightly':>14}  gain when followed, points")
    for rule in RULES:
        wrong, right = (share(fired[rule, ground]) for ground in (False, True))
        print(f"{rule:16} {wrong:>14} {right:>14}  {mean(gains[rule])}")
    said, true, held = zip(*correlations, strict=True)
    print(
        f"\ncorrelation of the first rung with the end: said {np.mean(said):.2f}, true "
        f"{np.mean(true):.2f}, mean error {np.mean(np.abs(np.subtract(said, true))):.2f}, interval "
        f"holds {100 * np.mean(held):.0f} % ({len(said)} studies)"
    )
    print(f"{time.perf_counter() - began:.0f} s")


def judged(
    scenario: Scenario, study: StudyData, rule: str, step: Advice | None
) -> tuple[bool, bool]:
    """Whether a rule has ground in a study, and whether it fired (with ground: for the right)."""
    text = "" if step is None else step.text
    if rule == "dead parameter":
        units = [] if study.importance is None else [b.name for b in study.importance.main.units]
        named = text.partition(" hardly")[0]
        wrong = [unit for unit in scenario.matters if unit in named]
        # A study always has dead parameters; it is wrong where one of those named is not.
        return (not wrong) and bool(units), step is not None
    if rule == "ablate":
        named = text.removeprefix("Whether ").partition(" ")[0]
        return bool(scenario.matters) and named in scenario.matters | {""}, step is not None
    if rule == "baseline won":
        return scenario.name != "nothing", step is not None
    if rule not in scenario.right:
        return False, step is not None
    return True, step is not None and scenario.right[rule] in text


def followed(
    scenario: Scenario, view: SimulatedView, step: Advice, search: str, seed: int
) -> float | None:
    """True gain of a search that follows the advice over one that is made again, points."""
    budget, again = view.spec.budget, seed + 10_000
    trials, longer = budget.trials, 1.0
    changes: list[str] = []
    words = step.command.split("'")
    if step.rule == "edge":
        changes = [word for word in words if word.startswith("space.")]
    elif step.rule == "longer":
        longer = 1.5
    elif step.rule == "baseline won":
        trials *= 2
    else:
        return None
    epochs = math.ceil(longer * budget.max_epochs)
    control_trials = round(longer * budget.trials)
    new = study_of(scenario, spec_of(changes, trials=trials, max_epochs=epochs), search, again)
    old = study_of(scenario, spec_of(trials=control_trials), search, again)
    return true_best(scenario, old) - true_best(scenario, new)


def foretelling(scenario: Scenario, study: StudyData, seed: int) -> list[tuple[float, float, bool]]:
    """What the report says of the first rung, and what all trials run to their end would show."""
    rows = rung_summaries(study)
    found = rows[0].foretold if rows else None
    if found is None:
        return []
    early, ends = [], []
    for trial in study.trials:
        config = trial.record.config
        rng = np.random.default_rng([seed, trial.number])
        end = scenario.end(config) + float(rng.normal(0, scenario.noise))
        early.append(trial.best_so_far[rows[0].epoch])
        length = study.view.spec.budget.max_epochs
        ends.append(end + (98 - end) * math.exp(-length / scenario.tau(config)))
    true = rank_correlation(np.array(early), np.array(ends))
    return [(found.correlation, true, found.low <= true <= found.high)]


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
