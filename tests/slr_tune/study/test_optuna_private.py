"""What is used of Optuna beside its public interface gives the same as that."""

from __future__ import annotations

import math
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from slr_tune.study.optuna_private import (
    count_studies,
    read_trials,
    study_key,
    study_of_trial,
    trial_key,
    with_attributes,
)
from slr_tune.study.storage import open_storage
from slr_tune.study.view import list_studies


@pytest.fixture(params=["database", "postgresql"])
def mixed(request: pytest.FixtureRequest) -> optuna.storages.RDBStorage:
    """Two studies with every state, special values, attributes, all kinds of distribution."""
    request.getfixturevalue(request.param)
    storage = open_storage(create=True)
    for name, direction in (("down", "minimize"), ("up", "maximize")):
        study = optuna.create_study(study_name=name, storage=storage, direction=direction)
        study.set_user_attr("note", name)
        study.enqueue_trial({"x": 0.25})
        for value in (3.0, 1.0, 2.0):
            trial = study.ask()
            trial.suggest_float("x", 0.1, 1.0, log=True)
            trial.suggest_int("n", 1, 9, step=2)
            trial.suggest_categorical("c", ["a", None, True, 0.5])
            trial.report(math.inf, 1)
            trial.report(math.nan, 2)
            trial.report(value, 3)
            trial.set_user_attr("slr", {"deep": [1, {"er": None}]})
            study.tell(trial, value)
        study.tell(study.ask(), math.inf)
        pruned = study.ask()
        pruned.report(0.5, 1)
        study.tell(pruned, state=TrialState.PRUNED)
        study.tell(study.ask(), state=TrialState.FAIL)
        study.ask()
        study.enqueue_trial({"x": 0.75})
    return storage


@pytest.mark.parametrize("name", ["down", "up"])
def test_trials_are_those_that_optuna_reads(mixed: optuna.storages.RDBStorage, name: str) -> None:
    """A value, state, time or parameter read otherwise would be wrong in every command."""
    study = optuna.load_study(study_name=name, storage=mixed)
    found = read_trials(mixed.engine, study._study_id)
    theirs = optuna.storages.RDBStorage._get_trials(mixed, study._study_id, None, set(), -1)
    assert [str(trial) for trial in study.get_trials(deepcopy=False)] == list(map(str, theirs))
    # NaN is not equal to itself.
    assert [str(trial) for trial in found] == [str(trial) for trial in theirs]
    assert [trial.distributions for trial in found] == [trial.distributions for trial in theirs]


def test_optunas_cache_reads_what_is_new_and_what_is_not_finished(
    mixed: optuna.storages.RDBStorage,
) -> None:
    """A paused trial that another process ended must not wait for ever in the driver's eyes."""
    cached = optuna.storages.get_storage(mixed)
    study = optuna.load_study(study_name="down", storage=cached)
    before = study.get_trials(deepcopy=False)
    waiting = next(trial for trial in before if trial.state == TrialState.WAITING)
    mixed.set_trial_state_values(waiting._trial_id, TrialState.FAIL)
    optuna.load_study(study_name="down", storage=mixed).ask()
    after = study.get_trials(deepcopy=False)
    assert [trial.number for trial in after] == list(range(len(before) + 1))
    assert after[waiting.number].state == TrialState.FAIL
    assert after[0] is before[0] or after[0] == before[0]


def test_counts_are_those_of_the_trials(mixed: optuna.storages.RDBStorage) -> None:
    """Best by the study's direction among COMPLETE ones, states, and when it was last written."""
    counts = {one.name: one for one in count_studies(mixed.engine)}
    assert counts["down"].best == 1.0
    assert counts["up"].best == 3.0
    for name, one in counts.items():
        trials = optuna.load_study(study_name=name, storage=mixed).get_trials()
        states = [trial.state.name for trial in trials]
        assert one.states == {state: states.count(state) for state in set(states)}
        times = [moment for t in trials for moment in (t.datetime_start, t.datetime_complete)]
        assert one.last_written == max(moment for moment in times if moment)
        assert one.attributes == {"note"}


def test_a_study_without_trials_is_listed(database: Path) -> None:
    """The join with its trials must not drop it."""
    optuna.create_study(study_name="empty", storage=open_storage())
    (line,) = list_studies()
    assert (line.name, line.trials, line.best, line.last_written) == ("empty", {}, None, None)


def test_keys_are_those_that_the_storage_takes(mixed: optuna.storages.RDBStorage) -> None:
    """A wrong key would write into another trial, or show another study."""
    for frozen in mixed.get_all_studies():
        key = mixed.get_study_id_from_name(frozen.study_name)
        assert study_key(frozen) == key
        for trial in optuna.load_study(study_name=frozen.study_name, storage=mixed).trials:
            assert trial_key(trial) == mixed.get_trial_id_from_study_id_trial_number(
                key, trial.number
            )
            assert study_of_trial(mixed.engine, trial_key(trial)) == key


def test_a_study_with_other_attributes_is_the_same_else(
    mixed: optuna.storages.RDBStorage,
) -> None:
    """The dashboard would show a study under another name, or change what the storage holds."""
    frozen = mixed.get_all_studies()[0]
    other = with_attributes(frozen, user={"a": 1}, system={})
    assert (other.user_attrs, other.system_attrs) == ({"a": 1}, {})
    assert (other.study_name, other.directions) == (frozen.study_name, frozen.directions)
    assert frozen.user_attrs == {"note": frozen.study_name}
