"""A study whose truth is known: half of the trials stopped, nearly all for one parameter."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from known_truth import LAST, RUNG, TRUTH, truth_space, truth_trials
from optuna.trial import TrialState

from slr_tune.importance import analyse, choose_epoch, values_at, variables_of

SEEDS = (0, 2, 5)
TRIALS = 400


def ours(trials: list[optuna.trial.FrozenTrial]) -> tuple[str, ...]:
    epoch = choose_epoch(trials, (RUNG,), LAST, asked=None).epoch
    values = values_at(trials, epoch)
    rows = np.flatnonzero(np.isfinite(values))
    columns = [column.take(rows) for column in variables_of(truth_space(), trials)]
    return tuple(bar.name for bar in analyse(columns, values[rows], epoch=epoch).units)


def stock(trials: list[optuna.trial.FrozenTrial]) -> tuple[str, ...]:
    """Optuna's, over COMPLETE trials; a branch's parameter counts for its choice."""
    study = optuna.create_study()
    study.add_trials(trials)
    totals = dict.fromkeys(TRUTH, 0.0)
    for name, share in optuna.importance.get_param_importances(study).items():
        totals[name.split(".")[0]] += share
    return tuple(sorted(totals, key=lambda name: -totals[name]))


@pytest.mark.parametrize("seed", SEEDS)
def test_matched_epochs_rank_right_where_the_stock_ranks_wrong(seed: int) -> None:
    """Were stopped trials thrown away, the strongest parameter would no longer lead."""
    trials = truth_trials(TRIALS, seed=seed)
    stopped = sum(trial.state == TrialState.PRUNED for trial in trials)
    assert 0.4 < stopped / TRIALS < 0.6
    assert ours(trials) == TRUTH
    assert stock(trials)[0] != TRUTH[0]


def test_the_stock_ranks_right_where_nothing_is_stopped() -> None:
    """Else it would be the made-up study that misleads, and not the stopping."""
    assert stock(truth_trials(TRIALS, seed=0, pruned=False)) == TRUTH
