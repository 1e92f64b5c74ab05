"""What a new driver mends before it goes on: trials that the last one left behind."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import TrialState

from slr_tune.study.optuna_private import trial_key
from slr_tune.study.record import record_of
from slr_tune.study.store import StudyStore


@dataclass(frozen=True)
class Recovery:
    """What was found, by trial number.

    Attributes:
        resumed: Go on from their checkpoint, or from the start where there is none.
        pruned: ASHA had stopped them, the verdict was not stored yet.
        killed: Given up: several starts brought no new epoch.
    """

    resumed: tuple[int, ...] = ()
    pruned: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()


def recover(store: StudyStore) -> Recovery:
    """Gives each trial that a dead driver left RUNNING its verdict, or a place in the queue."""
    resumed, pruned, killed = [], [], []
    for trial in list(store.trials):
        record = record_of(trial)
        if trial.state == TrialState.WAITING and record is not None:
            resumed.append(trial.number)
        if trial.state != TrialState.RUNNING:
            continue
        if record is None:
            # Cut off while it was suggested: the rest of its parameters is suggested next time.
            store.storage.set_trial_state_values(trial_key(trial), TrialState.WAITING)
            continue
        live = store.take_up(trial, record)
        # The curve file may be ahead of the database.
        rows = live.curve.rows()
        if rows and store.spec.objective.metric in rows[0]:
            store.catch_up(live, rows)
        if any(entry.stopped for entry in live.record.rungs):
            store.finish(live, "asha")
            pruned.append(trial.number)
        elif store.exhausted(live):
            store.finish(live, "killed", error=f"cut off {live.record.attempts} times in a row")
            killed.append(trial.number)
        else:
            store.park(live, blameless=False)
            resumed.append(trial.number)
    return Recovery(tuple(resumed), tuple(pruned), tuple(killed))
