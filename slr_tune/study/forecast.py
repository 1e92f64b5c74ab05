"""Epochs of a search, known before it starts where its scheduler does not depend on the values."""

from __future__ import annotations

from slr_tune.space import StudySpec
from slr_tune.study.quota import planned_epochs
from slr_tune.study.rungs import budget_rungs, is_audited


def forecast_epochs(spec: StudySpec) -> int | None:
    """Epochs of all trials together where none ends by itself before its time, without the audit.

    None for a scheduler that stops trials at once: how many it stops depends on their values.
    """
    budget = spec.budget
    if spec.search.scheduler == "stopping":
        return None
    if spec.search.scheduler == "none":
        return budget.trials * budget.max_epochs
    return planned_epochs(
        budget_rungs(budget),
        trials=budget.trials,
        exempt=1 if spec.baseline is not None else 0,
        reduction_factor=budget.reduction_factor,
        max_epochs=budget.max_epochs,
    )


def audit_epochs(spec: StudySpec) -> int:
    """Epochs that the audit adds at most to a search whose trials pause at their rungs."""
    budget, first = spec.budget, budget_rungs(spec.budget)[:1]
    if spec.search.scheduler != "promotion" or not first:
        return 0
    exempt = 1 if spec.baseline is not None else 0
    numbers = range(exempt, budget.trials)
    audited = sum(is_audited(number, seed=spec.seed, share=budget.audit) for number in numbers)
    return audited * (budget.max_epochs - first[0])
