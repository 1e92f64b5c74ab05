"""A study whose truth is known: half of the trials stopped, nearly all for one parameter."""

from __future__ import annotations

import pytest
from optuna.trial import TrialState
from space_truth import TRUTH, importance_of, stock_shares, truth_trials

SEEDS = (0, 2, 5)
TRIALS = 400


@pytest.mark.parametrize("seed", SEEDS)
def test_all_trials_rank_right_where_the_stock_ranks_wrong(seed: int) -> None:
    """Were stopped trials thrown away, the strongest parameter would no longer lead."""
    trials = truth_trials(TRIALS, seed=seed)
    stopped = sum(trial.state == TrialState.PRUNED for trial in trials)
    assert 0.4 < stopped / TRIALS < 0.6
    assert tuple(bar.name for bar in importance_of(trials).units) == TRUTH
    assert next(iter(stock_shares(trials))) != TRUTH[0]


def test_the_stock_ranks_right_where_nothing_is_stopped() -> None:
    """Else it would be the made-up study that misleads, and not the stopping."""
    assert tuple(stock_shares(truth_trials(TRIALS, seed=0, pruned=False))) == TRUTH
