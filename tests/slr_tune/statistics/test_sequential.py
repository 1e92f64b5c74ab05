"""Looks that are planned, and arms that are dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy.stats import norm, t

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.difference import Difference
from slr_tune.statistics.sequential import Looked, LookPlan


def difference(points: float, p_value: float = 0.5, seeds: int = 4) -> Difference:
    components = VarianceComponents(1.0, 0.25, seeds, 150, 150.0, prior=4.0)
    return Difference(points, -9, 9, (), p_value, p_value, 0.5, components, identical=False)


def test_weights_by_hand() -> None:
    """4, 16, 49 and 121 of 190."""
    plan = LookPlan.up_to(12)
    assert plan.looks == (3, 5, 8, 12) and plan.most == 12
    assert plan.weights == pytest.approx((4 / 190, 16 / 190, 49 / 190, 121 / 190))
    assert [LookPlan.up_to(n).looks for n in (3, 5, 7)] == [(3,), (3, 5), (3, 5, 7)]
    assert (plan.weight(4), plan.weight(8)) == (plan.weights[0], plan.weights[2])
    assert plan.fixed == 9


def test_q_is_the_smallest_p_over_its_share() -> None:
    """An arm that is stopped keeps what it had, and counts in the correction."""
    looked = Looked(LookPlan.up_to(12))
    found = {"a": difference(5, 0.0004), "b": difference(1, 0.3), "c": difference(3, 0.01)}
    looked.look(found, {"a", "b", "c"}, 3)
    assert looked.q["a"] == pytest.approx(0.0004 * 190 / 4)
    assert looked.decided()[0] == set()  # 0.019 * 3 is above 0.05
    looked.look({**found, "c": difference(3, 0.0005)}, {"c"}, 5)
    assert looked.q["c"] == pytest.approx(0.0005 * 190 / 16)
    assert looked.decided()[0] == {"c", "a"}  # 0.0059 * 3, then 0.019 * 2


def test_hopeless_by_hand() -> None:
    """Four of twelve seeds with a variance of the mean of 1: after twelve 1/3, and 0.25 stays."""
    looked = Looked(LookPlan.up_to(12), q={"a": 1.0, "b": 1.0})
    level = 0.05 * 121 / 190 / 2
    needed = t.ppf(1 - level / 2, 4 + 11) * (1 / 3 + 0.25) ** 0.5
    spread = (1 / 3 * (1 - 4 / 12)) ** 0.5
    edge = needed + spread * norm.ppf(0.02)
    assert looked.hopeless(difference(edge - 0.01), "a", 4)
    assert not looked.hopeless(difference(-edge - 0.01), "a", 4)
    assert not looked.hopeless(difference(0.0), "a", 12)


def test_an_arm_that_may_be_the_same_is_not_hopeless() -> None:
    """Dropping it for want of a difference would leave nothing to be shown the same."""
    near = replace(difference(0.0), components=VarianceComponents(0.1, 0.01, 4, 150, 150.0, 4.0))
    assert Looked(LookPlan.up_to(12), q={"a": 1.0}).hopeless(near, "a", 4)
    asked = Looked(LookPlan.up_to(12), margin=2.0, q={"a": 1.0}, same={"a": 1.0})
    assert not asked.hopeless(near, "a", 4)
