"""Trials that pause at their rungs, without Ray: who waits, who goes on, what drivers find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState
from planned_epochs import planned_epochs
from toy_space import toy_spec

from slr_tune.errors import RunFailed, StudyChanged
from slr_tune.search.engine import run_search
from slr_tune.search.progress import Progress
from slr_tune.search.promotions import quota_of
from slr_tune.search.recorder import Recorder
from slr_tune.search.run_options import RunOptions
from slr_tune.search.worker_report import Report
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.quota import Quota
from slr_tune.study.record import TrialRecord, is_paused, record_of
from slr_tune.study.recovery import recover, reopen_pruned
from slr_tune.study.storage import open_storage
from slr_tune.study.view import load_study

Make = Callable[..., Recorder]

VALUES = [90.0, 50.0, 60.0, 40.0, 45.0, 70.0, 42.0, 80.0, 30.0, 65.0]
"""Of each trial at every epoch; the first is the baseline's."""


@pytest.fixture
def make(tmp_path: Path, database: Path) -> Make:
    """Opens the study as a new driver would; called again it stands for the next driver."""

    def build(*, trials: int = 7, audit: float = 0.0, workers: int = 1) -> Recorder:
        search = "{strategy: random-asha}"
        spec = toy_spec(tmp_path, trials=trials, search=search)
        spec = replace(spec, budget=replace(spec.budget, audit=audit))
        storage = open_storage(create=True)
        reopen_pruned("toy", storage, trials=trials)
        store = open_store(spec, storage)
        recover(store)
        lock = StudyLock(storage.engine, "toy")
        return Recorder(store, lock, target=trials, workers=workers)

    return build


def record(recorder: Recorder, number: int) -> TrialRecord:
    found = record_of(recorder.store.trials[number])
    assert found is not None
    return found


def train(recorder: Recorder, *, steps: int = 1000) -> list[tuple[int, int]]:
    """Lets one worker train; returns (trial, epoch) of each epoch, in order."""
    trained: list[tuple[int, int]] = []
    while len(trained) < steps and (live := recorder.next_trial()) is not None:
        number, epoch = live.number, max(live.values, default=0)
        over = False
        while not over and len(trained) < steps:
            epoch += 1
            row = {"epoch": epoch, "seconds": 0.5, "val/wer": VALUES[number % 10]}
            trained.append((number, epoch))
            over = recorder.report(
                number, Report([row], ended_by="max_epochs" if epoch == 9 else None)
            )
    return trained


def check_decisions(recorder: Recorder) -> None:
    """What is stored is what the stored values give when they arrive in that order."""
    stored = [
        (t.number, e) for t in recorder.store.trials for e in record(recorder, t.number).rungs
    ]
    for number, entry in stored:
        assert entry.value == recorder.store.trials[number].intermediate_values[entry.epoch]
    again = Quota((1, 3), 3).replay(stored)
    assert again == sorted(stored, key=lambda pair: pair[1].order)


def test_search_by_hand(make: Make) -> None:
    """Six beside the baseline: two go on to epoch 3, none to the end; the rest is PRUNED."""
    recorder = make()
    trained = train(recorder)
    assert trained == [
        *((0, epoch) for epoch in range(1, 10)),
        (1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (4, 1), (5, 1), (6, 1), (6, 2), (6, 3),
    ]  # fmt: skip
    assert recorder.drained
    states = [trial.state for trial in recorder.store.trials]
    assert states == [TrialState.COMPLETE, *[TrialState.PRUNED] * 6]
    assert [record(recorder, n).ended_by for n in (0, 1, 3)] == ["max_epochs", "asha", "asha"]
    assert [trial.value for trial in recorder.store.trials[1:]] == VALUES[1:7]
    check_decisions(recorder)
    planned = planned_epochs((1, 3), trials=7, exempt=1, reduction_factor=3, max_epochs=9)
    assert len(trained) == planned


def test_paused_trial_waits_with_its_rung(make: Make) -> None:
    """In the study it is WAITING, and its record says where; its worker takes another."""
    recorder = make(workers=2)
    train(recorder, steps=10)
    trial = recorder.store.trials[1]
    assert trial.state == TrialState.WAITING and is_paused(trial)
    assert record(recorder, 1).paused_at == 1
    assert recorder.store.waiting() == 0 and 1 not in recorder.store.live


def test_more_trials_promote_those_that_were_pruned(make: Make) -> None:
    """No stopping scheduler can: trial 4 ended as PRUNED, and with more arrivals it goes on."""
    train(make())
    again = make()
    assert train(again) == [] and again.drained  # nothing to do
    more = make(trials=10)
    assert [t.state for t in more.store.trials[1:]] == [TrialState.WAITING] * 6
    assert more.store.trials[4].value is None  # a value of before would be told as its last one
    assert train(more) == [
        (7, 1), (8, 1), (9, 1), (8, 2), (8, 3), (8, 4), (8, 5), (8, 6), (8, 7), (8, 8), (8, 9),
    ]  # fmt: skip
    check_decisions(more)
    most = make(trials=13)
    assert train(most)[:5] == [(10, 1), (11, 1), (12, 1), (4, 2), (4, 3)]
    assert record(most, 4).paused_at == 3
    assert {trial.state for trial in most.store.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    check_decisions(most)


def test_a_run_that_is_refused_changes_nothing(make: Make, tmp_path: Path) -> None:
    """More trials of another space: the trials that ended stay ended."""
    train(make())
    other = toy_spec(tmp_path, trials=10, max_epochs=8, search="{strategy: random-asha}")
    with Progress() as progress, pytest.raises(StudyChanged):
        run_search(other, RunOptions(), progress)
    states = [trial.state for trial in load_study("toy").trials]
    assert states == [TrialState.COMPLETE, *[TrialState.PRUNED] * 6]


@pytest.mark.parametrize("steps", [1, 10, 12, 13, 18])
def test_next_driver_resumes_as_the_last_one_would_have(make: Make, steps: int) -> None:
    """kill -9 after any epoch: no epoch again, the same order, the same decisions."""
    before = train(make(), steps=steps)
    after = make()
    assert not any(trial.state == TrialState.RUNNING for trial in after.store.trials)
    trained = before + train(after)
    assert len(set(trained)) == len(trained) == 19
    check_decisions(after)


def test_crash_between_the_promotion_and_its_start(make: Make) -> None:
    """The promotion is stored: the next driver takes the trial up first, and counts it once."""
    first = make()
    train(first, steps=12)
    promotion = first.promotions.quota.next() if first.promotions else None
    assert promotion is None  # trial 3 went on with its worker
    trial = first.store.trials[1]
    entry = replace(record(first, 1).rungs[0], resumed=99)
    live = first.store.resume(trial, entry)
    assert live is not None
    second = make()
    assert record(second, 1).paused_at is None
    taken = second.next_trial()
    assert taken is not None and taken.number in (1, 3)
    assert quota_of(second.store)._rungs[1].promoted == 2


def test_worker_of_a_promoted_trial_dies(make: Make) -> None:
    """It is taken up before anything new is decided, and its promotion is not made twice."""
    recorder = make(workers=2)
    train(recorder, steps=13)  # trial 3 was promoted and trained epoch 2
    number = next(iter(recorder.store.live))
    assert (number, record(recorder, number).rungs[0].waits) == (3, False)
    recorder.lost_worker(number, "the worker process died")
    assert not is_paused(recorder.store.trials[number])
    live = recorder.next_trial()
    assert live is not None and live.number == number
    recorder.lost_worker(number, "the worker process died")
    trained = train(recorder)
    assert (3, 3) in trained and (3, 2) not in trained and len(trained) == 19 - 13
    check_decisions(recorder)


def test_somebody_ended_a_paused_trial_by_hand(make: Make) -> None:
    """Their word stands; the quota promotes the next best."""
    recorder = make()
    train(recorder, steps=11)
    key = recorder.store.trials[1]._trial_id
    recorder.store.storage.set_trial_state_values(key, TrialState.FAIL)
    trained = train(recorder)
    assert (1, 2) not in trained and recorder.drained
    assert quota_of(make().store).waiting == quota_of(recorder.store).waiting


def test_audit_lets_run_on_what_was_never_promoted(make: Make) -> None:
    """Audited trials beyond every promotion run to their end, and enter no later rung."""
    recorder = make(audit=1.0)
    train(recorder)
    trials = recorder.store.trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    spared = [t.number for t in trials if record(recorder, t.number).spared_at is not None]
    assert spared == [1, 2, 3, 4, 5, 6]
    assert [entry.epoch for entry in record(recorder, 1).rungs] == [1]
    assert record(recorder, 3).spared_at == 3
    check_decisions(recorder)


def test_flat_start_runs_no_more_in_full_than_the_quota(make: Make) -> None:
    """24 trials of which nine tenths tie at the first rung: two at most run to the end."""
    recorder = make(trials=24)
    while (live := recorder.next_trial()) is not None:
        number, over, epoch = live.number, False, max(live.values, default=0)
        while not over:
            epoch += 1
            value = 100.0 if number % 10 else 90.0
            row = {"epoch": epoch, "seconds": 0.1, "val/wer": value}
            ended_by = "max_epochs" if epoch == 9 else None
            over = recorder.report(number, Report([row], ended_by=ended_by))
    states = [trial.state for trial in recorder.store.trials]
    assert states.count(TrialState.COMPLETE) == 1 + 23 // 3 // 3
    check_decisions(recorder)


def test_no_finite_value_is_no_way_past_the_rung(make: Make) -> None:
    """A metric that is never a number must not train on for want of something to compare."""
    recorder = make()
    train(recorder, steps=9)
    live = recorder.next_trial()
    assert live is not None
    nan = {"epoch": 1, "seconds": 0.5, "val/wer": float("nan")}
    assert recorder.report(live.number, Report([nan]))
    assert record(recorder, live.number).rungs[0].value is None
    train(recorder)
    assert recorder.store.trials[live.number].state == TrialState.PRUNED
    assert load_study("toy").trials[live.number].value is None


def test_disk_limit_holds(make: Make, studies: Path) -> None:
    """What is needed least goes first; the baseline's and the best trial's checkpoints stay."""
    recorder = make(trials=10)
    spec = recorder.store.spec
    recorder.store.spec = replace(spec, budget=replace(spec.budget, disk=5_000))

    def kept() -> dict[int, int]:
        found = {}
        for file in studies.glob("toy/trials/*/checkpoints/*.pt"):
            number = int(file.parts[-3])
            found[number] = found.get(number, 0) + file.stat().st_size
        return found

    while (live := recorder.next_trial()) is not None:
        number, over, epoch = live.number, False, max(live.values, default=0)
        while not over:
            epoch += 1
            folder = studies / "toy" / "trials" / str(number) / "checkpoints"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "checkpoint_latest.pt").write_bytes(bytes(1_000))
            row = {"epoch": epoch, "seconds": 0.1, "val/wer": VALUES[number]}
            ended_by = "max_epochs" if epoch == 9 else None
            over = recorder.report(number, Report([row], ended_by=ended_by))
            assert sum(kept().values()) <= 5_000
    assert set(kept()) >= {0, 8}
    recorder.store.spec = replace(spec, budget=replace(spec.budget, disk=1_500))
    with pytest.raises(RunFailed, match="more than budget.disk, 0.0015 MB"):
        recorder._room.tidy()
