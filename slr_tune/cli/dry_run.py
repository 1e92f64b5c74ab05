"""What a search would run, without running it."""

from __future__ import annotations

from typing import Any

from slr_tune.space import StudySpec
from slr_tune.study.rungs import rung_epochs


def describe(spec: StudySpec) -> dict[str, Any]:
    """The resolved search: identity, budget, rungs, resources, the baseline's configuration."""
    budget = spec.budget
    return {
        **spec.identity(),
        "trials": budget.trials,
        "rungs": list(
            rung_epochs(
                grace_epochs=budget.grace_epochs,
                reduction_factor=budget.reduction_factor,
                max_epochs=budget.max_epochs,
            )
        ),
        "epochs_at_most": budget.trials * budget.max_epochs,
        "parameters": list(spec.space.names),
        "baseline_config": spec.baseline_config(),
    }


def describe_text(spec: StudySpec) -> str:
    """The same for a person."""
    facts = describe(spec)
    budget = spec.budget
    lines = [
        f"{spec.study}: {spec.trainable} on {spec.data.get('name', 'no data')}, "
        f"{spec.objective.direction} {spec.objective.metric}",
        f"{budget.trials} trials of at most {budget.max_epochs} epochs; ASHA stops trials at "
        f"epochs {', '.join(map(str, facts['rungs'])) or 'none'} "
        f"and lets the best 1/{budget.reduction_factor} go on",
        f"searched: {', '.join(facts['parameters'])}",
        "first trial: " + ("the baseline" if spec.baseline is not None else "suggested"),
    ]
    if spec.teacher is not None:
        lines.append(f"teacher: {spec.teacher.kind} {spec.teacher.value}")
    return "\n".join(lines)
