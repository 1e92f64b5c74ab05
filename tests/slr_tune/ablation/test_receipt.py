"""A receipt calls replayed or decoded again what was not trained, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ablation_designs import make_design

from slr_tune.ablation.arms import factorial, one_at_a_time, resolve
from slr_tune.ablation.dry_run import dry_run, dry_text
from slr_tune.ablation.factors import Factor
from slr_tune.ablation.receipt import make_receipt
from slr_tune.space import StudySpec
from slr_tune.training.kinds import Kind
from slr_tune.training.run_store import RunStore
from slr_tune.training.runs import Arm

DERIVED = "slr_tune.ablation.shuffled_teacher:ShuffledTeacherRun"
"""A recogniser that is derived from a built-in run."""
PATIENCE = Factor("patience", Kind.STOPPING, (2,))
MakeStore = Callable[..., RunStore]


def patience_arms(spec: StudySpec, trainable: str) -> list[Arm]:
    plain = spec.baseline_config()
    assert plain is not None
    return one_at_a_time(
        resolve(trainable, plain, what="baseline"), [PATIENCE], trainable=trainable
    )


def test_a_derived_run_is_trained_for_each_patience_and_the_receipt_says_so(
    spec: StudySpec, make_store: MakeStore, executed: list[tuple[int, int]]
) -> None:
    """Nobody knows what else such a run does with its patience, so nothing of it is shared."""
    store = make_store()
    arms = patience_arms(spec, DERIVED)
    store.train(arms, [1000])
    receipt = make_receipt(store, arms)
    assert receipt.epochs_run == receipt.epochs_asked == len(executed)
    assert receipt.reasons == (
        "Trained separately, because a replay would be wrong "
        "(nothing is known of when this run uses its settings): patience 2.",
    )


def test_without_sharing_nothing_is_called_replayed(spec: StudySpec, make_store: MakeStore) -> None:
    """With --no-share the shorter patience is a training of its own."""
    store = make_store(share=False)
    arms = patience_arms(spec, "distill")
    store.train(arms, [1000])
    receipt = make_receipt(store, arms)
    assert receipt.epochs_run == receipt.epochs_asked
    assert receipt.reasons == ("Nothing was shared (--no-share).",)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("share", [True, False])
def test_a_plan_without_sharing_decodes_nothing_again(
    space: Callable[..., Path], share: bool
) -> None:
    """Each arm is then trained for itself, those of another decoder too."""
    design = make_design(space(trainable="student"), factors=["beam_width"], share=share)
    plan = dry_run(design)
    assert (plan.epochs_run < plan.epochs_asked) == share
    assert ("Decoded again without training: beam_width 1" in dry_text(plan, design)) == share


def test_a_cell_costs_what_its_changes_cost(spec: StudySpec) -> None:
    """Crossed with another factor's own level, another patience is still read off a curve.

    And the own level of a group has one name in all runs: the effects of both are found by it.
    """
    plain: Any = spec.baseline_config()
    schedules = Factor("learning_rate_schedule", Kind.TRAINED, ({"name": "constant"},))
    arms = factorial(plain, [schedules, PATIENCE], trainable="distill")
    assert [arm.kind for arm in arms[1:]] == [Kind.STOPPING, Kind.TRAINED, Kind.TRAINED]
    names = {arm.levels["learning_rate_schedule"] for arm in arms}
    assert len(names) == 2 and arms[0].levels["learning_rate_schedule"] in names
