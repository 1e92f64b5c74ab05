"""A warm start: a study begins with the runs of another, or of any file of runs."""

from __future__ import annotations

from collections.abc import Sequence

from slr_tune.importing.open_source import open_source
from slr_tune.importing.plan import plan_import
from slr_tune.importing.take_in import take_in
from slr_tune.space import StudySpec
from slr_tune.study.store import StudyStore
from slr_tune.text import counted


def take_history(store: StudyStore, places: Sequence[str], storage: str | None) -> list[str]:
    """Adds earlier runs to a study before its search continues; what already exists stays.

    Args:
        store: The study, whose lock the caller holds.
        places: As `open_source` takes them.
        storage: Database in which studies are looked up.

    Returns:
        A line for each place.

    Raises:
        SlrTuneError: There is nothing there, or none of its runs fits the space.
    """
    lines = []
    for place in places:
        plan = plan_import(store.spec, open_source(place, storage))
        plan.check()
        done = take_in(store, plan)
        known = f" {done.known} were already in the study." if done.known else ""
        refused = f" {len(done.refused)} are refused: {done.refused[0][1]}." if done.refused else ""
        lines += [*plan.source.notes, *plan.measures.notes]
        new = counted(len(done.numbers), "trial")
        lines.append(f"Warm start from {plan.summary()} {new} added.{known}{refused}")
    return lines


def history_lines(spec: StudySpec, places: Sequence[str], storage: str | None) -> list[str]:
    """What `take_history` would do, a line for each place; writes nothing."""
    plans = [plan_import(spec, open_source(place, storage)) for place in places]
    return [f"warm start: {plan.summary()}" for plan in plans]
