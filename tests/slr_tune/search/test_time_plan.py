"""What is begun while time is short, by a clock of the test's own and without Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState
from toy_space import toy_spec

from slr_tune.search.picture import Remaining, picture
from slr_tune.search.recorder import Recorder
from slr_tune.search.standing import standing_of
from slr_tune.search.study_clock import TIME, StudyClock
from slr_tune.search.worker_report import Report
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import record_of
from slr_tune.study.storage import open_storage

EPOCH = 10.0
HOUR = 3600.0
Make = Callable[..., tuple[Recorder, list[float]]]


@pytest.fixture
def make(tmp_path: Path, database: Path) -> Make:
    """A search of an hour by one worker, and its clock."""

    def build(*, trials: int | None = None) -> tuple[Recorder, list[float]]:
        spec = toy_spec(tmp_path, search="{strategy: random-asha}", audit=0, baseline=False)
        spec = replace(spec, budget=replace(spec.budget, trials=trials, hours=1.0))
        storage, now = open_storage(create=True), [0.0]
        store = open_store(spec, storage)
        clock = StudyClock(store, now=lambda: now[0])
        lock = StudyLock(storage.engine, "toy")
        return Recorder(store, lock, target=trials, workers=1, clock=clock), now

    return build


def train(recorder: Recorder, now: list[float]) -> int | None:
    """Lets the worker take one trial to its next stop; returns its number."""
    live = recorder.next_trial()
    if live is None:
        return None
    number, over = live.number, False
    while not over:
        epoch = max(live.values, default=0) + 1
        now[0] += EPOCH
        row = {"epoch": epoch, "seconds": EPOCH, "val/wer": 90.0 - number}
        ended = "max_epochs" if epoch == 9 else None
        over = recorder.report(number, Report([row], ended_by=ended))
    return number


def test_nothing_is_begun_whose_first_rung_does_not_fit(make: Make) -> None:
    """Eleven seconds hold an epoch of ten with a tenth to spare; less do not."""
    recorder, now = make()
    train(recorder, now)
    now[0] = HOUR - 11.1
    assert train(recorder, now) == 1
    now[0] = HOUR - 10.9
    assert recorder.next_trial() is None
    assert recorder.drained and recorder.is_short
    assert [t.state for t in recorder.store.trials] == [TrialState.WAITING] * 2


def test_promotion_that_cannot_be_finished_gives_way(make: Make) -> None:
    """From epoch 3 to the end there is no time, from 1 to 3 there is: a lower rung goes first."""
    recorder, now = make()
    promotions = recorder.promotions
    assert promotions is not None
    while (due := promotions.quota.next()) is None or due.epoch != 3:
        # With time for first rungs and second ones alone, nobody is promoted beyond.
        now[0] = HOUR - 35.0
        assert train(recorder, now) is not None
    top = due.trial
    now[0] = HOUR - 35.0
    other = recorder.next_trial()
    assert other is not None and other.number != top
    recorder.store.park(other)
    # Given more hours the next driver makes it.
    spec = recorder.store.spec
    recorder.store.spec = replace(spec, budget=replace(spec.budget, hours=2.0))
    clock = StudyClock(recorder.store, now=lambda: now[0])
    later = Recorder(recorder.store, recorder.lock, target=None, workers=1, clock=clock)
    first = later.next_trial()
    assert first is not None and first.number == other.number  # what was begun comes first
    later.store.park(first)
    assert later.promotions is not None
    key = later.promotions.choose(started=False)
    assert key is not None
    found = later.store.start(key)
    assert found is not None and found.number == top


def test_slow_trial_is_judged_by_its_own_pace(make: Make) -> None:
    """Twice as slow as the others, it needs twice the time."""
    recorder, now = make()
    for _ in range(3):
        train(recorder, now)
    record = record_of(recorder.store.trials[1])
    assert record is not None
    now[0] = HOUR - 30.0
    assert recorder.plan.fits(record)
    assert not recorder.plan.fits(replace(record, seconds=2 * record.seconds))


def test_trials_asked_for_end_it_before(make: Make) -> None:
    """Then nothing is short of time, and those that waited are pruned."""
    recorder, now = make(trials=3)
    while train(recorder, now) is not None:
        pass
    assert recorder.drained and not recorder.is_short
    states = [trial.state for trial in recorder.store.trials]
    assert states == [TrialState.PRUNED] * 3


def test_time_left_is_shown(make: Make) -> None:
    """Beside what is done; no number of trials where none was asked for."""
    recorder, now = make()
    train(recorder, now)
    standing = standing_of(recorder.store, recorder.store.own_trials)
    now[0] = HOUR / 4
    lines = picture(standing, Remaining(None, HOUR, HOUR - now[0]), width=80, height=24)
    assert lines[0].endswith("░  25 %")  # without a number of trials the bar is of the time
    assert lines[1] == "1 epoch, 0 trials ended, 1 paused, 45 min of its 60 min left"


def test_time_is_kept_for_the_end_and_for_starting_again(make: Make) -> None:
    """Broken if a search ended late by what ending Ray takes, each time it is started again."""
    recorder, now = make()
    spec, clock = recorder.store.spec, StudyClock(recorder.store, now=lambda: now[0])
    clock.started(20.0)
    now[0] = HOUR - 19.0
    assert clock.is_up and clock.left == -1.0
    clock.write()
    for used, too_late in ((HOUR - 41.0, False), (HOUR - 39.0, True), (HOUR + 1.0, True)):
        recorder.store.study.set_user_attr(TIME, {"seconds": used, "starting": 20.0})
        again = StudyClock(open_store(spec, open_storage()), now=lambda: now[0])
        assert again.is_too_late == too_late, used
    clock.started(1000.0)  # a start that hung says nothing about the end
    now[0] = 0.95 * HOUR
    assert not clock.is_up
