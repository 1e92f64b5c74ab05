"""Changes of a run's settings in the intended direction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slr_tune.diagnosis.evidence import Evidence

_FACTOR = 3.0
"""From 3e-4 to 1e-4: the step of the learning rate that got a flat loss going."""
_USUAL_RATE = 3e-4
_FIRST_RATE = 3e-3
"""For a run that diverged before it had learnt anything: a third of 1000 does so too."""
_RATE = "learning_rate"
_LOWEST_RATE = "learning_rate_schedule.min_learning_rate"
_WARM_UP = "learning_rate_schedule.warmup_epochs"
_PATIENCE = "patience"
_USUAL_PATIENCE = 12


@dataclass(frozen=True)
class RemedyStep:
    """A part of a remedy.

    Attributes:
        text: What to do, as a part of a sentence.
        settings: What does it, by dotted name; empty where the run already has them.
    """

    text: str
    settings: Mapping[str, Any]


def remedy(*steps: RemedyStep, otherwise: str = "", then: str = "") -> tuple[str, dict[str, Any]]:
    """The steps that change something, as a sentence and as settings.

    Args:
        steps: What usually helps.
        otherwise: The sentence where nothing would change.
        then: A sentence that follows in any case.
    """
    moving = [step for step in steps if step.settings]
    settings = {name: value for step in moving for name, value in step.settings.items()}
    if not moving:
        return f"{otherwise} {then}".strip(), settings
    *first, last = (step.text for step in moving)
    text = f"{', '.join(first)} and {last}" if first else last
    return f"{text[0].upper()}{text[1:]}. {then}".strip(), settings


def at_most(evidence: Evidence, name: str, value: float, text: str) -> RemedyStep:
    """Lowers a setting to a value, never raises it."""
    return RemedyStep(text, {name: value} if evidence.setting(name, math.inf) > value else {})


def at_least(evidence: Evidence, name: str, value: float, text: str) -> RemedyStep:
    """Raises a setting to a value, never lowers it."""
    return RemedyStep(text, {name: value} if evidence.setting(name, -math.inf) < value else {})


def slower(evidence: Evidence) -> RemedyStep:
    """A third of the learning rate, and of where it falls to if that would lie above."""
    rate = evidence.setting(_RATE, _USUAL_RATE) / _FACTOR
    lowest = evidence.setting(_LOWEST_RATE, 0.0)
    settings = {_RATE: rate} | ({_LOWEST_RATE: lowest / _FACTOR} if lowest > rate else {})
    return RemedyStep("take a third of the learning rate", settings)


def much_slower(evidence: Evidence) -> RemedyStep:
    """What runs begin to learn with, where a third would still be far above it."""
    rate = min(evidence.setting(_RATE, _USUAL_RATE) / _FACTOR, _FIRST_RATE)
    lowest = evidence.setting(_LOWEST_RATE, 0.0)
    settings = {_RATE: rate} | ({_LOWEST_RATE: rate / _FACTOR} if lowest > rate else {})
    return RemedyStep("take a far smaller learning rate", settings)


def faster(evidence: Evidence) -> RemedyStep:
    """Three times the learning rate, and at least the usual one."""
    rate = evidence.setting(_RATE, _USUAL_RATE) * _FACTOR
    if rate < _USUAL_RATE:
        text = f"take the usual learning rate of {_USUAL_RATE:g}"
        return RemedyStep(text, {_RATE: _USUAL_RATE})
    return RemedyStep("take three times the learning rate", {_RATE: rate})


def longer_warm_up(evidence: Evidence) -> RemedyStep:
    """A tenth of the run, at most ten epochs; twice what it is where it is that long already.

    Never more than half of the run: a longer one would be a smaller learning rate.
    """
    length, now = evidence.setting("max_epochs", 100), evidence.setting(_WARM_UP, 0.0)
    wanted = min(10.0, max(1.0, round(length / 10)))
    longer = min(wanted if wanted > now else 2 * now, length / 2)
    return RemedyStep("warm up longer", {_WARM_UP: longer} if longer > now else {})


def longer(evidence: Evidence) -> RemedyStep:
    """Three times the epochs that it ran, and a patience that lets it use them."""
    length = 3 * max(1, evidence.epoch)
    return RemedyStep(
        "train three times as long", {"max_epochs": length, **waiting(evidence, length)}
    )


def waiting(evidence: Evidence, epochs: int) -> dict[str, Any]:
    """A patience of at least so many epochs, where the run has less; by the name it has there."""
    name = _PATIENCE
    if isinstance(evidence.config.get("early_stopping"), Mapping):
        name = f"early_stopping.{_PATIENCE}"
    return {name: epochs} if evidence.setting(name, _USUAL_PATIENCE) < epochs else {}
