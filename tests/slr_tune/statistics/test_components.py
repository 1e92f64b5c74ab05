"""The split of a difference's variance between seeds and utterances."""

from __future__ import annotations

import numpy as np
import pytest

from slr_tune.statistics.components import (
    VarianceComponents,
    block_index,
    unit_totals,
    variance_components,
)


def test_seeds_alone() -> None:
    """By hand: seeds at 1, 2 and 3 errors on each of 10 words, no other spread.

    10, 20 and 30 points: variance 100, of their mean 100 / 3.
    """
    found = variance_components(np.outer([1.0, 2.0, 3.0], np.ones(4)), np.full(4, 10.0))
    assert found.seed == pytest.approx(100.0 / 3)
    assert found.unit == pytest.approx(0.0, abs=1e-12)
    assert found.seed_share == pytest.approx(1.0)
    assert found.seed_df == pytest.approx(2.0)


def test_utterances_alone() -> None:
    """By hand: utterances at 0 and 2 errors of 10 words, the same with each seed.

    0 and 20 points: variance 200, of their mean 100.
    """
    found = variance_components(np.array([[0.0, 2.0]] * 3), np.array([10.0, 10.0]))
    assert found.seed == pytest.approx(0.0, abs=1e-12)
    assert found.unit == pytest.approx(100.0)
    assert found.standard_error == pytest.approx(10.0)
    assert found.unit_df == pytest.approx(1.0)


def test_seeds_that_agree_by_chance_keep_the_noise_of_the_interaction() -> None:
    """By hand: two seeds err on different utterances, and their totals are equal.

    Residuals are +-5 points: V_interaction = (4 * 25 / 1) / 4 = 25, and nothing is left for the
    utterances, which must not become negative. Without a floor the interval would be a point.
    """
    found = variance_components(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([10.0, 10.0]))
    assert found.unit == 0.0
    assert found.seed == pytest.approx(25.0 * (0.5 * 1.95996 / 12.7062) ** 2, rel=1e-4)


def test_equal_lengths_give_the_mean_squares_of_a_two_way_layout() -> None:
    """The textbook estimators, written another way, for 4 seeds and 30 utterances."""
    rng = np.random.default_rng(3)
    table = rng.normal(size=(4, 1)) + rng.normal(size=(1, 30)) + rng.normal(size=(4, 30))
    residual = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    of_seeds = 30 * table.mean(1).var(ddof=1)
    of_utterances = 4 * table.mean(0).var(ddof=1)
    of_residuals = (residual**2).sum() / (3 * 29)
    found = variance_components(table, np.ones(30))
    assert found.seed == pytest.approx(1e4 * of_seeds / 120)
    assert found.unit == pytest.approx(1e4 * (of_utterances - of_residuals) / 120)


def test_variance_is_right_on_average() -> None:
    """The estimate of the whole variance must be that of the difference over repeated studies."""
    rng = np.random.default_rng(5)
    words = rng.integers(3, 12, 40).astype(np.float64)
    found, means = [], []
    for _ in range(3000):
        table = words * (
            0.05 * rng.normal(size=(3, 1))
            + 0.3 * rng.normal(size=(1, 40))
            + 0.3 * rng.normal(size=(3, 40))
        )
        components = variance_components(table, words)
        found.append(components.seed + components.unit)
        means.append(100 * table.sum() / (3 * words.sum()))
    assert np.mean(found) == pytest.approx(np.var(means), rel=0.1)


def test_signers_are_resampled_whole() -> None:
    """Utterances of one signer that fail together must not count as independent."""
    blocks = block_index(["a", "b", "a", "b"], 4)
    assert blocks.tolist() == [0, 1, 0, 1]
    assert unit_totals(np.array([[1, 2, 3, 4]]), blocks).tolist() == [[4.0, 6.0]]
    with pytest.raises(ValueError, match="2 block labels for 4"):
        block_index(["a", "b"], 4)


def test_one_seed_leaves_the_seeds_unknown() -> None:
    """With one seed nothing may be taken away as interaction: all is the utterances' noise."""
    found = variance_components(np.array([[0.0, 2.0]]), np.array([10.0, 10.0]))
    assert found.seed == 0.0
    assert found.unit == pytest.approx(100.0)


def test_unequal_units_count_for_fewer() -> None:
    """Of 0.7, 0.1, 0.1, 0.1 of the words, four signers say as much as 1.9 equal ones."""
    words = np.array([70.0, 10.0, 10.0, 10.0])
    found = variance_components(np.array([[1.0, 0.0, 2.0, 0.0]]), words)
    assert found.effective_units == pytest.approx(1 / 0.52)


def test_more_seeds_and_more_utterances_divide_their_own_part() -> None:
    """More seeds must never promise to shrink what the utterances do."""
    found = variance_components(np.array([[0.0, 4.0, 1.0], [1.0, 7.0, 2.0]]), np.full(3, 10.0))
    assert found.seed > 0
    assert found.unit > 0
    more = found.with_seeds(8)
    assert (more.seed, more.unit) == (pytest.approx(found.seed / 4), found.unit)
    longer = found.with_units(6)
    assert (longer.seed, longer.unit) == (found.seed, pytest.approx(found.unit / 2))


def test_interval_is_drawn_in_most_where_seeds_are_a_quarter() -> None:
    """By hand: 0.15 with up to three seeds, a quarter of that with five, nothing at the ends."""

    def factor(seed: float, unit: float, seeds: int = 3) -> float:
        return VarianceComponents(seed, unit, seeds, 150, 150.0).drawn_in

    assert factor(1.0, 3.0) == pytest.approx(0.85)
    assert factor(1.0, 3.0, seeds=5) == pytest.approx(0.9625)
    assert factor(1.0, 3.0, seeds=2) == pytest.approx(0.85)
    assert factor(1.0, 0.0) == factor(0.0, 1.0) == 1.0
    assert factor(0.0, 1.0, seeds=1) == 1.0


@pytest.mark.parametrize("words", [[10.0], [10.0, 0.0]])
def test_one_utterance_is_refused(words: list[float]) -> None:
    """The variance of a single utterance would be reported as zero."""
    with pytest.raises(ValueError, match="at least two"):
        variance_components(np.ones((3, len(words))), np.array(words))
