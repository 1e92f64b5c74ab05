"""The Gaussian process and its targets, against hand-worked values and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from slr_tune.search import surrogate
from slr_tune.search.surrogate import GaussianProcess, LastFit, normal_scores, rank_places

NUMBERS = np.array([False, False])


def test_higher_rungs_sort_only_the_places_that_they_hold() -> None:
    """Else a trial that went far would be compared at an epoch that others never reached."""
    values = [{3: 10.0, 9: 9.0}, {3: 20.0}, {3: 30.0, 9: 5.0}, {3: 40.0}]
    # Trials 0 and 2 hold places 0 and 2; at epoch 9 trial 2 is the better one.
    assert rank_places(values).tolist() == [2.0, 1.0, 0.0, 3.0]


def test_ties_share_their_places() -> None:
    """Else the order of the trials would decide among values that are equal, as in a flat start."""
    assert rank_places([{3: 1.0}, {3: 7.0}, {3: 7.0}, {3: 7.0}]).tolist() == [0.0, 2.0, 2.0, 2.0]
    tied_above = [{3: 1.0, 9: 4.0}, {3: 2.0, 9: 4.0}, {3: 3.0}]
    assert rank_places(tied_above).tolist() == [0.5, 0.5, 2.0]


def test_a_trial_without_a_number_is_last() -> None:
    """Else a diverged configuration would look as good as an average one."""
    assert rank_places([{3: math.inf}, {3: 5.0}, {3: math.inf}]).tolist() == [1.5, 0.0, 1.5]


def test_normal_scores_are_symmetric() -> None:
    scores = normal_scores(np.arange(5.0))
    assert scores == pytest.approx(-scores[::-1])
    assert scores[0] == pytest.approx(-1.2815515655)  # Phi^-1(0.1)


def test_the_gradient_is_that_of_the_loss() -> None:
    """Else the fit would stop anywhere, and the model would still give plausible numbers."""
    rng = np.random.default_rng(0)
    points, scores = rng.random((12, 2)), rng.standard_normal(12)
    squares = surrogate._squares(points, points, NUMBERS).reshape(2, -1)
    at = np.array([0.3, 1.2, -1.5])
    numeric = approx_fprime(at, lambda x: surrogate._loss(x, squares, scores)[0], 1e-6)
    assert surrogate._loss(at, squares, scores)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_the_posterior_is_that_of_scikit_learn() -> None:
    """A second implementation with the same hyperparameters; EI rests on both moments."""
    rng = np.random.default_rng(1)
    points = rng.random((25, 2))
    scores = np.sin(5 * points[:, 0]) + 0.1 * rng.standard_normal(25)
    model = GaussianProcess(points, scores, NUMBERS)
    kernel = ConstantKernel(model.variance) * Matern(1 / np.sqrt(model.theta), nu=2.5)
    other = GaussianProcessRegressor(kernel, alpha=model.variance * model.noise, optimizer=None)
    at = rng.random((7, 2))
    mean, deviation = other.fit(points, scores).predict(at, return_std=True)
    assert model.mean(at) == pytest.approx(mean, abs=1e-8)
    gain = (scores.min() - mean) / deviation
    density = np.exp(-(gain**2) / 2) / math.sqrt(2 * math.pi)
    below = 0.5 * np.array([math.erfc(-x / math.sqrt(2)) for x in gain])
    expected = deviation * (gain * below + density)
    assert model.improvement(at, np.zeros((0, 2))) == pytest.approx(expected, abs=1e-8)


def test_what_is_running_promises_less() -> None:
    """Else all workers would get nearly the same configuration."""
    rng = np.random.default_rng(2)
    points = rng.random((20, 2))
    model = GaussianProcess(points, ((points - 0.5) ** 2).sum(axis=1) - 0.15, NUMBERS)
    at = np.array([[0.5, 0.5]])
    alone = model.improvement(at, np.zeros((0, 2)))
    assert model.improvement(at, at) < alone


def test_last_fit_is_taken_for_the_same_trials_alone() -> None:
    """A model kept for other trials would suggest from a history that is not the study's."""
    points, scores = np.random.default_rng(0).random((9, 2)), np.linspace(-1.0, 1.0, 9)
    kept = LastFit()
    first = kept.fit(points, scores, NUMBERS)
    assert kept.fit(points.copy(), scores.copy(), NUMBERS) is first
    other = kept.fit(points, -scores, NUMBERS)
    assert other is not first
    assert other.mean(points) == pytest.approx(
        GaussianProcess(points, -scores, NUMBERS).mean(points), abs=0
    )
