"""Settings and seeds that a custom run does not seem to use: its values say so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from slr_tune.study.view import StudyView
from trainables.registry import BUILT_IN_NAMES, run_title

_LEAST_TRIALS = 3


def settings_note(view: StudyView) -> str:
    """Sentence for a search whose trials have the same curve, whatever their settings.

    A script that ignores an option which it does not know gives such a search. Epochs at which
    nothing has changed yet are no sign: every model predicts the same word at first.

    Returns:
        Empty for built-in runs, and where fewer than three trials with other settings show it.
    """
    trainable = view.spec.trainable
    if trainable in BUILT_IN_NAMES:
        return ""
    trials = [trial for trial in view.trials if trial.intermediate_values]
    longest = max((trial.intermediate_values for trial in trials), key=len, default={})
    curves = (trial.intermediate_values.items() for trial in trials)
    if any(longest.get(epoch) != value for curve in curves for epoch, value in curve):
        return ""
    changing = [t for t in trials if len(set(t.intermediate_values.values())) > 1]
    if len({json.dumps(t.params, sort_keys=True) for t in changing}) < _LEAST_TRIALS:
        return ""
    names = [parameter.name for parameter in view.spec.space.parameters]
    what = names[0] if len(names) == 1 else "its settings"
    return (
        f"All trials have the same values, epoch by epoch: {run_title(trainable)} does not seem to "
        f"use {what}, so nothing is compared. slr-tune verify names options that it does not know."
    )


def seeds_note(values: Iterable[Sequence[float]]) -> str:
    """Sentence for configurations of which each has one value, whatever the seed.

    Args:
        values: Of each configuration, its value with each seed.

    Returns:
        Empty where some value differs, or where there is one seed.
    """
    found = [tuple(one) for one in values]
    if not found or any(len(one) < 2 or len(set(one)) > 1 for one in found):
        return ""
    return (
        "Every seed gave the same value: the run does not seem to use its seed, so nothing shows "
        "how much other seeds would vary. Pass the seed on: {seed} in a script's command."
    )
