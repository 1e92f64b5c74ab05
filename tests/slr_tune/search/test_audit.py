"""The pruning audit: which trials, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from toy_space import toy_spec

from slr_tune.search.recorder import Recorder
from slr_tune.search.stopping_rungs import rungs_of
from slr_tune.search.worker_report import Report
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.record import TrialRecord, record_of
from slr_tune.study.recovery import recover
from slr_tune.study.rungs import Rungs, is_audited
from slr_tune.study.storage import open_storage

Make = Callable[[], Recorder]


@given(st.integers(0, 50), st.sampled_from([0.0, 0.05, 0.1, 0.25, 1 / 3, 1.0]))
def test_as_many_as_the_share_says(seed: int, share: float) -> None:
    """Of 300 trials the share, one more or less, and never a cluster of neighbours."""
    chosen = [n for n in range(300) if is_audited(n, seed=seed, share=share)]
    assert abs(len(chosen) - 300 * share) < 1
    gaps = [after - before for before, after in zip(chosen, chosen[1:], strict=False)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_another_seed_moves_the_first() -> None:
    """A study must not be audited at the same numbers always."""
    firsts = {next(n for n in range(40) if is_audited(n, seed=s, share=0.05)) for s in range(30)}
    assert len(firsts) > 8


def test_spared_where_it_would_have_been_stopped() -> None:
    """An audited trial that leads is no part of the audit: nothing would have stopped it."""
    rungs = Rungs((3,), 3)
    entries = [rungs.decide(3, value, audited=True) for value in (50.0, 60.0, 40.0)]
    assert [(e.stopped, e.spared) for e in entries] == [
        (False, False),
        (False, True),
        (False, False),
    ]
    assert Rungs((3,), 3).replay(entries) == entries


@pytest.fixture
def make(tmp_path: Path, database: Path) -> Make:
    """A driver of a study whose every trial is audited; called again, the next driver."""

    def build() -> Recorder:
        spec = toy_spec(tmp_path, trials=8)
        spec = spec.__class__(
            **{**spec.__dict__, "budget": spec.budget.__class__(8, 9, 1, 3, audit=1.0)}
        )
        storage = open_storage(create=True)
        store = open_store(spec, storage)
        recover(store)
        return Recorder(store, StudyLock(storage.engine, "toy"), target=8, workers=3)

    return build


def row(epoch: int, value: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 0.5, "val/wer": value}


def record(recorder: Recorder, number: int) -> TrialRecord:
    found = record_of(recorder.store.trials[number])
    assert found is not None
    return found


def start(recorder: Recorder) -> int:
    live = recorder.next_trial()
    assert live is not None
    return live.number


def test_spared_trial_runs_to_its_end_and_is_reported(make: Make) -> None:
    """It is COMPLETE with all its epochs, and its record says at which rung it was spared."""
    recorder = make()
    for number, value in ((0, 50.0), (1, 60.0)):
        assert start(recorder) == number
        assert not recorder.report(number, Report([row(1, value)]))
    assert not recorder.report(1, Report([row(2, 55.0)]))
    assert recorder.report(1, Report([row(3, 30.0)], ended_by="max_epochs"))
    trial = recorder.store.trials[1]
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 30.0)
    assert sorted(trial.intermediate_values) == [1, 2, 3]
    assert record(recorder, 1).spared_at == 1
    assert record(recorder, 0).spared_at is None


def test_spared_trial_enters_no_later_rung(make: Make) -> None:
    """Its arrival there would decide about others, which without the audit it could not."""
    recorder = make()
    for number, value in ((0, 50.0), (1, 60.0)):
        start(recorder)
        recorder.report(number, Report([row(1, value)]))
    for epoch in (2, 3):
        recorder.report(1, Report([row(epoch, 1.0)]))
    assert [entry.epoch for entry in record(recorder, 1).rungs] == [1]
    assert 3 not in recorder.rungs._values


def test_next_driver_spares_the_same_trial(make: Make) -> None:
    """After a crash the trial goes on, and the rungs are what they were."""
    first = make()
    for number, value in ((0, 50.0), (1, 60.0)):
        start(first)
        first.report(number, Report([row(1, value)]))
    second = make()
    assert second.store.trials[1].state == TrialState.WAITING
    assert rungs_of(second.store)._values == first.rungs._values
    assert [start(second), start(second)] == [0, 1]
    again: Any = Report([row(1, 60.0), row(2, 59.0), row(3, 58.0)], history=True)
    assert not second.report(1, again)
    assert record(second, 1).spared_at == 1
    assert [entry.epoch for entry in record(second, 1).rungs] == [1]
