"""What a new driver fixes before it continues: trials that the last one left behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import median

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from slr_tune.study.live_trial import LiveTrial
from slr_tune.study.open_study import is_known
from slr_tune.study.optuna_private import reopen_trials, trial_key
from slr_tune.study.record import (
    ATTRIBUTE,
    is_deleted,
    is_foreign,
    is_imported,
    is_paused,
    record_of,
)
from slr_tune.study.store import StudyStore

LONG_ENOUGH = 2.0
"""Median epochs that a process must have had for an epoch before a trial is charged with none."""


@dataclass(frozen=True)
class Recovery:
    """What was found, by trial number.

    Attributes:
        resumed: Continue from their checkpoint, or from the start where there is none.
        pruned: ASHA had stopped them, the verdict was not stored yet.
        killed: Given up: several starts finished no new epoch.
        paused: Wait at a rung for their promotion.
    """

    resumed: tuple[int, ...] = ()
    pruned: tuple[int, ...] = ()
    killed: tuple[int, ...] = ()
    paused: tuple[int, ...] = ()


def recover(store: StudyStore, *, idle_seconds: float = 0.0) -> Recovery:
    """Gives each trial that a dead driver left RUNNING its verdict, or a place in the queue.

    Args:
        store: The study.
        idle_seconds: Time since the last driver's last sign of life.
    """
    resumed, pruned, killed, paused = [], [], [], []
    for trial in list(store.trials):
        record = record_of(trial)
        if is_paused(trial):
            paused.append(trial.number)
        elif trial.state == TrialState.WAITING and record is not None:
            resumed.append(trial.number)
        if trial.state != TrialState.RUNNING:
            continue
        if record is None:
            # Cut off while it was suggested: the rest of its parameters is suggested next time.
            store.storage.set_trial_state_values(trial_key(trial), TrialState.WAITING)
            continue
        live = store.take_up(trial, record)
        lived = _lived(trial, live, died=time.time() - idle_seconds)
        # The curve file may be ahead of the database.
        rows = live.curve.rows()
        if rows and store.spec.objective.metric in rows[0]:
            store.catch_up(live, rows)
        charged = _is_charged(live, lived, store.trials)
        if any(entry.stopped for entry in live.record.rungs):
            store.finish(live, "asha")
            pruned.append(trial.number)
        elif live.record.paused_at is not None:
            store.park(live)
            paused.append(trial.number)
        elif charged and store.exhausted(live):
            store.finish(live, "killed", error=f"cut off {live.record.attempts} times in a row")
            killed.append(trial.number)
        else:
            store.park(live, blameless=not charged)
            resumed.append(trial.number)
    return Recovery(tuple(resumed), tuple(pruned), tuple(killed), tuple(paused))


def reopen_failed(study: str, storage: RDBStorage) -> tuple[int, ...]:
    """Puts the failed trials of a study back into its queue; they continue where they were.

    Returns:
        Their numbers. Trials of other programs are left alone.
    """
    if not is_known(study, storage):
        return ()
    loaded = optuna.load_study(study_name=study, storage=storage)
    failed = loaded.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return _reopen(storage, [t for t in failed if not (is_imported(t) or is_deleted(t))])


def reopen_pruned(study: str, storage: RDBStorage, *, trials: int | None) -> tuple[int, ...]:
    """Lets the trials wait again that ended because no promotion came, where one may come now.

    Args:
        study: Its name.
        storage: The database, which nobody else has read this study from so far.
        trials: Trials requested; None for as many as the time allows.

    Returns:
        Their numbers; none where the study has its trials and all of them are finished.
    """
    if not is_known(study, storage):
        return ()
    found = optuna.load_study(study_name=study, storage=storage).get_trials(deepcopy=False)
    own = [
        trial
        for trial in found
        if not (is_foreign(trial) or is_imported(trial) or is_deleted(trial))
    ]
    enough = trials is not None and len(own) >= trials
    if enough and all(trial.state.is_finished() for trial in own):
        return ()
    return _reopen(storage, [trial for trial in own if _lacked_promotion(trial)])


def _lacked_promotion(trial: FrozenTrial) -> bool:
    record = record_of(trial) if trial.state == TrialState.PRUNED else None
    return record is not None and record.ended_by == "asha" and record.paused_at is not None


def _reopen(storage: RDBStorage, trials: Iterable[FrozenTrial]) -> tuple[int, ...]:
    """Puts trials back into the queue, those without a record left alone; returns the numbers."""
    found = [(trial, record) for trial in trials if (record := record_of(trial)) is not None]
    reopen_trials(storage.engine, [trial_key(trial) for trial, _ in found])
    for trial, record in found:
        fresh = replace(record, ended_by=None, error=None, attempts=0)
        storage.set_trial_user_attr(trial_key(trial), ATTRIBUTE, fresh.to_json())
    return tuple(trial.number for trial, _ in found)


def epoch_seconds(trials: Iterable[FrozenTrial]) -> list[float]:
    """Seconds of an epoch, by trial, of those whose records say so."""
    # Runs of elsewhere say nothing of this machine.
    records = filter(None, (record_of(trial) for trial in trials if not is_imported(trial)))
    return [one.seconds / one.epochs for one in records if one.epochs and one.seconds > 0]


def _lived(trial: FrozenTrial, live: LiveTrial, *, died: float) -> float:
    """Seconds that the dead driver had for another epoch."""
    start = 0.0 if trial.datetime_start is None else trial.datetime_start.timestamp()
    with suppress(OSError):
        start = max(start, live.curve.path.stat().st_mtime)
    return died - start


def _is_charged(live: LiveTrial, lived: float, trials: Iterable[FrozenTrial]) -> bool:
    """Whether a cut-off trial could have stored another epoch, and did not."""
    if not live.record.epochs:
        return False
    known = epoch_seconds(trials) or [live.record.seconds / live.record.epochs]
    return lived >= LONG_ENOUGH * median(known)
