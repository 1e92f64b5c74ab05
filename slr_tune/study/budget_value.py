"""What more or fewer trials would have given: the expected best against the budget."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from optuna.trial import FrozenTrial, TrialState

from slr_tune.statistics.expected_best import LEAST_TRIALS, ExpectedBest, expected_best
from slr_tune.study.summary import baseline_trial
from slr_tune.study.view import StudyView
from slr_tune.text import in_percent, metric_text


@dataclass(frozen=True)
class BudgetValue:
    """Best value by number of trials.

    Attributes:
        trials: Trials behind it, the baseline left out, which is tried first in any budget.
        curve: Expected best of 1, 2, 4 .. trials in random order, of half, all and twice as many.
        first_half: What the first half of the trials, as they came, gave; None where none of them
            ran to its end.
        found: What all of them gave.
    """

    trials: int
    curve: tuple[ExpectedBest, ...]
    first_half: float | None
    found: float

    def at(self, trials: int) -> ExpectedBest:
        """Expected best of a number of trials that the curve has."""
        return next(one for one in self.curve if one.trials == trials)


def budget_value(view: StudyView) -> BudgetValue | None:
    """From the study's own trials, stopped ones with the value expected at their end.

    A search trains the best of any number of trials to their end. With the values at which the
    others were stopped, a small budget would look worse than it is, and the distance between the
    rungs would pass for a spread of the trials.

    Returns:
        None with fewer than 8 trials that have a value, or none that ran to its end.
    """
    sign = 1.0 if view.minimizes else -1.0
    baseline = baseline_trial(view)
    valued = [t for t in view.trials if t.values and math.isfinite(t.values[0])]
    whole = [trial for trial in valued if trial.state == TrialState.COMPLETE]
    finished = [trial for trial in valued if trial is not baseline]
    count = len(finished)
    ended = [sign * trial.values[0] for trial in whole if trial is not baseline]
    if count < LEAST_TRIALS or not ended:
        return None
    gain = cache(partial(_gain, whole, sign))  # of one epoch it is the same for all
    best, values = min(ended), []
    for trial in finished:
        value = sign * trial.values[0]
        if trial.state != TrialState.COMPLETE and trial.intermediate_values:
            value = max(value - gain(max(trial.intermediate_values)), best)
        values.append(value)
    counts = sorted({*(2**p for p in range(20) if 2**p < count), count // 2, count, 2 * count})
    curve = expected_best(values, counts)
    floor = _floor(view.spec.objective.metric, values)
    curve = [replace(one, value=max(one.value, floor), low=max(one.low, floor)) for one in curve]
    early = [
        sign * trial.values[0]
        for trial in finished[: count // 2]
        if trial.state == TrialState.COMPLETE
    ]
    return BudgetValue(
        count,
        tuple(_signed(one, sign) for one in curve),
        sign * min(early) if early else None,
        sign * min(ended),
    )


_ERRORS = re.compile(r"wer|[ct]er\b|\bper\b|err|loss|perplexity", re.IGNORECASE)
_SHARES = re.compile(r"acc|f1|precision|recall|bleu", re.IGNORECASE)


def _floor(metric: str, values: Sequence[float]) -> float:
    """What no trial can be better than: an error rate or a loss ends at 0, a share at 1 or 100 %.

    Args:
        metric: Its name.
        values: The trials', smaller is better: those of a share are negated.
    """
    least, most = min(values), max(values)
    if least >= 0 and (in_percent(metric) or _ERRORS.search(metric)):
        return 0.0
    if most <= 0 and least >= -100 and _SHARES.search(metric):
        return -1.0 if least >= -1 else -100.0
    return -math.inf


def _gain(whole: Sequence[FrozenTrial], sign: float, epoch: int) -> float:
    """What trials that ran to their end gained, on average, after an epoch; from 0."""
    gains = []
    for trial in whole:
        until = [step for step in trial.intermediate_values if step <= epoch]
        if until:
            then = trial.intermediate_values[max(until)]
            gains.append(sign * (then - trial.values[0]))
    known = [gain for gain in gains if math.isfinite(gain)]
    return max(sum(known) / len(known), 0.0) if known else 0.0


def _signed(one: ExpectedBest, sign: float) -> ExpectedBest:
    low, high = sorted((sign * one.low, sign * one.high))
    return ExpectedBest(one.trials, sign * one.value, low, high)


def budget_text(view: StudyView, found: BudgetValue) -> str:
    """The sentence: what these gave, what half of them would have, and what twice as many would."""
    metric = view.spec.objective.metric

    def best_text(one: ExpectedBest) -> str:
        low, high = metric_text(one.low, metric), metric_text(one.high, metric)
        return f"{metric_text(one.value, metric)} [{low}, {high}]"

    half, twice = found.at(found.trials // 2), found.at(2 * found.trials)
    came = ""
    if found.first_half is not None:
        came = f" (the first {half.trials} gave {metric_text(found.first_half, metric)})"
    return (
        f"{found.trials} trials gave {metric_text(found.found, metric)}; {half.trials} would have "
        f"given {best_text(half)} in random order{came}; {twice.trials} would be expected to give "
        f"{best_text(twice)}. Bands cover 90 %"
        f"{'' if baseline_trial(view) is None else '; the baseline is left out'}."
    )
