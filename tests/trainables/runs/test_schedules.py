"""Learning rate and temperature: ends, bounds, shapes, and the users' own schedule."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.runs.schedules import (
    ONE_CYCLE_START,
    WARMUP_START,
    LearningRateName,
    TemperatureName,
    learning_rate_factor,
    temperature_at,
)

names = st.sampled_from(get_args(LearningRateName))
shares = st.floats(0, 1)


def factor(position: float, name: LearningRateName, **options: float) -> float:
    settings: dict[str, float] = {
        "warmup_epochs": 0.0,
        "max_epochs": 20.0,
        "min_factor": 0.0,
        "restart_epochs": 5.0,
        "restart_factor": 1.0,
        **options,
    }
    return learning_rate_factor(position, name=name, **settings)


def temperature(epoch: int, schedule: TemperatureName, **options: Any) -> float:
    settings: dict[str, Any] = {
        "start": 4.0,
        "end": 3.0,
        "milestones": [],
        "max_epochs": 80,
        **options,
    }
    return temperature_at(epoch, schedule=schedule, **settings)


@given(
    name=names,
    share=shares,
    warmup=st.floats(0, 50),
    max_epochs=st.floats(0.5, 300),
    min_factor=shares,
    restart_epochs=st.floats(0.1, 50),
    restart_factor=st.floats(1, 4),
)
def test_factor_stays_between_0_and_1(
    name: LearningRateName,
    share: float,
    warmup: float,
    max_epochs: float,
    min_factor: float,
    restart_epochs: float,
    restart_factor: float,
) -> None:
    # Broken if any corner (a warm-up beyond the run, tiny cycles) gave a negative or huge rate.
    value = learning_rate_factor(
        share * max_epochs,
        name=name,
        warmup_epochs=warmup,
        max_epochs=max_epochs,
        min_factor=min_factor,
        restart_epochs=restart_epochs,
        restart_factor=restart_factor,
    )
    assert 0.0 <= value <= 1.0


@given(name=names, a=st.floats(0, 5), b=st.floats(0, 5))
def test_warmup_rises(name: LearningRateName, a: float, b: float) -> None:
    # Broken if the rate fell, or stood still, anywhere in the warm-up.
    low, high = sorted((a, b))
    assert factor(low, name, warmup_epochs=5.0) <= factor(high, name, warmup_epochs=5.0)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
@given(a=st.floats(5, 20), b=st.floats(5, 20))
def test_one_fall_follows_the_warmup(name: LearningRateName, a: float, b: float) -> None:
    # Broken if the rate rose again before the end.
    low, high = sorted((a, b))
    assert factor(low, name, warmup_epochs=5.0) >= factor(high, name, warmup_epochs=5.0)


@pytest.mark.parametrize("name", get_args(LearningRateName))
def test_ends_of_the_warmup(name: LearningRateName) -> None:
    # Broken if the first step did nothing, or the peak were missed by a step.
    start = ONE_CYCLE_START if name == "one_cycle" else WARMUP_START
    assert factor(0.0, name, warmup_epochs=5.0) == pytest.approx(start)
    assert factor(5.0, name, warmup_epochs=5.0) == 1.0


def test_linear_warmup_halfway() -> None:
    # Broken if the rise were not linear from 0.01 to 1.
    assert factor(2.5, "constant", warmup_epochs=5.0) == pytest.approx(0.505)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_falls_end_at_the_least_rate_exactly(name: LearningRateName) -> None:
    # Broken if `min_learning_rate` were reached early, late or never.
    assert factor(20.0, name, warmup_epochs=5.0, min_factor=0.1) == pytest.approx(0.1)
    assert factor(12.5, name, warmup_epochs=5.0, min_factor=0.1) == pytest.approx(0.55)
    assert factor(20.0, name, warmup_epochs=5.0) == 0.0


def test_constant_stays() -> None:
    # Broken if a constant rate fell, whatever the least rate says.
    assert {factor(p, "constant", min_factor=0.1) for p in (0.0, 0.3, 10.0, 20.0)} == {1.0}


def test_one_cycle_without_warmup_rises_for_three_tenths_of_the_run() -> None:
    # Broken if the peak lay elsewhere: 6 of 20 epochs.
    assert factor(6.0, "one_cycle") == 1.0
    assert factor(3.0, "one_cycle") == pytest.approx((1 + ONE_CYCLE_START) / 2)
    assert factor(13.0, "one_cycle") == pytest.approx(0.5)


def test_restarts_of_equal_length() -> None:
    # Broken if a restart came late: just before it the rate is the least, at it the peak.
    for restart in (0.0, 5.0, 10.0, 15.0):
        assert factor(restart, "cosine_restarts", min_factor=0.2) == 1.0
        assert factor(restart + 2.5, "cosine_restarts", min_factor=0.2) == pytest.approx(0.6)
        assert factor(restart + 4.999, "cosine_restarts", min_factor=0.2) == pytest.approx(
            0.2, abs=1e-5
        )


def test_restarts_of_growing_length_after_a_warmup() -> None:
    # Broken if cycles were counted from 0 rather than from the warm-up's end: 2, 5, 11, 23.
    options = {"warmup_epochs": 2.0, "restart_epochs": 3.0, "restart_factor": 2.0}
    for start, length in ((2.0, 3.0), (5.0, 6.0), (11.0, 12.0)):
        assert factor(start, "cosine_restarts", max_epochs=40.0, **options) == 1.0
        middle = factor(start + length / 2, "cosine_restarts", max_epochs=40.0, **options)
        assert middle == pytest.approx(0.5)


def test_a_restart_survives_rounding() -> None:
    # Broken if a position that a float misses by a bit (0.1 * 3 steps) fell before the restart.
    assert factor(0.1 + 0.2, "cosine_restarts", restart_epochs=0.3) == pytest.approx(1.0)
    assert factor(0.3 - 1e-16, "cosine_restarts", restart_epochs=0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "cosin"},
        {"max_epochs": 0.0},
        {"warmup_epochs": -1.0},
        {"min_factor": 1.5},
        {"min_factor": math.nan},
        {"position": -0.5},
        {"restart_epochs": 0.0},
        {"restart_factor": 0.5},
    ],
)
def test_learning_rate_settings_out_of_range_are_refused(options: dict[str, Any]) -> None:
    # Broken if a cycle of no length ran for ever or a NaN became a learning rate.
    arguments = {"position": 1.0, "name": "cosine_restarts", **options}
    with pytest.raises(ValueError, match=r"must be|not known"):
        factor(**arguments)


@pytest.mark.parametrize("milestones", [[30, 70], [0.375, 0.875]])
def test_the_users_temperatures(milestones: list[int | float]) -> None:
    # Theirs: 4.0 in epochs 1..30, 3.5 in 31..70, 3.0 in 71..80. Broken if a change came an epoch
    # early or late, or a rounding made two equal arms differ.
    values = [temperature(epoch, "step", milestones=milestones) for epoch in range(1, 81)]
    assert values == [4.0] * 30 + [3.5] * 40 + [3.0] * 10


@given(
    fraction_percent=st.integers(1, 99),
    start=st.floats(0.5, 10),
    end=st.floats(0.5, 10),
)
def test_a_fraction_of_100_epochs_changes_after_that_epoch(
    fraction_percent: int, start: float, end: float
) -> None:
    # Broken by floats: 0.57 * 100 is 56.99999999999999 and 0.07 * 100 is 7.000000000000001.
    before, after = (
        temperature(
            epoch,
            "step",
            start=start,
            end=end,
            milestones=[fraction_percent / 100],
            max_epochs=100,
        )
        for epoch in (fraction_percent, fraction_percent + 1)
    )
    assert (before, after) == (start, end)


def test_a_fraction_that_falls_into_an_epoch_takes_effect_with_it() -> None:
    # 0.375 of 20 epochs is 7.5, in the midst of epoch 8. Broken if the rule were another than the
    # documented one.
    values = [temperature(e, "step", milestones=[0.375], max_epochs=20) for e in (7, 8)]
    assert values == [4.0, 3.0]


@given(fraction=st.floats(0.001, 0.999), max_epochs=st.integers(1, 300))
def test_a_fraction_below_1_always_takes_effect(fraction: float, max_epochs: int) -> None:
    # Broken if a short run ended before its last temperature.
    value = temperature(max_epochs, "step", milestones=[fraction], max_epochs=max_epochs)
    assert value == 3.0


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_ends_and_middle_of_the_smooth_schedules(schedule: TemperatureName) -> None:
    # Broken if the last epoch missed the end, or the first were already on its way.
    assert temperature(1, schedule, max_epochs=21) == 4.0
    assert temperature(11, schedule, max_epochs=21) == pytest.approx(3.5)
    assert temperature(21, schedule, max_epochs=21) == 3.0
    assert temperature(40, schedule, max_epochs=21) == 3.0
    assert temperature(1, schedule, max_epochs=1) == 4.0


def test_linear_and_cosine_differ_between() -> None:
    # Broken if one were the other: a quarter of the way they are 3.75 and 3.853.
    assert temperature(6, "linear", max_epochs=21) == pytest.approx(3.75)
    expected = 3.0 + (1 + math.cos(math.pi / 4)) / 2
    assert temperature(6, "cosine", max_epochs=21) == pytest.approx(expected)


def test_constant_ignores_the_rest() -> None:
    # Broken if a constant schedule asked for an end.
    assert {temperature(e, "constant", end=None) for e in (1, 40, 80)} == {4.0}


@given(
    schedule=st.sampled_from(["step", "linear", "cosine"]),
    start=st.floats(0.1, 20),
    end=st.floats(0.1, 20),
    max_epochs=st.integers(1, 60),
)
def test_temperature_moves_one_way_and_stays_between_its_ends(
    schedule: TemperatureName, start: float, end: float, max_epochs: int
) -> None:
    # Broken if it overshot, or came back.
    values = [
        temperature(e, schedule, start=start, end=end, milestones=[0.3, 0.6], max_epochs=max_epochs)
        for e in range(1, max_epochs + 1)
    ]
    low, high = min(start, end), max(start, end)
    assert all(low - 1e-12 <= value <= high + 1e-12 for value in values)
    falling = [value if start >= end else -value for value in values]
    assert all(a >= b - 1e-12 for a, b in zip(falling, falling[1:], strict=False))


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        ("steps", {}),
        ("step", {"milestones": []}),
        ("step", {"milestones": [0]}),
        ("step", {"milestones": [1.5]}),
        ("linear", {"end": None}),
        ("linear", {"end": 0.0}),
        ("constant", {"start": 0.0}),
        ("constant", {"epoch": 0}),
    ],
)
def test_temperature_settings_out_of_range_are_refused(
    schedule: TemperatureName, options: dict[str, Any]
) -> None:
    # Broken if a temperature of 0 reached the division of the logits.
    arguments = {"epoch": 5, **options}
    with pytest.raises(ValueError, match=r"must be|not known|needs"):
        temperature(arguments.pop("epoch"), schedule, **arguments)


@pytest.mark.parametrize("length", [2, 3])
def test_a_short_run_begins_with_the_first_temperature(length: int) -> None:
    # Broken if a trial of two epochs skipped the start: 0.375 of two epochs is none.
    first = temperature_at(
        1, schedule="step", start=4.0, end=3.0, milestones=(0.375, 0.875), max_epochs=length
    )
    assert first == 4.0
