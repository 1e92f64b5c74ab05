"""Values that a caller gives to an ablation, checked as the command line checks its options."""

from __future__ import annotations

from slr_tune.ablation.budget import Budget, read_budget
from slr_tune.errors import SlrTuneError

LEAST_SEEDS = 3
"""Of two, the test finds what is not there in up to 8 of 100 studies."""


def enough_seeds(seeds: int | None) -> int | None:
    """The number of seeds; None for the default.

    Raises:
        SlrTuneError: There are too few.
    """
    if seeds is not None and seeds < LEAST_SEEDS:
        raise SlrTuneError(
            f"seeds={seeds} is too few: with two seeds up to 8 of 100 studies show a difference "
            f"that does not exist, and one seed shows nothing",
            hint=f"Give {LEAST_SEEDS} or more, 5 if you can.",
        )
    return seeds


def at_least_one(name: str, number: int) -> int:
    """A number of teachers, or of orders of the training data.

    Args:
        name: As the caller gives it.
        number: How many.

    Raises:
        SlrTuneError: There is none.
    """
    if number < 1:
        raise SlrTuneError(f"{name}={number}: at least one is needed", hint="Leave it out.")
    return number


def whole_study(family: str) -> bool:
    """Whether all ablations of the study share one error budget.

    Raises:
        SlrTuneError: The family is none that is known.
    """
    if family not in ("ablation", "study"):
        raise SlrTuneError(
            f"family={family!r} must be 'ablation' or 'study'",
            hint='For example family="study".',
        )
    return family == "study"


def budget_of(budget: int | str | None) -> Budget | None:
    """The budget as `read_budget` reads it; None without.

    Raises:
        SlrTuneError: It is none.
    """
    if budget is None:
        return None
    try:
        return read_budget(str(budget))
    except ValueError as error:
        raise SlrTuneError(f"budget: {error}", hint='For example budget="40runs".') from None
