"""TPE and trials that failed: what diverges is avoided, what was killed says nothing."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from slr_tune.search.sampler import tpe
from slr_tune.study.record import ATTRIBUTE

RATE = FloatDistribution(1e-4, 1.0, log=True)
KIND = CategoricalDistribution(["a", "b"])


def history(ended_by: str) -> optuna.Study:
    """Forty trials; a learning rate above 0.01 ends a run before it has a value."""
    study = optuna.create_study()
    rng = np.random.default_rng(0)
    for rate in 10 ** rng.uniform(-4, 0, 40):
        params = {"rate": float(rate), "kind": str(rng.choice(["a", "b"]))}
        distributions = {"rate": RATE, "kind": KIND}
        if rate > 0.01:
            study.add_trial(
                create_trial(
                    state=TrialState.FAIL,
                    params=params,
                    distributions=distributions,
                    user_attrs={ATTRIBUTE: {"ended_by": ended_by}},
                )
            )
        else:
            # The best is next to where runs diverge.
            value = -np.log10(rate)
            study.add_trial(create_trial(value=value, params=params, distributions=distributions))
    return study


def suggested(study: optuna.Study, *, multivariate: bool) -> list[float]:
    before = [trial.state for trial in study.get_trials(deepcopy=False)]
    rates = []
    for number in range(60):
        study.sampler = tpe(seed=1, number=number, multivariate=multivariate)
        trial = study.ask()
        rates.append(trial.suggest_float("rate", 1e-4, 1.0, log=True))
        assert trial.suggest_categorical("kind", ["a", "b"]) in ("a", "b")
        # It must not learn from this one; a killed trial says nothing.
        trial.set_user_attr(ATTRIBUTE, {"ended_by": "killed"})
        study.tell(trial, state=TrialState.FAIL)
    assert [trial.state for trial in study.get_trials(deepcopy=False)][: len(before)] == before
    return rates


@pytest.mark.parametrize("multivariate", [False, True])
def test_what_diverges_is_suggested_less(multivariate: bool) -> None:
    """Optuna's TPE leaves failed trials out, and goes where they failed again and again."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    diverging = {
        ended_by: np.mean(np.array(suggested(history(ended_by), multivariate=multivariate)) > 0.01)
        for ended_by in ("nan", "killed")
    }
    assert diverging["nan"] < 0.5 * diverging["killed"]


def test_without_such_a_trial_nothing_changes() -> None:
    """The same suggestions as of Optuna's own sampler, to the bit."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = history("killed")
    ours = suggested(study, multivariate=False)
    study, stock = history("killed"), []
    for number in range(60):
        wrapped = tpe(seed=1, number=number)
        study.sampler = wrapped._sampler  # type: ignore[attr-defined]
        trial = study.ask()
        stock.append(trial.suggest_float("rate", 1e-4, 1.0, log=True))
        trial.suggest_categorical("kind", ["a", "b"])
        trial.set_user_attr(ATTRIBUTE, {"ended_by": "killed"})
        study.tell(trial, state=TrialState.FAIL)
    assert ours == stock
