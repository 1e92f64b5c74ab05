"""The strategies by name, without Ray: what they suggest, and which of them a study keeps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from toy_space import toy_spec

from slr_tune.errors import StudyChanged
from slr_tune.search.grid_sampler import grid_point, grid_size
from slr_tune.search.recorder import Recorder
from slr_tune.search.sampler import believed, sampler_for, source_of, trials_to_run
from slr_tune.search.worker_report import Report
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.lock import StudyLock
from slr_tune.study.open_study import open_store
from slr_tune.study.optuna_private import begin_trial
from slr_tune.study.record import ATTRIBUTE, record_of
from slr_tune.study.recovery import recover
from slr_tune.study.storage import open_storage

DISTILL = Path(__file__).parents[3] / "search_spaces" / "distill.yaml"

STRATEGIES = {
    "{strategy: prior-asha}": "",
    "{strategy: tpe-asha}": "TPE",
    "{strategy: random-asha}": "uniform",
    "{strategy: random}": "uniform",
    "{strategy: grid, points: 2}": "grid",
    "{optuna: {sampler: GPSampler, n_startup_trials: 2}}": "GPSampler",
    "{optuna: {sampler: QMCSampler}}": "QMCSampler",
    "{optuna: {sampler: NSGAIISampler}}": "NSGAIISampler",
}


def shipped(search: str) -> StudySpec:
    return load_spec(DISTILL, overrides=[f"search={search}"])


@pytest.mark.parametrize(("search", "source"), STRATEGIES.items())
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_strategy_suggests_what_the_space_takes(search: str, source: str) -> None:
    """The same again for the same trial of the same history: a resumed driver goes on alike."""
    spec = shipped(search)
    study = optuna.create_study()
    study.enqueue_trial(spec.space.encode(spec.baseline or {}))
    for number in range(4):
        sampler = sampler_for(spec, number)
        study.sampler = sampler
        trial = study.ask()
        values = spec.space.suggest(trial)
        assert spec.space.misfits(values) == []
        for epoch in (3, 9, 24):
            trial.report(50.0 + number - epoch, epoch)
        study.tell(trial, 30.0 + number)
    assert source_of(spec, sampler) == source or not source
    suggested = []
    for _ in range(2):
        copied = optuna.create_study()
        copied.add_trials(study.trials)
        copied.sampler = sampler_for(spec, 4)
        suggested.append(spec.space.suggest(copied.ask()))
    assert suggested[0] == suggested[1]


def test_grid_meets_every_point_once() -> None:
    """3 dropouts, 3 rates, 9 weights, 2 kinds, 3 patiences; schedules of 3 + 9 + 9 + 9 points."""
    space = shipped("{strategy: grid}").space
    size = grid_size(space, points=3)
    assert size == 3 * 3 * 9 * 2 * 3 * (3 + 9 + 9 + 9)
    met = {
        tuple(sorted(grid_point(space, place, seed=5, points=3).items())) for place in range(size)
    }
    assert len(met) == size
    for place in range(0, size, 97):
        point = grid_point(space, place, seed=5, points=3)
        assert space.misfits(space.decode(point)) == []


def test_the_search_ends_where_the_grid_does(tmp_path: Path, database: Path) -> None:
    """2 levels x 3 widths beside the baseline, though 20 trials were asked for; none is stopped."""
    spec = toy_spec(tmp_path, trials=20, search="{strategy: grid, points: 2}")
    assert trials_to_run(spec) == 7
    storage = open_storage(create=True)
    store = open_store(spec, storage)
    recorder = Recorder(store, StudyLock(storage.engine, "toy"), target=7, workers=1)
    assert recorder.rung_epochs == ()
    while (live := recorder.next_trial()) is not None:
        rows = [{"epoch": e, "seconds": 1.0, "val/wer": 90.0 + live.number} for e in range(1, 10)]
        assert recorder.report(live.number, Report(rows, ended_by="max_epochs"))
    assert len(store.trials) == 7
    points = {(t.params["level"], t.params["width"]) for t in store.trials[1:]}
    assert points == {(level, width) for level in (0.0, 1.0) for width in (1, 2, 3)}
    assert {record.source for t in store.trials[1:] if (record := record_of(t))} == {"grid"}


def test_priors_of_parameters_count_over_the_baseline(tmp_path: Path, database: Path) -> None:
    spec = toy_spec(tmp_path)
    assert believed(spec) == {"level": 0.5, "width": 1}
    level, width = spec.space.parameters
    space = replace(spec.space, parameters=(replace(level, prior=0.25), width))
    assert believed(replace(spec, space=space)) == {"level": 0.25, "width": 1}
    assert believed(replace(spec, space=space, baseline=None)) == {"level": 0.25}


def test_a_study_of_before_keeps_its_strategy(tmp_path: Path, database: Path) -> None:
    """Its trials were stopped, not paused; a file that names another strategy is refused."""
    store = open_store(toy_spec(tmp_path), open_storage())
    store.study.enqueue_trial({"level": 0.1, "width": 1})
    live = store.start_trial(optuna.samplers.RandomSampler(seed=0))
    store.add_row(live, {"epoch": 1, "seconds": 1.0, "val/wer": 50.0})
    stored = store.study.user_attrs[ATTRIBUTE]
    for section in ("search", "prior"):
        del stored["identity"][section]
    store.study.set_user_attr(ATTRIBUTE, stored)
    unnamed = toy_spec(tmp_path, search="null")
    assert unnamed.search.strategy == "prior-asha"
    again = open_store(unnamed, open_storage()).spec
    assert (again.search.strategy, again.search.scheduler) == ("tpe-asha", "stopping")
    with pytest.raises(StudyChanged, match="search.strategy: tpe-asha -> prior-asha\n  Trials"):
        open_store(toy_spec(tmp_path, search="{strategy: prior-asha}"), open_storage())


@pytest.mark.parametrize("search", list(STRATEGIES)[:5])
def test_a_trial_cut_off_while_it_was_suggested_is_no_trial_twice(
    search: str, tmp_path: Path, database: Path
) -> None:
    """The database died between a new trial's row and its parameters: the next driver suggests
    what that one would have, for this trial and for those after it."""
    spec = toy_spec(tmp_path, trials=7, search=search)

    def suggested(*, cut_off: bool) -> list[dict[str, Any]]:
        storage = open_storage(create=True)
        store = open_store(spec, storage)
        for number in range(2):
            live = store.start_trial(sampler_for(spec, store.next_number()))
            store.add_row(live, {"epoch": 1, "seconds": 1.0, "val/wer": 50.0 + number})
            store.finish(live, "max_epochs")
        if cut_off:
            begin_trial(store.study, None)
            storage = open_storage()
            store = open_store(spec, storage)
            recover(store)
        recorder = Recorder(store, StudyLock(storage.engine, "toy"), target=7, workers=5)
        for number in range(2, 7):
            live = recorder.next_trial()
            assert live is not None and live.number == number
        return [trial.params for trial in store.trials]

    undisturbed = suggested(cut_off=False)
    database.unlink()
    assert suggested(cut_off=True) == undisturbed
    assert len({tuple(params.items()) for params in undisturbed}) == 7
