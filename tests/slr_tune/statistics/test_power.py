"""What the runs could have shown, and how many more are needed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtrit

from slr_tune.statistics.components import VarianceComponents
from slr_tune.statistics.power import (
    MOST_SEEDS,
    PRACTICAL,
    chance_of_more,
    critical_value,
    more_runs,
    seeds_for_equivalence,
    smallest_detectable,
    smallest_margin,
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


def test_the_chance_is_what_comes_true() -> None:
    """Studies of which the seeds' variance and the new seeds are drawn: how many show it.

    The first three seeds gave a difference of 2 with a variance of 1; whatever the true variance
    is, by its own distribution given that estimate, the new seeds have the mean 2 and that
    variance. With 5 more the test is a t test on 8.
    """
    rng = np.random.default_rng(1)
    studies, more = 20_000, 5
    true = 2 / rng.chisquare(2, studies)
    new = 2.0 + np.sqrt(true)[:, None] * rng.normal(size=(studies, more))
    mean = (3 * 2.0 + new.sum(axis=1)) / 8
    scatter = 2 * 1.0 + 3 * (2.0 - mean) ** 2 + ((new - mean[:, None]) ** 2).sum(axis=1)
    shown = mean / np.sqrt(scatter / 7 / 8) > 2.3646
    found = chance_of_more(2.0, components(1.0 / 3, 0.0), more)
    assert found == pytest.approx(shown.mean(), abs=0.03)


def test_more_seeds_by_hand() -> None:
    """0.8 points, standard error 0.476 with 3 seeds, no noise of utterances.

    With 11 seeds the standard error would be 0.249 and 0.249 * (2.228 + 0.88) = 0.77 be shown in
    four studies of five, were 0.476 known. It is known by 2 degrees of freedom, so 8 more seeds
    are fewer than it takes.
    """
    found = more_runs(-0.8, components(0.476**2, 0.0))
    assert found is not None and found.seeds is not None and found.seeds > 8
    assert chance_of_more(0.8, components(0.476**2, 0.0), 8) < 0.8
    assert found.tried == min(found.seeds, PRACTICAL)


def test_the_number_is_the_smallest_that_does() -> None:
    """One seed fewer must not do, with noise of the utterances too."""
    measured = components(0.2, 0.02)
    found = more_runs(0.8, measured)
    assert found is not None
    assert found.seeds is not None
    assert chance_of_more(0.8, measured, found.seeds) >= 0.8
    assert chance_of_more(0.8, measured, found.seeds - 1) < 0.8


def test_lent_degrees_of_freedom_make_the_chance_surer() -> None:
    """What the other arms say of the variance counts."""
    alone = components(0.3, 0.02)
    lent = VarianceComponents(0.3, 0.02, 3, 150, 150.0, prior=3.0)
    assert chance_of_more(1.2, lent, 4) > chance_of_more(1.2, alone, 4)


def test_seeds_for_the_same_within_a_margin() -> None:
    """By hand: no noise of utterances; se = m / (t + 1.28) at a variance of 1 a seed, margin 1."""
    found = seeds_for_equivalence(components(1.0 / 3, 0.0), 1.0)
    assert found is not None
    critical = [float(stdtrit(n - 1, 0.95)) for n in (found, found - 1)]
    assert (
        found**-0.5 * (critical[0] + 1.2816) <= 1.0 < (found - 1) ** -0.5 * (critical[1] + 1.2816)
    )
    assert seeds_for_equivalence(components(0.1, 0.5), 1.0) is None
    assert smallest_margin(0.25) == pytest.approx(2.93 * 0.5, abs=0.005)


def test_stricter_level_needs_more_seeds() -> None:
    """A larger family must not be promised the seeds of a single comparison."""
    alone = more_runs(0.8, components(0.5, 0.01))
    family = more_runs(0.8, components(0.5, 0.01), alpha=0.01)
    assert alone is not None
    assert family is not None
    assert (family.seeds or 0) > (alone.seeds or 0) > 0


def test_noise_of_utterances_asks_for_utterances() -> None:
    """By hand: 2.80 standard errors of 0.5 are 1.4 points; for 0.7 four times the utterances.

    0.7 itself is below 1.98 standard errors of 0.5: no seeds make it clear of zero.
    """
    found = more_runs(0.7, components(0.1, 0.25))
    assert found is not None
    assert found.seeds is None
    assert found.units == pytest.approx(4 * 150, rel=0.02)


def test_a_hopeless_margin_is_not_an_endless_search() -> None:
    """Seeds would do it one day, but not `MOST_SEEDS` of them."""
    found = more_runs(0.1, components(1000.0, 0.0))
    assert found is not None and (found.seeds, found.units) == (None, None)
    assert found.chance is not None and found.chance < 0.1
    assert MOST_SEEDS == 1000


def test_no_difference_needs_no_seeds() -> None:
    """Zero cannot be shown, and must not search for ever."""
    assert more_runs(0.0, components(1.0, 1.0)) is None


def test_an_ample_study_needs_one() -> None:
    """A difference far above the noise is settled by the next seed."""
    found = more_runs(9.0, components(0.1, 0.1))
    assert found is not None and (found.seeds, found.tried) == (1, 1)
