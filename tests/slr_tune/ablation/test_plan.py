"""Epoch keys and the prefix plan: what may be shared, and that nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_tune.ablation.receipt import makespan
from slr_tune.training.epoch_keys import depends_on_length, epoch_key
from slr_tune.training.plan import Plan, make_plan
from slr_tune.training.runs import Arm, ArmRun
from trainables.config import DistillConfig
from trainables.runs.schedules import temperature_at

LENGTH = 8


def config(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "max_epochs": LENGTH,
        "learning_rate_schedule": {"name": "constant", "warmup_epochs": 0.0},
        **changes,
    }
    return DistillConfig.model_validate(plain).model_dump(mode="json")


def key(epoch: int, **changes: Any) -> str:
    return epoch_key("distill", config(**changes), epoch)


def temperature(schedule: str, start: float, end: float | None = None, **more: Any) -> Any:
    return {"schedule": schedule, "start": start, "end": end, **more}


STEP = temperature("step", 4.0, 3.0, milestones=[3])
WEIGHTS = {"alpha": 0.0, "beta": 0.5, "gamma": 0.5}


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ({"temperature": STEP}, {"temperature": temperature("constant", 4.0)}, [1, 2, 3]),
        ({"patience": 3}, {"patience": 7, "min_delta": 0.1}, range(1, LENGTH + 1)),
        ({"teacher_cache": True}, {"teacher_cache": False}, range(1, LENGTH + 1)),
        ({"dropout": 0.1}, {"dropout": 0.2}, []),
        ({"kd_blank": "keep"}, {"kd_blank": "drop"}, []),
        (
            {"loss_weights": WEIGHTS, "kd_blank": "keep"},
            {"loss_weights": WEIGHTS, "kd_blank": "drop", "temperature": STEP},
            range(1, LENGTH + 1),
        ),
        (
            {"learning_rate_schedule": {"name": "cosine", "warmup_epochs": 2.0}},
            {"learning_rate_schedule": {"name": "constant", "warmup_epochs": 2.0}},
            [1, 2],
        ),
        (
            {"learning_rate_schedule": {"name": "cosine", "warmup_epochs": 1.5}},
            {"learning_rate_schedule": {"name": "constant", "warmup_epochs": 1.5}},
            [1],
        ),
        (
            {"learning_rate_schedule": {"name": "cosine", "warmup_epochs": 2.0}},
            {"learning_rate_schedule": {"name": "one_cycle", "warmup_epochs": 2.0}},
            [],
        ),
        ({"max_epochs": 8}, {"max_epochs": 6}, [1, 2, 4, 5]),
    ],
)
def test_epochs_that_may_be_shared(
    one: Mapping[str, Any], other: Mapping[str, Any], agree: Any
) -> None:
    """A key that forgets a setting would merge runs that differ; one that keeps too much, none.

    The default temperature is a step at 37.5 % of the run: of lengths 8 and 6 after epoch 3 or 2.
    """
    found = [e for e in range(1, 6) if key(e, **one) == key(e, **other)]
    assert found == [epoch for epoch in agree if epoch < 6]


def test_a_users_own_run_shares_nothing_but_equal_settings() -> None:
    """Of a foreign run nobody knows when it uses a setting, not even its patience."""
    plain = {"max_epochs": 3, "patience": 1}
    assert epoch_key("my:Run", plain, 1) != epoch_key("my:Run", {**plain, "patience": 2}, 1)
    assert depends_on_length("my:Run", plain)


def test_what_makes_a_replay_wrong_is_named() -> None:
    """A run whose schedule is laid over its length is another run when it is shorter."""
    constant = temperature("constant", 2.0)
    assert depends_on_length("distill", config(temperature=constant)) == []
    (message,) = depends_on_length("distill", config(temperature=temperature("linear", 4.0, 1.0)))
    assert "linear" in message


def plan_of(configs: list[dict[str, Any]], *, share: bool = True) -> Plan:
    runs = [ArmRun(Arm(str(n), plain, "distill"), 1) for n, plain in enumerate(configs)]
    return make_plan(runs, context=lambda run: str(run.seed), share=share)


ARMS = st.fixed_dictionaries(
    {
        "temperature": st.one_of(
            st.builds(temperature, st.just("constant"), st.sampled_from([1.0, 4.0])),
            st.builds(
                lambda at, end: temperature("step", 4.0, end, milestones=[at]),
                st.integers(1, LENGTH),
                st.sampled_from([2.0, 3.0]),
            ),
            st.builds(temperature, st.just("linear"), st.just(4.0), st.sampled_from([1.0, 4.0])),
        ),
        "dropout": st.sampled_from([0.0, 0.5]),
        "max_epochs": st.integers(1, LENGTH),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(ARMS, min_size=1, max_size=6))
def test_a_plan_covers_every_run_once_and_merges_only_what_agrees(
    arms: list[dict[str, Any]],
) -> None:
    """Each run's stages are its epochs 1 to the end, without a gap; sharers agree up to there.

    Agreement is checked by the temperature that is used, not by the keys that made the plan.
    """
    configs = [config(**arm) for arm in arms]
    plan = plan_of(configs)
    for run in plan.runs:
        path = plan.path(run)
        assert path[0].parent is None and path[0].first == 1
        for parent, child in zip(path, path[1:], strict=False):
            assert child.parent == parent.id and child.first == parent.last + 1
        assert path[-1].last >= run.max_epochs > path[-1].first - 1
    for stage in plan.stages:
        for epoch in range(1, stage.last + 1):
            alive = [run for run in stage.runs if run.max_epochs >= epoch]
            used = {
                (run.arm.config["dropout"], temperature_of(run.arm.config, epoch))
                for run in alive
                if epoch <= run.max_epochs
            }
            assert len(used) <= 1
    assert plan.epochs_planned <= plan.epochs_asked
    apart = plan_of(configs, share=False)
    assert apart.epochs_planned == apart.epochs_asked == sum(arm["max_epochs"] for arm in arms)
    assert len({stage.id for stage in plan.stages}) == len(plan.stages)


def temperature_of(plain: Mapping[str, Any], epoch: int) -> float:
    used = plain["temperature"]
    return temperature_at(
        epoch,
        schedule=used["schedule"],
        start=used["start"],
        end=used["end"],
        milestones=used["milestones"],
        max_epochs=plain["max_epochs"],
    )


def test_time_is_bounded_by_the_work_and_by_the_longest_way() -> None:
    """Two runs of 8 that share 3 epochs: 13 s of work; with two workers the second waits for 3."""
    plan = plan_of([config(temperature=STEP), config(temperature=temperature("constant", 4.0))])
    assert plan.epochs_planned == 13
    assert makespan(plan, 1, seconds_per_epoch=1.0) == 13.0
    assert makespan(plan, 2, seconds_per_epoch=1.0) == 8.0


def test_two_runs_of_one_name_are_refused() -> None:
    """The second would silently take the first one's result."""
    run = ArmRun(Arm("a", config(), "distill"), 1)
    with pytest.raises(ValueError, match="one name"):
        make_plan([run, run], context=lambda run: "")
