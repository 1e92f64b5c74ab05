"""The collapse watch: late trials that name nothing, in one driver and across two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from toy_space import toy_spec

from slr_tune.search.collapse import LEAST_PEERS, CollapseWatch
from slr_tune.search.recorder import Recorder, Report
from slr_tune.search.sampler import tpe
from slr_tune.study.lock import StudyLock
from slr_tune.study.record import record_of
from slr_tune.study.recovery import recover
from slr_tune.study.storage import open_storage
from slr_tune.study.store import open_store

Make = Callable[..., Recorder]


def row(epoch: int, rate: float, value: float = 50.0) -> dict[str, float]:
    """A row of the curve."""
    return {"epoch": epoch, "seconds": 0.1, "val/wer": value, "val/blank_rate": rate}


def curve(first_spoken: int, epochs: int) -> list[dict[str, float]]:
    """A trial that is all blank before an epoch."""
    return [row(epoch, 1.0 if epoch < first_spoken else 0.8) for epoch in range(1, epochs + 1)]


def watch_with_peers(*first_spoken: int) -> CollapseWatch:
    """A watch that knows trials 100, 101, ..."""
    watch = CollapseWatch()
    for number, first in enumerate(first_spoken, start=100):
        watch.enter(number, curve(first, first + 2))
    return watch


def test_a_trial_is_late_after_twice_the_time_of_three_quarters_of_its_peers() -> None:
    # Broken if slow starters were ended, or dead trials ran on.
    watch = watch_with_peers(2, 2, 3, 3, 9)
    watch.enter(0, curve(99, 6))
    assert watch.verdict(0) is None, "twice three epochs are not over"
    watch.enter(0, curve(99, 7))
    found = watch.verdict(0)
    assert found is not None and "at epoch 7" in found and "glosses by epoch 3" in found


def test_a_trial_that_named_glosses_and_stopped_is_late_as_well() -> None:
    # Broken if a run that died half-way were spared for its youth.
    watch = watch_with_peers(2, 2, 2, 2)
    watch.enter(0, [row(epoch, 0.8 if epoch in (2, 3) else 1.0) for epoch in range(1, 7)])
    assert watch.verdict(0) is not None
    watch.enter(1, [row(epoch, 0.8 if epoch in (2, 3, 5) else 1.0) for epoch in range(1, 7)])
    assert watch.verdict(1) is None, "one epoch by itself is a swing"


def test_nothing_is_said_before_enough_peers_have_spoken() -> None:
    # Broken if the first trials of a hard task were ended for lack of any experience.
    watch = watch_with_peers(*[2] * (LEAST_PEERS - 1))
    watch.enter(0, curve(99, 20))
    assert watch.verdict(0) is None
    watch.enter(200, curve(2, 3))
    assert watch.verdict(0) is not None


def test_runs_without_a_blank_rate_are_left_alone() -> None:
    # Broken if a user's own run could not be searched with the watch on.
    watch = watch_with_peers(2, 2, 2, 2)
    watch.enter(0, [{"epoch": epoch, "loss": 1.0} for epoch in range(1, 20)])
    assert watch.verdict(0) is None


@pytest.fixture
def make(tmp_path: Path, database: Path) -> Make:
    """Opens the study as a new driver would, with the watch on."""

    def build(*, stops: bool, **changes: Any) -> Recorder:
        spec = toy_spec(tmp_path, trials=12, max_epochs=30, **changes)
        storage = open_storage(create=True)
        store = open_store(spec, storage)
        recover(store)
        watch = CollapseWatch.of_study(store, stops=stops)
        lock = StudyLock(storage.engine, "toy")
        return Recorder(store, lock, tpe, target=12, workers=2, watch=watch)

    return build


def _peers(recorder: Recorder) -> None:
    """Four trials that begin to name glosses in epoch 2, and end."""
    for _ in range(LEAST_PEERS):
        live = recorder.next_trial()
        assert live is not None
        recorder.report(live.number, Report([row(1, 1.0, 99.0)]))
        recorder.report(live.number, Report([row(2, 0.8, 60.0)], ended_by="patience"))


def _go_on(recorder: Recorder, number: int, start: int, end: int) -> int | None:
    """All-blank epochs until the trial is ended; says at which."""
    for epoch in range(start, end + 1):
        if recorder.report(number, Report([row(epoch, 1.0, 10.0)])):
            return epoch
    return None


def test_a_collapsed_trial_is_ended_and_says_why(make: Make) -> None:
    # Broken if its end had no name, or were taken for a result.
    recorder = make(stops=True)
    _peers(recorder)
    live = recorder.next_trial()
    assert live is not None
    assert _go_on(recorder, live.number, 1, 9) == 5
    trial = recorder.store.trials[live.number]
    record = record_of(trial)
    assert trial.state == TrialState.FAIL and record is not None
    assert record.ended_by == "collapsed" and "blank on 100.0 %" in (record.error or "")
    assert record.epochs == 5


def test_a_new_driver_knows_what_the_last_one_knew(make: Make) -> None:
    # Broken if a restart forgot the peers, or let a collapsed trial begin again.
    first = make(stops=True)
    _peers(first)
    live = first.next_trial()
    assert live is not None
    assert _go_on(first, live.number, 1, 4) is None
    first.sweep()

    second = make(stops=True)
    again = second.next_trial()
    assert again is not None and again.number == live.number
    history = Report([row(epoch, 1.0, 10.0) for epoch in range(1, 5)], history=True)
    assert not second.report(again.number, history)
    assert _go_on(second, again.number, 5, 9) == 5


def test_a_trial_cut_off_before_its_verdict_was_stored_gets_it_with_its_history(
    make: Make,
) -> None:
    # Broken if a crash between the last epoch and the verdict let a dead trial run to its end.
    first = make(stops=True)
    _peers(first)
    live = first.next_trial()
    assert live is not None
    for epoch in range(1, 6):
        first.store.add_row(live, row(epoch, 1.0, 10.0))
    second = make(stops=True)
    again = second.next_trial()
    assert again is not None and again.number == live.number
    history = Report([row(epoch, 1.0, 10.0) for epoch in range(1, 6)], history=True)
    assert second.report(again.number, history)
    record = record_of(second.store.trials[again.number])
    assert record is not None and record.ended_by == "collapsed"


def test_reporting_ends_nothing_and_is_kept_in_the_record(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    # Broken if the mode that only tells changed a search, or told every epoch anew.
    recorder = make(stops=False)
    _peers(recorder)
    live = recorder.next_trial()
    assert live is not None
    assert _go_on(recorder, live.number, 1, 8) is None
    assert sum("has collapsed" in message for message in caplog.messages) == 1
    recorder.report(live.number, Report([row(9, 1.0, 10.0)], ended_by="max_epochs"))
    record = record_of(recorder.store.trials[live.number])
    assert record is not None and record.ended_by == "max_epochs"
    assert "at epoch 5" in record.facts["collapsed"]


def test_the_baseline_is_never_ended(make: Make) -> None:
    # Broken if the reference of every comparison were cut short.
    recorder = make(stops=True)
    baseline = recorder.next_trial()
    assert baseline is not None and baseline.number == 0
    _peers(recorder)
    assert _go_on(recorder, 0, 1, 12) is None
