"""The distribution of a difference: where scipy has the piece, it must say the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from slr_tune.statistics.bootstrap import (
    DifferenceDistribution,
    difference_distribution,
    resampled_totals,
)
from slr_tune.statistics.components import variance_components
from slr_tune.statistics.power import critical_value


def distribution(table: np.ndarray, words: np.ndarray, resamples: int) -> DifferenceDistribution:
    columns = np.column_stack([table.mean(axis=0), words])
    drawn = resampled_totals(columns, resamples=resamples, seed=0)
    return difference_distribution(
        100.0 * table.mean(axis=0).sum() / words.sum(),
        variance_components(table, words),
        errors=drawn[:, 0],
        words=drawn[:, 1],
        seed=0,
    )


def test_seeds_alone_give_the_t_interval_over_seeds() -> None:
    """Where only seeds differ this is scipy's one-sample t test, to the last digit shown."""
    per_seed = np.array([-3.0, -1.0, -2.5, 0.5, -2.0])
    found = distribution(np.outer(per_seed, np.full(20, 0.1)), np.full(20, 10.0), 200)
    test = stats.ttest_1samp(per_seed, 0.0)
    expected = test.confidence_interval(0.95)
    assert found.interval() == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert found.p_value() == pytest.approx(test.pvalue, rel=1e-6)
    assert found.probability_of_improvement() == pytest.approx(1 - test.pvalue / 2, rel=1e-6)


def test_utterances_alone_give_the_bootstrap_over_utterances() -> None:
    """One seed: close to scipy's own percentile bootstrap of the ratio, paired."""
    rng = np.random.default_rng(1)
    words = rng.integers(3, 12, 300).astype(np.float64)
    table = rng.integers(-2, 2, (1, 300)).astype(np.float64)
    found = distribution(table, words, 10_000).interval()
    expected = stats.bootstrap(
        (table[0], words),
        lambda errors, length, axis: 100 * errors.sum(axis) / length.sum(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    # Half a percent wider by its t distribution, and Monte Carlo noise of both.
    assert found == pytest.approx((expected.low, expected.high), abs=0.25)


def test_a_handful_of_units_is_widened_by_t() -> None:
    """By hand: four equal signers have three degrees of freedom, not infinitely many."""
    table = np.array([[3.0, -1.0, 2.0, 4.0]])
    low, high = distribution(table, np.full(4, 100.0), 20_000).interval()
    expected = stats.t.ppf(0.975, 3) * table[0].std(ddof=1) / 2
    assert (high - low) / 2 == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("seed_effect", [0.003, 0.008, 0.02])
def test_planned_and_measured_width_are_the_same(seed_effect: float) -> None:
    """Power is computed from the critical value: it must be that of the interval, either way."""
    rng = np.random.default_rng(2)
    words = np.full(400, 10.0)
    table = rng.normal(size=(1, 400)) + 10 * seed_effect * np.array([[-1.0], [0.0], [1.0]])
    low, high = distribution(table, words, 20_000).interval()
    components = variance_components(table, words)
    expected = critical_value(components) * components.standard_error
    assert 0.05 < components.seed_share < 0.99
    assert (high - low) / 2 == pytest.approx(expected, rel=0.02)


def test_resamples_are_multinomial_and_paired() -> None:
    """Arms must see the same draws, and each unit once on average with variance 1 - 1/n."""
    columns = np.column_stack([np.eye(5), np.eye(5)[:, 0], np.ones(5)])
    drawn = resampled_totals(columns, resamples=20_000, seed=4)
    assert np.array_equal(drawn[:, 0], drawn[:, 5])
    assert np.all(drawn[:, 6] == 5.0)
    assert drawn[:, :5].mean(axis=0) == pytest.approx(np.ones(5), abs=0.03)
    assert drawn[:, :5].var(axis=0) == pytest.approx(np.full(5, 0.8), abs=0.04)
    assert np.cov(drawn[:, 0], drawn[:, 1])[0, 1] == pytest.approx(-0.2, abs=0.03)


def test_no_spread_at_all_is_a_point() -> None:
    """Identical arms: no division by the zero spread, and no evidence either way."""
    found = distribution(np.zeros((3, 4)), np.full(4, 5.0), 200)
    assert found.interval() == (0.0, 0.0)
    assert found.p_value() == 1.0
    assert found.probability_of_improvement() == 0.5


def test_p_value_never_claims_more_than_the_resamples_can_tell() -> None:
    """Zero out of 200 draws is not a probability of zero."""
    rng = np.random.default_rng(0)
    found = distribution(rng.integers(5, 8, (1, 400)).astype(float), np.full(400, 10.0), 200)
    assert found.p_value() == 1 / 201


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.integers(1, 5),
    units=st.integers(2, 12),
    shift=st.floats(-3, 3),
    rng=st.integers(0, 10_000),
)
def test_interval_and_p_value_agree(seeds: int, units: int, shift: float, rng: int) -> None:
    """A p-value below 0.05 beside an interval across zero would be indefensible."""
    generator = np.random.default_rng(rng)
    table = np.round(generator.normal(shift, 2.0, (seeds, units)))
    found = distribution(table, np.full(units, 10.0), 200)
    low, high = found.interval()
    p_value = found.p_value()
    if abs(p_value - 0.05) > 1e-6:  # the ends are found by bisection
        assert (low > 0 or high < 0) == (p_value < 0.05)
    assert low <= found.center + found.noise[-1]
    assert high >= found.center + found.noise[0]
