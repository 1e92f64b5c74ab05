"""What the runs could have shown, and how many more are needed."""

from __future__ import annotations

import numpy as np
import pytest

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.power import (
    MOST_SEEDS,
    MoreRuns,
    critical_value,
    more_runs,
    smallest_detectable,
)


def components(seed: float, unit: float, seeds: int = 3, units: int = 150) -> VarianceComponents:
    return VarianceComponents(seed, unit, seeds, units, float(units))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_seeds_alone_are_a_t_test(seeds: int) -> None:
    """statsmodels solves the same power of a one-sample t test: effect size times sqrt(n)."""
    from statsmodels.stats.power import TTestPower

    effect = TTestPower().solve_power(nobs=seeds, alpha=0.05, power=0.8)
    found = smallest_detectable(components(4.0, 0.0, seeds))
    assert found == pytest.approx(2.0 * effect * seeds**0.5, rel=1e-4)


def test_utterances_alone_are_nearly_normal() -> None:
    """By hand: 1.960 + 0.842 = 2.802 standard errors with very many utterances."""
    found = smallest_detectable(components(0.0, 1.0, units=10**6))
    assert found == pytest.approx(2.8016, rel=1e-3)


def test_critical_value_lies_between_its_two_limits() -> None:
    """1.96 where utterances rule, 4.30 where three seeds do, and rising between."""
    values = [critical_value(components(s, 1 - s, units=10**6)) for s in (0, 0.2, 0.5, 0.8, 1)]
    assert values[0] == pytest.approx(1.96, abs=1e-3)
    assert values[-1] == pytest.approx(4.303, abs=1e-3)
    assert values == sorted(values)


def test_studies_of_that_size_are_shown_four_times_in_five() -> None:
    """The promise itself: normal data, three seeds, both parts of the noise estimated anew."""
    rng = np.random.default_rng(0)
    truth = components(1.0, 1.0)
    size = smallest_detectable(truth)
    assert size is not None
    shown = 0
    for _ in range(800):
        estimate = components(rng.chisquare(2) / 2, rng.chisquare(149) / 149)
        measured = size + rng.normal() * truth.standard_error
        shown += measured > critical_value(estimate) * estimate.standard_error
    assert shown / 800 == pytest.approx(0.8, abs=0.06)


def test_one_seed_could_have_shown_nothing() -> None:
    """The seeds' variance is unknown, so there is no such number."""
    assert smallest_detectable(components(0.0, 1.0, seeds=1)) is None
    assert more_runs(-1.0, components(0.0, 1.0, seeds=1)) is None


def test_more_seeds_by_hand() -> None:
    """0.8 points, standard error 0.476 with 3 seeds, no noise of utterances.

    With 11 seeds it is 0.249, and 0.249 * (2.228 + 0.88) = 0.77; with 10 it is 0.82.
    """
    assert more_runs(-0.8, components(0.476**2, 0.0)) == MoreRuns(seeds=8, units=None)


def test_the_number_is_the_smallest_that_does() -> None:
    """One seed fewer must not do, with noise of the utterances too."""
    measured = components(0.5, 0.04)
    found = more_runs(0.8, measured)
    assert found is not None
    assert found.seeds is not None
    enough = smallest_detectable(measured.with_seeds(3 + found.seeds))
    short = smallest_detectable(measured.with_seeds(2 + found.seeds))
    assert enough is not None
    assert short is not None
    assert enough <= 0.8 < short


def test_stricter_level_needs_more_seeds() -> None:
    """A larger family must not be promised the seeds of a single comparison."""
    alone = more_runs(0.8, components(0.5, 0.01))
    family = more_runs(0.8, components(0.5, 0.01), alpha=0.01)
    assert alone is not None
    assert family is not None
    assert (family.seeds or 0) > (alone.seeds or 0) > 0


def test_noise_of_utterances_asks_for_utterances() -> None:
    """By hand: 2.80 standard errors of 0.5 are 1.4 points; for 0.7 four times the utterances."""
    found = more_runs(0.7, components(0.1, 0.25))
    assert found is not None
    assert found.seeds is None
    assert found.units == pytest.approx(4 * 150, rel=0.02)


def test_a_hopeless_margin_is_not_an_endless_search() -> None:
    """Seeds would do it one day, but not `MOST_SEEDS` of them."""
    assert more_runs(0.1, components(1000.0, 0.0)) == MoreRuns(None, None)
    assert MOST_SEEDS == 1000


def test_no_difference_needs_no_seeds() -> None:
    """Zero cannot be shown, and must not search for ever."""
    assert more_runs(0.0, components(1.0, 1.0)) is None


def test_an_ample_study_needs_none() -> None:
    """A difference far above the noise is settled already."""
    assert more_runs(9.0, components(0.1, 0.1)) == MoreRuns(seeds=0, units=None)
