"""The driver's book-keeping, without Ray: reports in, study and decisions out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from toy_space import toy_spec

from slr_tune.errors import RunFailed, StudyLocked
from slr_tune.search.attempts import LIMIT
from slr_tune.search.recorder import Recorder
from slr_tune.search.worker_report import Report
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import record_of
from slr_tune.study.recovery import recover
from slr_tune.study.storage import open_storage
from slr_tune.study.store import RETRY_LIMIT
from trainables.files.curve import CurveFile

Make = Callable[..., Recorder]


@pytest.fixture
def make(tmp_path: Path, database: Path) -> Make:
    """Opens the study as a new driver would; called again it stands for the next driver."""

    def build(*, trials: int = 8, **changes: Any) -> Recorder:
        spec = toy_spec(tmp_path, trials=trials, **changes)
        storage = open_storage(create=True)
        store = open_store(spec, storage)
        recover(store)
        lock = StudyLock(storage.engine, "toy")
        return Recorder(store, lock, target=trials, workers=2)

    return build


def row(epoch: int, value: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 0.5, "val/wer": value}


def start(recorder: Recorder) -> int:
    live = recorder.next_trial()
    assert live is not None
    return live.number


def test_trial_from_start_to_end(make: Make, studies: Path) -> None:
    """Value, intermediate values, record and curve file of DESIGN's trial record."""
    recorder = make()
    number = start(recorder)
    for epoch, value in enumerate((80.0, 60.0, 70.0), start=1):
        assert not recorder.report(number, Report([row(epoch, value)], facts={"parameters": 7}))
    last = Report([row(4, 65.0)], ended_by="patience", checkpoint="checkpoints/checkpoint_best.pt")
    assert recorder.report(number, last)
    trial = recorder.store.trials[number]
    assert trial.state == TrialState.COMPLETE
    assert trial.intermediate_values == {1: 80.0, 2: 60.0, 3: 60.0, 4: 60.0}
    assert trial.value == 60.0
    record = record_of(trial)
    assert record is not None
    assert (record.ended_by, record.epochs, record.best_epoch) == ("patience", 4, 2)
    assert (record.seconds, record.parameters) == (2.0, 7)
    assert record.checkpoint == f"trials/{number}/checkpoints/checkpoint_best.pt"
    curve = CurveFile(studies / "toy" / "trials" / str(number) / "curve.csv").rows()
    assert [line["val/wer"] for line in curve] == [80.0, 60.0, 70.0, 65.0]


def test_baseline_is_first_and_then_suggestions_follow(make: Make) -> None:
    """The expert's setting is tried first."""
    recorder = make()
    assert start(recorder) == 0
    assert recorder.store.trials[0].params == {"level": 0.5, "width": 1}
    assert start(recorder) == 1
    assert recorder.store.trials[1].params != {"level": 0.5, "width": 1}


def test_no_more_than_the_workers_at_a_time(make: Make) -> None:
    """A suggestion made before a worker is free would know less than it could."""
    recorder = make()
    assert [start(recorder), start(recorder)] == [0, 1]
    assert recorder.next_trial() is None
    recorder.report(0, Report([row(1, 50.0)], ended_by="max_epochs"))
    assert start(recorder) == 2


def test_asha_stops_with_the_last_value(make: Make) -> None:
    """A pruned trial keeps every value, and the last one is the trial's."""
    recorder = make()
    start(recorder)
    start(recorder)
    assert not recorder.report(0, Report([row(1, 50.0)]))
    assert recorder.report(1, Report([row(1, 60.0)]))
    trial = recorder.store.trials[1]
    assert (trial.state, trial.value) == (TrialState.PRUNED, 60.0)
    record = record_of(trial)
    assert record is not None and record.ended_by == "asha"
    assert [(e.epoch, e.order, e.stopped) for e in record.rungs] == [(1, 1, True)]


@pytest.mark.parametrize(
    ("ended_by", "error"), [("nan", None), ("error", "Traceback\nValueError: x"), ("oom", "full")]
)
def test_failures_are_fail_with_their_reason(make: Make, ended_by: str, error: str | None) -> None:
    """A NaN is a FAIL, never an infinite value that a sampler would learn from."""
    recorder = make()
    start(recorder)
    recorder.report(0, Report([row(1, 50.0)]))
    bad = [row(2, float("nan"))] if ended_by == "nan" else []
    assert recorder.report(0, Report(bad, ended_by=ended_by, error=error))
    trial = recorder.store.trials[0]
    record = record_of(trial)
    assert (trial.state, trial.value) == (TrialState.FAIL, None)
    assert record is not None and (record.ended_by, record.error) == (ended_by, error)


def test_three_errors_at_once_end_the_run(make: Make) -> None:
    """A misspelt module must not use up a night, one trial at a time."""
    recorder = make()
    for _ in range(2):
        recorder.report(start(recorder), Report([], ended_by="error", error="ImportError: x"))
    with pytest.raises(RunFailed, match="ImportError: x"):
        recorder.report(start(recorder), Report([], ended_by="error", error="ImportError: x"))


def test_a_refusal_after_some_epochs_is_charged_to_no_trial(make: Make) -> None:
    """No configuration mends the run's own code; what it trained before is kept."""
    recorder = make()
    start(recorder)
    recorder.report(0, Report([row(1, 80.0)]))
    message = Report([row(2, 70.0)], ended_by="error", error="row 3 says epoch 7", refused=True)
    with pytest.raises(RunFailed, match="row 3 says epoch 7"):
        recorder.report(0, message)
    assert recorder.sweep() == [0]
    (trial,) = recorder.store.trials
    assert trial.state == TrialState.WAITING
    assert trial.intermediate_values == {1: 80.0, 2: 70.0}


@pytest.mark.parametrize("ended_by", ["error", "oom"])
def test_what_fails_once_somebody_asked_to_end_is_charged_to_no_trial(
    make: Make, ended_by: str
) -> None:
    """A signal to every process of a job also ends what a run has started for itself."""
    recorder = make()
    start(recorder)
    recorder.report(0, Report([row(1, 80.0)]))
    recorder._stopped = lambda: True
    assert not recorder.report(0, Report([row(2, 70.0)], ended_by=ended_by, error="broken pipe"))
    assert recorder.sweep() == [0]
    (trial,) = recorder.store.trials
    assert trial.state == TrialState.WAITING
    assert trial.intermediate_values == {1: 80.0, 2: 70.0}


def test_full_disk_parks_the_trial(make: Make) -> None:
    """The trial has done nothing wrong; it goes on once there is room."""
    recorder = make()
    start(recorder)
    with pytest.raises(RunFailed, match="No space left"):
        recorder.report(0, Report([], ended_by="disk_full", error="No space left on device"))
    assert recorder.sweep() == [0]
    assert recorder.store.trials[0].state == TrialState.WAITING


def test_next_driver_takes_up_the_same_trial(make: Make) -> None:
    """kill -9: the trial is RUNNING in the database and goes on under its number."""
    first = make()
    assert [start(first), start(first)] == [0, 1]
    first.report(1, Report([row(1, 40.0)]))
    before = first.store.trials[1].params
    second = make()
    assert [trial.state for trial in second.store.trials] == [TrialState.WAITING] * 2
    assert [start(second), start(second)] == [0, 1]
    assert second.store.trials[1].params == before
    assert second.store.live[1].values == {1: 40.0}
    history = Report([row(1, 40.0), row(2, 30.0)], history=True)
    assert not second.report(1, history)
    assert second.store.trials[1].intermediate_values == {1: 40.0, 2: 30.0}


def test_rungs_are_rebuilt(make: Make) -> None:
    """ASHA must decide after a restart as it would have without one."""
    first = make()
    for value in (50.0, 20.0):
        first.report(start(first), Report([row(1, value)]))
    second = make()
    for number, value in ((0, 50.0), (1, 20.0)):
        start(second)
        assert not second.report(number, Report([row(1, value)], history=True))
    second.report(0, Report([], ended_by="error", error="x"))
    third = start(second)
    assert second.report(third, Report([row(1, 30.0)]))
    record = record_of(second.store.trials[third])
    assert record is not None and record.rungs[0].order == 2


def test_verdict_that_was_decided_but_not_stored(make: Make) -> None:
    """A crash between ASHA's decision and Optuna's state must not let the trial go on."""
    first = make()
    start(first)
    start(first)
    first.report(0, Report([row(1, 50.0)]))
    live = first.store.live[1]
    first.store.add_row(live, row(1, 60.0))
    assert first._stopping.stops(live)
    second = make()
    assert second.store.trials[1].state == TrialState.PRUNED
    assert second.store.trials[1].value == 60.0


def test_curve_ahead_of_the_database(make: Make) -> None:
    """The curve file is written first; a crash before the database loses nothing."""
    first = make()
    start(first)
    first.report(0, Report([row(1, 50.0)]))
    first.store.live[0].curve.append(row(2, 45.0))
    second = make()
    assert second.store.trials[0].intermediate_values == {1: 50.0, 2: 45.0}


def test_torn_line_of_the_curve(make: Make, studies: Path) -> None:
    """A crash inside a write leaves half a line, which is not an epoch."""
    first = make()
    start(first)
    first.report(0, Report([row(1, 50.0)]))
    with (studies / "toy/trials/0/curve.csv").open("a") as file:
        file.write("2,0.5,4")
    second = make()
    start(second)
    second.report(0, Report([row(1, 50.0), row(2, 45.0)], history=True))
    curve = CurveFile(studies / "toy/trials/0/curve.csv").rows()
    assert [line["val/wer"] for line in curve] == [50.0, 45.0]
    assert second.store.trials[0].intermediate_values == {1: 50.0, 2: 45.0}


@pytest.mark.parametrize("kept", [0, 3])
def test_trial_that_continues_from_an_earlier_epoch(make: Make, studies: Path, kept: int) -> None:
    """A damaged checkpoint costs epochs; the curve must have each once, its seconds too."""
    rows = [row(epoch, 60.0 - epoch) for epoch in range(1, 6)]
    first = make()
    start(first)
    for line in rows:
        first.report(0, Report([line]))
    second = make()
    start(second)
    if kept:  # else there is no checkpoint at all, and nothing to give an account of
        second.report(0, Report(rows[:kept], history=True))
    for line in rows[kept:]:
        second.report(0, Report([line]))
    second.report(0, Report([row(6, 54.0)], ended_by="max_epochs"))
    curve = CurveFile(studies / "toy/trials/0/curve.csv").rows()
    assert [line["epoch"] for line in curve] == [1, 2, 3, 4, 5, 6]
    events = LegacyEventFileLoader(str(next((studies / "toy/trials/0").glob("events*"))))
    assert [event.step for event in events.Load() if event.step] == [1, 2, 3, 4, 5, 6]
    record = record_of(second.store.trials[0])
    assert record is not None and (record.epochs, record.seconds) == (6, 3.0)
    assert second.store.trials[0].value == 54.0


def test_crash_while_a_trial_is_suggested(make: Make) -> None:
    """Half of the parameters are stored and no record: the rest is suggested next time."""
    first = make()
    start(first)
    trial = first.store.study.ask()
    level = trial.suggest_float("level", 0.0, 1.0)
    second = make()
    assert [start(second), start(second)] == [0, 1]
    params = second.store.trials[1].params
    assert params["level"] == level and "width" in params


def test_trial_that_dies_again_and_again_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that takes the machine down must not do so for ever."""
    monkeypatch.setattr("slr_tune.study.recovery.LONG_ENOUGH", 0.0)  # each driver lived long
    first = make()
    start(first)
    first.report(0, Report([row(1, 50.0)]))
    for _ in range(RETRY_LIMIT):
        start(make())
    final = make()
    record = record_of(final.store.trials[0])
    assert final.store.trials[0].state == TrialState.FAIL
    assert record is not None and record.ended_by == "killed"


@pytest.mark.parametrize("epochs", [0, 1])
def test_drivers_that_die_early_are_not_charged(make: Make, epochs: int) -> None:
    """Long epochs and a queue that preempts: no start lives long enough to store an epoch."""
    first = make()
    start(first)
    first.report(0, Report([row(epoch, 50.0) for epoch in range(1, epochs + 1)]))
    for _ in range(2 * RETRY_LIMIT):
        start(make())
    assert make().store.trials[0].state == TrialState.WAITING


def test_progress_gives_new_attempts(make: Make) -> None:
    """A long trial on a machine that is shut down each night gets to its end."""
    for epoch in range(1, 2 * RETRY_LIMIT):
        recorder = make()
        start(recorder)
        recorder.report(0, Report([row(epoch, 50.0)]))
    assert make().store.trials[0].state == TrialState.WAITING


def test_ctrl_c_does_not_count_as_an_attempt(make: Make) -> None:
    """A person who stops and starts does not use up a trial."""
    for _ in range(2 * RETRY_LIMIT):
        recorder = make()
        start(recorder)
        assert recorder.sweep() == [0]
    assert make().store.trials[0].state == TrialState.WAITING


def test_lost_worker(make: Make) -> None:
    """A worker that dies costs its epoch, not the trial; a trial that kills workers is given up."""
    recorder = make()
    start(recorder)
    recorder.report(0, Report([{**row(1, 50.0), "seconds": 1e-6}]))
    recorder.lost_worker(0, "died")
    for _ in range(RETRY_LIMIT):
        assert recorder.store.trials[0].state == TrialState.WAITING
        assert start(recorder) == 0
        recorder.lost_worker(0, "died")
    assert recorder.store.trials[0].state == TrialState.FAIL


@pytest.mark.parametrize("oom", [True, False])
def test_a_machine_without_room_burns_no_trial(make: Make, oom: bool) -> None:
    """Twenty trials failed at construction, baseline included, because a GPU was full."""

    def fail(number: int) -> None:
        if oom:
            recorder.report(number, Report([], ended_by="oom", error="CUDA out of memory"))
        else:
            recorder.lost_worker(number, "the worker process died")

    recorder = make(trials=8)
    fail(start(recorder))
    fail(start(recorder))
    with pytest.raises(RunFailed, match="3 runs in a row"):
        fail(start(recorder))
    assert recorder.sweep() == [0, 1, 2]
    states = {trial.state for trial in recorder.store.trials}
    assert states == {TrialState.WAITING}
    again = make(trials=8)
    assert start(again) == 0 and again.store.live[0].record.attempts == 1


def test_a_trial_too_large_is_found_out(make: Make) -> None:
    """Where others get on, a trial that never begins is at fault, and is no trial to wait for."""
    recorder = make(trials=2)
    small, large = start(recorder), start(recorder)
    for epoch in range(1, LIMIT + 1):
        recorder.report(large, Report([], ended_by="oom", error="CUDA out of memory"))
        assert not recorder.report(small, Report([row(epoch, 50.0)]))
        if epoch < LIMIT:
            assert start(recorder) == large  # once there was news of the other
    record = record_of(recorder.store.trials[large])
    assert record is not None and record.ended_by == "oom"


def test_a_trial_without_room_on_a_shared_card_is_tried_alone(make: Make) -> None:
    """After two times beside others it waits until the card is empty, and has all of it."""
    recorder = make(trials=4)
    recorder.gpus = 0.5
    small, large = start(recorder), start(recorder)
    for epoch in (1, 2):
        recorder.report(large, Report([], ended_by="oom", error="CUDA out of memory"))
        assert not recorder.report(small, Report([row(epoch, 50.0)]))
        if epoch == 1:
            assert start(recorder) == large and recorder.gpus_of(large) == 0.5
    assert recorder.next_trial() is None  # neither it, beside the small one, nor a new one
    recorder.report(small, Report([row(3, 50.0)], ended_by="patience"))
    assert start(recorder) == large
    assert recorder.gpus_of(large) == 1.0
    assert recorder.next_trial() is None
    assert not recorder.report(large, Report([row(1, 40.0)]))
    assert recorder.next_trial() is None  # it needs more than its share to its end
    recorder.report(large, Report([row(2, 40.0)], ended_by="patience"))
    other = start(recorder)
    assert recorder.gpus_of(other) == 0.5
    assert start(recorder) not in (small, large, other)


def test_a_trial_without_room_even_alone_is_at_fault(make: Make) -> None:
    recorder = make(trials=2)
    recorder.gpus = 0.5
    small, large = start(recorder), start(recorder)
    for epoch in (1, 2):
        recorder.report(large, Report([], ended_by="oom", error="CUDA out of memory"))
        recorder.report(small, Report([row(epoch, 50.0)]))
        if epoch == 1:
            assert start(recorder) == large
    recorder.report(small, Report([row(3, 50.0)], ended_by="patience"))
    assert start(recorder) == large
    recorder.report(large, Report([], ended_by="oom", error="CUDA out of memory"))
    record = record_of(recorder.store.trials[large])
    assert record is not None and record.ended_by == "oom"
    assert recorder.next_trial() is None and recorder.drained


def test_a_worker_that_fails_is_stopped_and_the_others_go_on(make: Make) -> None:
    """A node without the shared folder would be given trial after trial."""
    recorder = make(trials=8)
    healthy = start(recorder)
    for _ in range(LIMIT):
        missing = Report([], ended_by="missing_folder", error="node-2 does not see /studies")
        assert recorder.report(start(recorder), missing)
    assert recorder.workers == 1 and recorder.next_trial() is None
    recorder.report(healthy, Report([row(1, 50.0)], ended_by="max_epochs"))
    assert start(recorder) == 1  # tried again, elsewhere
    assert not [t for t in recorder.store.trials if t.state == TrialState.FAIL]


def test_a_node_that_leaves_is_nobodys_fault(make: Make) -> None:
    """With it go all its workers at once; three dead ones in a row ended the search."""
    recorder = make(trials=8)
    recorder.workers = 2 * LIMIT
    numbers = [start(recorder) for _ in range(2 * LIMIT)]
    recorder.report(numbers[0], Report([row(1, 50.0)]))
    for _ in range(2 * RETRY_LIMIT):
        for number in numbers:
            recorder.lost_node(number)
        assert not recorder.store.live
        assert sorted(start(recorder) for _ in numbers) == numbers
    assert not [t for t in recorder.store.trials if t.state == TrialState.FAIL]
    recorder.resize(1)
    assert recorder.workers == 1 and recorder.next_trial() is None


def test_suggestions_do_not_depend_on_restarts(
    make: Make, database: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh sampler with the same seed would repeat its first suggestions."""
    whole = make(baseline=False)
    for _ in range(4):
        whole.report(start(whole), Report([row(1, 50.0)], ended_by="max_epochs"))
    straight = [trial.params for trial in whole.store.trials]
    assert len({params["level"] for params in straight}) == 4
    other = shutil.copy(empty_database, database.parent / "other.db")
    monkeypatch.setenv("SLR_TUNE_STORAGE", f"sqlite:///{other}")
    for _ in range(4):
        again = make(baseline=False)
        again.report(start(again), Report([row(1, 50.0)], ended_by="max_epochs"))
    assert [trial.params for trial in again.store.trials] == straight


def test_trial_ended_by_hand_in_the_dashboard(make: Make) -> None:
    """Somebody's word in the dashboard stands, and the run goes on."""
    recorder = make()
    start(recorder)
    recorder.store.study.tell(0, state=TrialState.FAIL)
    assert recorder.report(0, Report([row(1, 50.0)], ended_by="max_epochs"))
    assert recorder.store.trials[0].state == TrialState.FAIL
    assert start(recorder) == 1


def test_lost_lock_stops_all_writing(make: Make) -> None:
    """Another driver owns the study now."""
    recorder = make()
    start(recorder)
    recorder.lock.lost.set()
    with pytest.raises(StudyLocked):
        recorder.report(0, Report([row(1, 50.0)]))
    assert recorder.store.trials[0].intermediate_values == {}
