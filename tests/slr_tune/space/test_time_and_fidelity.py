"""`budget: {hours: ..., fidelity: ...}` as it is written, refused, stored and read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from slr_tune.errors import SpecError
from slr_tune.space import StudySpec, difference, load_spec

WriteFile = Callable[..., Path]
BUDGET = "budget: {trials: 24, max_epochs: 24, grace_epochs: 3}"


def spec_with(write: WriteFile, good: str, budget: str, *overrides: str) -> StudySpec:
    return load_spec(write(good.replace(BUDGET, budget)), overrides=overrides)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            "{max_epochs: 24}",
            "6:9: budget.trials: is missing\n  Give a number of trials, such as trials: 24, or a "
            "time, such as hours: 10.",
        ),
        ("{hours: 0, max_epochs: 24}", "6:17: budget.hours: must be above 0, not 0"),
        (
            "{trials: 9, max_epochs: 9, fidelity: {subset: 1.5}}",
            '6:46: budget.fidelity: {"subset": 1.5} must be subset, or {subset: SHARE} with the '
            "share of the training utterances at the first rung, above 0 and below 1",
        ),
        (
            "{trials: 9, max_epochs: 9, grace_epochs: 9, fidelity: subset}",
            "6:63: budget.fidelity: there is no rung below max_epochs, so every epoch would see "
            "all data\n  Lower budget.grace_epochs, or remove fidelity.",
        ),
    ],
)
def test_mistakes_are_reported_with_their_place(
    write: WriteFile, good: str, budget: str, message: str
) -> None:
    """A budget without an end, and one whose fidelity would change nothing."""
    with pytest.raises(SpecError) as caught:
        spec_with(write, good, f"budget: {budget}")
    assert message in str(caught.value)


def test_strategy_without_rungs_has_no_fidelity(write: WriteFile, good: str) -> None:
    """All epochs would see all data, and nobody would notice."""
    budget = "budget: {trials: 9, max_epochs: 9, fidelity: subset}\nsearch: {strategy: random}"
    with pytest.raises(SpecError, match="strategy random has no rungs"):
        spec_with(write, good, budget)


def test_hours_may_change_and_fidelity_may_not(write: WriteFile, good: str) -> None:
    """More time is no other study; trials on other data are."""
    spec = spec_with(write, good, "budget: {hours: 10, max_epochs: 24}", "budget.hours=2.5")
    assert (spec.budget.trials, spec.budget.hours, spec.budget.fidelity) == (None, 2.5, None)
    longer = replace(spec, budget=replace(spec.budget, hours=20.0))
    assert longer.identity() == spec.identity()
    assert "fidelity" not in spec.identity()["budget"]  # as studies of before have it
    part = spec_with(
        write, good, "budget: {hours: 10, max_epochs: 24}", "budget.fidelity.subset=0.5"
    )
    assert difference(spec.identity(), part.identity()) == ["budget.fidelity: absent -> 0.5"]
    again = StudySpec.from_identity(part.identity(), trials=3)
    assert (again.budget.fidelity, again.budget.hours, again.budget.trials) == (0.5, None, 3)
