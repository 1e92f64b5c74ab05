"""When a piece of advice is right on a simulated study, and what following it gains.

A verdict is (ground, fired): ground is whether something of the rule's kind is true of the study,
fired is "" where the rule is silent, else "right" or "wrong".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from advised_studies import (
    Scenario,
    SimulatedView,
    curve_of,
    patience_end,
    spec_of,
    study_of,
    true_best,
)

from slr_tune.importance.matched_epoch import rank_correlation
from slr_tune.report.study.next_steps import Advice, next_steps
from slr_tune.report.study.patience import study_patience
from slr_tune.report.study.rungs import rung_summaries
from slr_tune.report.study.study_data import StudyData, collect
from slr_tune.study.patience import TOLERANCE

Verdict = tuple[bool, str]
_FRESH = 20
"""Fresh runs of each configuration by which a patience is judged."""
LATER = 10_000
"""Added to the seed of a study that follows advice, or is simply made again."""


@dataclass
class Case:
    """One simulated study, what was advised on it, and the same search made again.

    Attributes:
        scenario: Where it is from.
        search: What searched it.
        seed: Of it.
        trials: How many.
    """

    scenario: Scenario
    search: str
    seed: int
    trials: int

    def __post_init__(self) -> None:
        """Searches, and reads the advice."""
        self.view = study_of(self.scenario, spec_of(trials=self.trials), self.search, self.seed)
        self.study: StudyData = collect(self.view)
        self.advice: dict[str, Advice] = {step.rule: step for step in next_steps(self.study)}
        self._again: dict[int, SimulatedView] = {}

    def again(self, trials: int) -> SimulatedView:
        """The same search with another seed."""
        if trials not in self._again:
            self._again[trials] = self.searched(trials=trials)
        return self._again[trials]

    def searched(self, changes: Sequence[str] = (), **budget: Any) -> SimulatedView:
        """A search with changes, of that other seed."""
        spec = spec_of(changes, **budget)
        return study_of(self.scenario, spec, self.search, self.seed + LATER)

    def gain(self, changed: SimulatedView, trials: int) -> float:
        """Points by which what it found is truly better than by the search made again."""
        return true_best(self.scenario, self.again(trials)) - true_best(self.scenario, changed)


def edge(case: Case) -> Verdict:
    """Right where it names the number whose best value lies outside, and no other."""
    text, wanted = _text(case, "edge"), case.scenario.right.get("edge")
    fired = "" if not text else "wrong"
    if text and wanted and text.startswith(wanted) and text.count("widen it to") == 1:
        fired = "right"
    return wanted is not None, fired


def longer(case: Case) -> Verdict:
    """Right where runs are cut short."""
    return _of_scenario(case, "longer")


def blank_phase(case: Case) -> Verdict:
    """Right where nothing is recognised within the epochs."""
    return _of_scenario(case, "blank phase")


def ablate(case: Case) -> Verdict:
    """Right where it names one that matters."""
    named = _text(case, "ablate").partition("whether ")[2].partition(" ")[0]
    fired = "" if not named else "right" if named in case.scenario.matters else "wrong"
    return bool(case.scenario.matters), fired


def together(case: Case) -> Verdict:
    """The warning to judge neither of two by itself; right where they do act together."""
    found = case.study.importance
    pairs = [] if found is None else [pair.units for pair in found.pairs if pair.named]
    ground = "act together" in case.scenario.right
    right = all(set(pair) <= case.scenario.matters for pair in pairs)
    return ground, "" if not pairs else "right" if ground and right else "wrong"


def patience(case: Case) -> Verdict:
    """Right where fresh runs of the same configurations lose at most what it says."""
    cost = patience_cost(case)
    return True, "" if cost is None else "right" if cost[0] <= TOLERANCE else "wrong"


def patience_cost(case: Case) -> tuple[float, float] | None:
    """Mean points that fresh runs lose by a recommended patience, and the epochs that it saves."""
    found, length = study_patience(case.study), case.view.spec.budget.max_epochs
    if found is None or found.recommended is None:
        return None
    configs = {trial.number: trial.record.config for trial in case.study.trials}
    lost = []
    for number in found.runs:
        for run in range(_FRESH):
            rng = np.random.default_rng([5, case.seed, number, run])
            output = curve_of(case.scenario, configs[number], length, rng)
            if not math.isnan(output[-1]):
                ends = (patience_end(output, p) for p in (found.recommended, found.values[-1]))
                short, full = (min(output[:end]) for end in ends)
                lost.append(short - full)
    return float(np.mean(lost)), found.saved


RULES: dict[str, Callable[[Case], Verdict]] = {
    "edge": edge,
    "longer": longer,
    "blank phase": blank_phase,
    "ablate": ablate,
    "act together": together,
    "patience": patience,
}


def followed(case: Case, rule: str) -> float | None:
    """What following a rule gains, points; None where that is no change of the search."""
    step, budget = case.advice.get(rule), case.view.spec.budget
    if step is None:
        return None
    if rule == "edge":
        changes = [word for word in step.command.split("'") if word.startswith("space.")]
        return case.gain(case.searched(changes, trials=case.trials), case.trials)
    if rule in ("longer", "blank phase"):
        epochs = int(step.command.split("--max-epochs ")[1].split()[0])
        changed = case.searched(trials=case.trials, max_epochs=epochs)
        return case.gain(changed, round(case.trials * epochs / budget.max_epochs))
    return None


def dropped(case: Case) -> dict[str, float]:
    """What following rules would gain that are no advice any more, where they would be right."""
    found = {}
    best = case.view.best()
    assert best is not None
    config = case.view.spec.config_for(case.view.spec.space.decode(dict(best.params)))
    if case.scenario.name in ("inside", "outside"):
        changes = []
        for name in ("dropout", "patience"):
            value = f"{config[name]:.4g}"
            changes += [f"space.{name}={{fixed: {value}}}", f"baseline.{name}={value}"]
        searched = case.searched(changes, trials=case.trials)
        found["fix what does nothing"] = case.gain(searched, case.trials)
    if case.scenario.name == "cliff":
        changes = ["space.learning_rate.float=[0.001, 0.015]"]
        searched = case.searched(changes, trials=case.trials)
        found["lower the rates that diverge"] = case.gain(searched, case.trials)
    if case.study.best is case.study.baseline:
        more = study_of(case.scenario, spec_of(trials=2 * case.trials), case.search, case.seed)
        found["more trials, as the baseline won"] = true_best(case.scenario, case.view) - true_best(
            case.scenario, more
        )
    return found


def predicting(case: Case) -> tuple[float, float, bool] | None:
    """Of the first rung: what the report says, what all trials would show, whether it is held."""
    rows = rung_summaries(case.study)
    found = rows[0].end_correlation if rows else None
    if found is None:
        return None
    early, ends = [], []
    length, scenario = case.view.spec.budget.max_epochs, case.scenario
    for trial in case.study.trials:
        if rows[0].epoch not in trial.best_so_far:
            continue
        rng = np.random.default_rng([case.seed, trial.number])
        output = curve_of(scenario, trial.record.config, length, rng)
        if not math.isnan(output[-1]):
            early.append(trial.best_so_far[rows[0].epoch])
            ends.append(min(output))
    true = rank_correlation(np.array(early), np.array(ends))
    return found.correlation, true, found.low <= true <= found.high


def flattered(case: Case) -> float:
    """Points by which the figure of the best is better than what it is worth."""
    best = case.view.best()
    assert best is not None and best.value is not None
    return true_best(case.scenario, case.view) - float(best.value)


def _text(case: Case, rule: str) -> str:
    step = case.advice.get(rule)
    return "" if step is None else step.text


def _of_scenario(case: Case, rule: str) -> Verdict:
    ground, fired = rule in case.scenario.right, rule in case.advice
    return ground, "" if not fired else "right" if ground else "wrong"
