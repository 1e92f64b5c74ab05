"""Parameters of each kind: what goes in comes out, and stays in its range."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slr_tune.space import (
    ChoiceParameter,
    FixedParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    SimplexParameter,
)
from slr_tune.space.parameters import from_json


def simplex(count: int) -> SimplexParameter:
    names = tuple(f"w{i}" for i in range(count))
    return SimplexParameter(name="w", path=("w",), weights=names)


def drawn(count: int, units: list[float]) -> list[float]:
    parameter = simplex(count)
    return list(parameter.decode(dict(zip(parameter.keys, units, strict=True))).values())


UNIT = st.floats(0, 1)


@given(st.integers(2, 7).flatmap(lambda k: st.lists(UNIT, min_size=k - 1, max_size=k - 1)))
def test_weights_of_a_simplex_sum_to_one(units: list[float]) -> None:
    """A run's settings are refused where the sum is off by more than 1e-6."""
    weights = drawn(len(units) + 1, units)
    assert all(0 <= weight <= 1 for weight in weights)
    assert abs(math.fsum(weights) - 1) < 1e-15 * len(weights)
    assert all(weight == round(weight, 12) for weight in weights)


@given(st.integers(2, 7).flatmap(lambda k: st.lists(UNIT, min_size=k - 1, max_size=k - 1)))
def test_drawn_weights_survive_the_round_trip_exactly(units: list[float]) -> None:
    """The best trial's values are enqueued again by others: they must be the same run."""
    count = len(units) + 1
    parameter = simplex(count)
    weights = dict(zip(parameter.weights, drawn(count, units), strict=True))
    assert parameter.misfit(weights) == ""
    assert parameter.decode(parameter.encode(weights)) == weights


@given(
    st.lists(st.integers(0, 10**6), min_size=2, max_size=6).filter(lambda parts: sum(parts) > 0),
    st.integers(0, 12),
)
def test_written_weights_survive_the_round_trip(parts: list[int], decimals: int) -> None:
    """Weights as a person writes them, rounded to some decimals, come back as written."""
    total = sum(parts)
    written = [round(part / total, decimals) for part in parts[:-1]]
    last = round(1 - math.fsum(written), decimals)
    parameter = simplex(len(parts))
    weights = dict(zip(parameter.weights, [*written, last], strict=True))
    if last < 0:
        assert parameter.misfit(weights)
    else:
        assert parameter.decode(parameter.encode(weights)) == weights


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_corners_and_edges_of_a_simplex(count: int) -> None:
    """There the free numbers are 0/0, and are chosen."""
    parameter = simplex(count)
    for corner in parameter.weights:
        weights = {name: float(name == corner) for name in parameter.weights}
        params = parameter.encode(weights)
        assert all(0 <= value <= 1 for value in params.values())
        assert parameter.decode(params) == weights
    edge = dict.fromkeys(parameter.weights, 0.0) | {parameter.weights[-1]: 0.25}
    edge[parameter.weights[0]] = 0.75
    assert parameter.decode(parameter.encode(edge)) == edge


def test_hand_worked_coordinates() -> None:
    """u1 is the first's share of the first two; u2 the square of what the third leaves."""
    params = simplex(3).encode({"w0": 0.3, "w1": 0.2, "w2": 0.5})
    assert params == pytest.approx({"w.u1": 0.6, "w.u2": 0.25})


@pytest.mark.parametrize("count", [2, 3, 5])
def test_uniform_numbers_give_the_flat_dirichlet(count: int) -> None:
    """Any bias would tell the search where to look: compared with Dirichlet(1, .., 1).

    Each weight is Beta(1, K - 1), any two have covariance -1 / (K^2 (K + 1)), and the smallest of
    all is Beta-like too: its K-fold is distributed as one weight.
    """
    rng = np.random.default_rng(20)
    draws = 6000
    weights = np.array([drawn(count, list(rng.random(count - 1))) for _ in range(draws)])
    for sample in (*weights.T, weights.min(axis=1) * count):
        # Kolmogorov-Smirnov against the cumulative distribution 1 - (1 - x)^(K - 1), at 1 %
        expected = 1 - (1 - np.sort(sample)) ** (count - 1)
        steps = np.arange(draws + 1) / draws
        distance = max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))
        assert distance < 1.63 / math.sqrt(draws)
    covariance = np.cov(weights.T)
    between = -1 / (count**2 * (count + 1))
    off_diagonal = covariance[~np.eye(count, dtype=bool)]
    assert off_diagonal == pytest.approx(between, abs=0.15 * abs(between))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"w0": 0.5, "w1": 0.4}, "the weights sum to 0.9 and must sum to 1"),
        ({"w0": 0.5}, 'must give w0, w1 and nothing else, not {"w0": 0.5}'),
        ({"w0": 0.5, "w1": 0.5, "w2": 0.0}, "must give w0, w1 and nothing else"),
        ({"w0": 1.5, "w1": -0.5}, "w0: 1.5 is outside the space, 0.0 to 1.0"),
        ({"w0": "1", "w1": 0}, 'w0: must be a number from 0.0 to 1.0, not "1"'),
        ([0.5, 0.5], "must give w0, w1"),
    ],
)
def test_weights_off_the_simplex_are_refused(weights: Any, message: str) -> None:
    assert simplex(2).misfit(weights).startswith(message)


def test_weights_within_the_tolerance_are_taken() -> None:
    """1/3 with six decimals, three times, is 0.999999: a person's thirds."""
    thirds = dict.fromkeys(("w0", "w1", "w2"), 0.333333)
    assert simplex(3).misfit(thirds) == ""
    found = simplex(3).decode(simplex(3).encode(thirds))
    assert math.fsum(found.values()) == 1 and list(found.values()) == pytest.approx([1 / 3] * 3)


STEPPED = FloatParameter(name="x", path=("x",), low=0.0, high=1.0, step=0.1)


def test_steps_have_no_binary_noise() -> None:
    """3 * 0.1 is 0.30000000000000004; the resolved configuration must show 0.3."""
    assert STEPPED.decode({"x": 0.30000000000000004}) == 0.3
    assert STEPPED.misfit(0.3) == ""
    assert STEPPED.misfit(0.35) == "0.35 is not on a step; its neighbours are 0.3 and 0.4"


@given(st.floats(1e-5, 1.0))
def test_plain_floats_come_back_to_the_last_bit(value: float) -> None:
    parameter = FloatParameter(name="x", path=("x",), low=1e-5, high=1.0, log=True)
    assert parameter.decode(json.loads(json.dumps(parameter.encode(value)))) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, ""),
        (0, "0 is outside the space, 1 to 9"),
        (10, "10 is outside the space, 1 to 9"),
        (4, "4 is not on a step; its neighbours are 3.0 and 5.0"),
        (3.0, "must be a whole number from 1 to 9, not 3.0"),
        (True, "must be a whole number from 1 to 9, not true"),
        (None, "must be a whole number from 1 to 9, not null"),
    ],
)
def test_ints_keep_type_bounds_and_step(value: Any, message: str) -> None:
    parameter = IntParameter(name="n", path=("n",), low=1, high=9, step=2)
    assert parameter.misfit(value) == message


def test_options_that_a_database_cannot_keep_go_through_json() -> None:
    """A database keeps None, truth values, numbers and texts, but no lists."""
    betas = ChoiceParameter(name="b", path=("b",), options=([0.9, 0.999], [0.9, 0.98], None))
    assert betas.categories == ("[0.9, 0.999]", "[0.9, 0.98]", None)
    assert betas.encode([0.9, 0.98]) == {"b": "[0.9, 0.98]"}
    assert betas.decode({"b": "[0.9, 0.98]"}) == [0.9, 0.98]
    betas.decode({"b": "[0.9, 0.98]"}).append(1)
    assert betas.decode({"b": "[0.9, 0.98]"}) == [0.9, 0.98], "a run changed the space"


def test_true_is_not_one() -> None:
    """Python says True == 1; a file with `choice: [1, 2]` does not mean true."""
    assert ChoiceParameter(name="c", path=("c",), options=(1, 2)).misfit(True)
    assert ChoiceParameter(name="c", path=("c",), options=(1, 2)).misfit(1.0) == ""


@pytest.mark.parametrize(
    "parameter",
    [
        STEPPED,
        IntParameter(name="a.n", path=("a", "n"), low=1, high=8, log=True),
        ChoiceParameter(name="c", path=("c",), options=(1, "two", [3], None, True)),
        simplex(4),
        FixedParameter(name="f", path=("f",), value={"a": [1, 2.5]}),
    ],
)
def test_json_keeps_all_of_a_parameter(parameter: Parameter) -> None:
    """A report rebuilds the space from the study alone."""
    assert from_json(json.loads(json.dumps(parameter.to_json()))) == parameter
