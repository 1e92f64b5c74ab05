"""What the driver keeps up to date of its trials is what a look at all of them gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState
from toy_space import toy_spec

from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.space import StudySpec
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.optuna_private import trial_key
from slr_tune.study.record import is_own, is_queued
from slr_tune.study.recovery import recover, reopen_failed
from slr_tune.study.storage import open_storage
from slr_tune.study.store import StudyStore

TRIALS = 9


def check(store: StudyStore) -> None:
    """Against a look at all trials."""
    trials = store.trials
    queued = [trial for trial in trials if is_queued(trial)]
    assert store.own_trials == [trial for trial in trials if is_own(trial)]
    assert store.own_count == len(store.own_trials)
    assert store.waiting() == len(queued)
    assert store.first_queued == (queued[0] if queued else None)
    assert store.next_number() == (queued[0].number if queued else len(trials))


def settle(store: StudyStore) -> None:
    """Waits until all is stored, and asks what others did."""
    while not store.stored(seconds=60.0, ask=True):
        store.keep_up()


def run(spec: StudySpec, url: str, steps: list[int]) -> int:
    """One run of a search; returns how many of the steps it took, to the next 7 or 8."""
    database = open_storage(url, create=True)
    reopen_failed("toy", database)
    store = open_store(spec, database)
    check(store)
    recover(store)
    check(store)
    taken = 0
    with store.batched():
        recorder = Recorder(store, StudyLock(database.engine, "toy"), target=TRIALS, workers=3)
        for taken, what in enumerate(steps, 1):  # noqa: B007
            if what in (7, 8):
                break
            step(recorder, what)
            check(store)
        if what == 7:  # else the driver is killed
            recorder.sweep()
            check(store)
        settle(store)
        check(store)
    check(store)
    database.engine.dispose()
    return taken


def step(recorder: Recorder, what: int) -> None:
    """One of: a report (0 to 2), a dead worker, an end and a new trial elsewhere, a failure."""
    store = recorder.store
    while recorder.next_trial() is None and not store.settled:
        settle(store)
    check(store)
    held = sorted(store.live)
    number = held[what % len(held)] if held else None
    if number is not None and what <= 2:
        epoch = max(store.live[number].values, default=0) + 1
        row = {"epoch": epoch, "seconds": 1.0, "val/wer": 90.0 - number % 4 - epoch}
        ended = "max_epochs" if epoch == 3 else None
        recorder.report(number, Report([row], ended_by=ended))
    elif number is not None and what == 3:
        recorder.lost_worker(number, "it died")
    elif number is not None and what == 4:
        settle(store)
        key = trial_key(store.trials[number])
        store.database.set_trial_state_values(key, TrialState.FAIL)
        settle(store)
    elif what == 5:
        study = optuna.load_study(study_name="toy", storage=store.database)
        study.enqueue_trial({"level": 0.1, "width": 1})
        settle(store)
    elif number is not None:
        row = {"epoch": 1, "seconds": 1.0, "val/wer": 90.0}
        recorder.report(number, Report([row], ended_by="error", error="made to fail"))


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(st.sampled_from([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8]), min_size=12, max_size=24)
)
def test_kept_up_to_date_is_what_a_full_look_gives(
    steps: list[int], empty_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Reports, promotions, dead workers, failures tried again, resumed runs, ends elsewhere."""
    folder = tmp_path_factory.mktemp("study")
    path = Path(shutil.copy(empty_database, folder / "slr-tune.db"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLR_TUNE_STUDIES", str(folder / "studies"))
        spec = toy_spec(
            folder, trials=TRIALS, max_epochs=3, workers=3, search="{strategy: prior-asha}"
        )
        while steps:
            steps = steps[run(spec, f"sqlite:///{path}", steps) :]
