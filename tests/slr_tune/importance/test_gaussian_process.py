"""The model's algebra, against what it would be without any."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from optuna.trial import FrozenTrial
from simulated_search import MAX_EPOCHS, RUNGS, simulate
from truths import TRUTHS, draw

from slr_tune.importance.coordinates import coordinates
from slr_tune.importance.gaussian_process import GaussianProcess, centred_kernels, rung_kernel
from slr_tune.importance.reading import Reading, left_out_residuals
from slr_tune.importance.trial_rows import trial_rows

EPOCHS = (*RUNGS, MAX_EPOCHS)


@cache
def history(name: str, search: str = "tpe-asha", trials: int = 40) -> list[FrozenTrial]:
    truth = TRUTHS[name]
    found = simulate(truth.space, truth.curve(0), search, trials=trials, seed=0)
    return found


@cache
def fitted(name: str) -> GaussianProcess:
    trials = history(name)
    axes = coordinates(TRUTHS[name].space, trials)
    everything = [True] * len(axes.axes)
    rows = trial_rows(trials, EPOCHS, sign=1.0, acts=lambda trial, epoch: everything)
    assert rows is not None
    model = GaussianProcess(axes, rows)
    model.fit(steps=25)
    return model


def test_the_gradient_is_that_of_the_posterior() -> None:
    """A wrong one ends in a fit that looks like any other."""
    model = fitted("distil")
    theta = model.theta + np.random.default_rng(0).normal(0, 0.3, len(model.theta))
    _, gradient = model.log_posterior(theta)
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-5
        ahead, behind = (model.log_posterior(theta + side * step)[0] for side in (1, -1))
        assert gradient[place] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-4)


def test_kernels_have_no_mean_over_the_space_and_none_at_the_last_epoch() -> None:
    """Else a parameter's effect would hide in the constant, or in another's."""
    for axis in fitted("distil").space.axes:
        for kernel in centred_kernels(axis, axis.grid, axis.grid):
            assert np.abs(axis.weights @ kernel).max() < 1e-10
            assert float(axis.weights @ np.diag(kernel)) > 0.2
    late = rung_kernel(np.array([0.0, 0.5, 1.0]), np.array([1.0]))
    assert np.abs(late).max() < 1e-12


def test_variances_are_those_of_the_function_over_even_draws() -> None:
    """Closed form against 4000 configurations."""
    model = fitted("distil")
    reading = Reading(model, model.theta)
    truth = TRUTHS["distil"]
    drawn = draw(truth.space, np.random.default_rng(0), 4000)
    trials = [_trial(params) for params in drawn]
    points = model.space.points(trials, truth.space)
    values = reading.design(model.against_grid(points)) @ reading.mean
    whole = reading.variances(reading.mean[None]).sum()
    assert whole == pytest.approx(values.var(), rel=0.1)
    assert abs(values.mean()) < 0.1 * values.std()
    assert reading.shapley(reading.variances(reading.mean[None])).sum() == pytest.approx(1.0)


def _trial(params: dict[str, object]) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    found = create_trial(state=TrialState.WAITING)
    found._params = params
    return found


def test_functions_fit_the_values_that_they_were_made_of() -> None:
    """The posterior mean in the eigenfunctions is the posterior mean of the process."""
    model = fitted("pair")
    reading = Reading(model, model.theta)
    last = model.rows.at_the_end
    output = (reading.design(model.own_against_grid) @ reading.mean)[last]
    beside = reading.solved.alpha
    slope = model.slope(model.theta)[model.rows.rung]
    shared = model.rows.trial[:, None] == model.rows.trial[None, :]
    tau = np.exp(model.theta[2 * len(model.owner) + 1])
    own = tau * slope[:, None] * slope[None, :] * shared @ beside
    rung = 10.0 * (model.rows.rung[:, None] == model.rows.rung[None, :]) @ beside
    nu = np.exp(model.theta[2 * len(model.owner) + 2])
    rest = model.rows.values - own - rung - nu * beside
    assert np.abs(output - rest[last]).max() < 0.1


def test_draws_scatter_about_the_mean() -> None:
    """Matheron's rule against the posterior mean, and no draw without noise."""
    model = fitted("pair")
    reading = Reading(model, model.theta)
    drawn = reading.draws(600, np.random.default_rng(0))
    deviation = drawn.std(axis=0)
    assert np.abs(drawn.mean(axis=0) - reading.mean).max() < 0.2 * deviation.max()
    assert (deviation <= np.sqrt(reading.spread) * 1.15 + 1e-9).all()


def test_a_trial_left_out_is_foretold_as_by_a_model_without_it() -> None:
    """Blocks of the inverse against the model fitted to the others, at the same settings."""
    model = fitted("additive")
    residuals, deviations = left_out_residuals(
        model.solve(model.theta), model.rows.trial, model.rows.values
    )
    for trial in (0, 5, 17):
        mine = model.rows.trial == trial
        whole = model.solve(model.theta).covariance
        others = np.linalg.solve(whole[np.ix_(~mine, ~mine)], model.rows.values[~mine])
        end_correlation = whole[np.ix_(mine, ~mine)] @ others
        assert residuals[mine] == pytest.approx(model.rows.values[mine] - end_correlation, abs=1e-6)
        assert (deviations[mine] > 0).all()
