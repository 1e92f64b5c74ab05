"""Holm's correction."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slr_tune.statistics.multiplicity import decision_levels, holm, holm_levels

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_by_hand() -> None:
    """0.01 * 3, 0.04 * 1 raised to 0.03 * 2, in the given order."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


STATSMODELS = """
import json, sys
from statsmodels.stats.multitest import multipletests
print(json.dumps([list(multipletests(one, method="holm")[1]) for one in json.load(sys.stdin)]))
"""


def test_statsmodels_says_the_same() -> None:
    """A second implementation, on any family.

    In a process of its own: among all that a test run has imported its import takes a minute.
    """
    families: list[list[float]] = []

    @given(P_VALUES)
    def draw(p_values: list[float]) -> None:
        families.append(p_values)

    draw()
    assert len(families) >= 100
    command = [sys.executable, "-c", STATSMODELS]
    done = subprocess.run(
        command, input=json.dumps(families), capture_output=True, text=True, check=True
    )
    for family, expected in zip(families, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(holm(family), expected, atol=1e-12)


@given(P_VALUES)
def test_adjusting_never_helps_an_arm(p_values: list[float]) -> None:
    """Correction can only raise a p-value, and keeps their order."""
    adjusted = holm(p_values)
    assert all(p <= raised <= 1.0 for p, raised in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.asarray(adjusted)[order]) >= 0.0)


def test_levels_are_those_at_which_holm_tests() -> None:
    """The largest p-value is tested at 0.05, the smallest of three at a third of it."""
    assert holm_levels([0.04, 0.01, 0.03]) == pytest.approx([0.05, 0.05 / 3, 0.025])


def test_a_p_value_out_of_range_is_refused() -> None:
    """A NaN would sort to the end and pass silently."""
    with pytest.raises(ValueError, match=r"0\.\.1"):
        holm([0.5, float("nan")])
    with pytest.raises(ValueError, match=r"0\.\.1"):
        holm([-0.1])


def test_intervals_of_the_deciding_level_agree_with_the_decisions() -> None:
    """By hand: 0.001 is shown at a third; 0.03 is not at a half, so neither is 0.04."""
    assert decision_levels([0.04, 0.001, 0.03]) == pytest.approx([0.025, 0.05 / 3, 0.025])
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.uniform(size=5) ** 4
        for value, level, adjusted in zip(p, decision_levels(p), holm(p), strict=True):
            assert (value < level) == (adjusted < 0.05)
