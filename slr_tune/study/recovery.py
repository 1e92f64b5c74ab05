"""What a new driver mends before it goes on: trials that the last one left behind."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.optuna_private import trial_key
from slr_tune.study.record import record_of
from slr_tune.study.store import LiveTrial, StudyStore


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
        if trial.state == TrialState.WAITING and record_of(trial) is not None:
            resumed.append(trial.number)
        if trial.state != TrialState.RUNNING:
            continue
        live = _take_over(store, trial)
        if live is None:
            # Cut off while it was suggested: the rest of its parameters is suggested next time.
            store.storage.set_trial_state_values(trial_key(trial), TrialState.WAITING)
            continue
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


def _take_over(store: StudyStore, trial: FrozenTrial) -> LiveTrial | None:
    """The trial as its driver held it, the database brought up to the curve file."""
    record = record_of(trial)
    if record is None:
        return None
    live = store.take_up(trial, record)
    rows = live.curve.rows()
    if rows and store.spec.objective.metric in rows[0]:
        store.catch_up(live, rows)
    return live
