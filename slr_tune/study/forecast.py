"""Epochs of a search, known before it starts where its scheduler does not depend on the values."""

from __future__ import annotations

from slr_tune.space import StudySpec
from slr_tune.study.quota import planned_epochs
from slr_tune.study.rungs import budget_rungs, is_audited
from slr_tune.study.segments import study_segments, trials_in_segments


def forecast_epochs(spec: StudySpec) -> int | None:
    """Epochs of all trials together where none ends by itself before its time, without the audit.

    None for a scheduler that stops trials at once: how many it stops depends on their values. None
    too where the time alone says how many trials there will be.
    """
    budget = spec.budget
    if spec.search.scheduler == "stopping" or budget.trials is None:
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


def forecast_cost(spec: StudySpec) -> float | None:
    """The same in epochs over all training utterances: less where low rungs train on a part."""
    budget = spec.budget
    if forecast_epochs(spec) is None or budget.trials is None:
        return None
    segments = study_segments(spec)
    counts = trials_in_segments(
        segments,
        trials=budget.trials,
        exempt=1 if spec.baseline is not None else 0,
        reduction_factor=budget.reduction_factor,
    )
    return sum(count * segment.cost for count, segment in zip(counts, segments, strict=True))


def audit_epochs(spec: StudySpec) -> int:
    """Epochs that the audit adds at most to a search whose trials pause at their rungs."""
    first, budget = budget_rungs(spec.budget)[:1], spec.budget
    if not first or spec.search.scheduler != "promotion" or budget.trials is None:
        return 0
    exempt = 1 if spec.baseline is not None else 0
    numbers = range(exempt, budget.trials)
    audited = sum(is_audited(number, seed=spec.seed, share=budget.audit) for number in numbers)
    return audited * (budget.max_epochs - first[0])
