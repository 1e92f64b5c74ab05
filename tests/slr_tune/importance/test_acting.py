"""From which epoch on a setting can have had an effect: it must not be estimated before."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from report_studies import SPACE

from slr_tune.importance.acting import NEVER, Acting
from slr_tune.importance.coordinates import coordinates
from slr_tune.importance.trial_rows import trial_rows
from slr_tune.space import load_spec
from slr_tune.study.record import ATTRIBUTE, TrialRecord

VALUES: dict[str, Any] = {
    "dropout": 0.1,
    "learning_rate": 0.01,
    "loss_weights": {"alpha": 0.5, "beta": 0.3, "gamma": 0.2},
    "kd_blank": "drop",
    "temperature": {"schedule": "step", "start": 6.0, "end": 2.0},
    "patience": 9,
}
SPEC = load_spec(SPACE)


def trial(**changes: Any) -> FrozenTrial:
    values = VALUES | changes
    space = SPEC.space
    record = TrialRecord(dict(SPEC.config_for(values)), 0, "max_epochs")
    found = create_trial(
        state=TrialState.COMPLETE,
        value=20.0,
        intermediate_values={3: 50.0, 9: 30.0, 24: 20.0},
        user_attrs={ATTRIBUTE: record.to_json()},
    )
    found._params = space.encode(values)
    return found


@pytest.mark.parametrize(
    ("name", "changes", "begin"),
    [
        ("learning_rate", {}, 1),
        ("loss_weights", {}, 1),
        ("temperature.start", {}, 1),
        # Milestones at .375 and .875 of 24 epochs: the end begins to count after the first.
        ("temperature.end", {}, 10),
        ("temperature.start", {"loss_weights": {"alpha": 0.0, "beta": 0.7, "gamma": 0.3}}, NEVER),
        ("kd_blank", {"loss_weights": {"alpha": 0.0, "beta": 0.7, "gamma": 0.3}}, NEVER),
        # A run that never gets better after its first epoch ends after 9 more; the next is missing.
        ("patience", {}, 11),
        # One that is longer than the run let it go on, at the last epoch as well.
        ("patience", {"patience": 24}, 24),
    ],
)
def test_when_a_setting_begins_to_act(name: str, changes: dict[str, Any], begin: float) -> None:
    """What the code of training does with it, and when."""
    assert Acting(SPEC).acts_from(trial(**changes), name) == begin


def test_a_run_of_ones_own_shows_nothing_of_when() -> None:
    """Its settings act from the first epoch, for all that is known."""
    without = create_trial(state=TrialState.COMPLETE, value=1.0, intermediate_values={1: 1.0})
    assert Acting(SPEC).acts_from(without, "patience") == 1.0


def test_a_patience_above_the_epochs_is_no_other_one() -> None:
    """Widening it would be advised for ever: 23, 24 and 40 end no run of 24 epochs."""
    spec = load_spec(SPACE, overrides=["space.patience.int=[4, 40]"])
    acting = Acting(spec)
    assert acting.ceilings == {"patience": 23.0}
    given = [trial(patience=patience) for patience in (4, 22, 23, 24, 24)]
    axes = coordinates(spec.space, given, ceilings=acting.ceilings)
    values = axes.axes[axes.place("patience") or 0].values
    assert values[2] == values[3] == values[4] > values[1] > values[0]
    wide = ["space.patience.int=[23, 40]", "baseline=null", "factors=null"]
    fixed = load_spec(SPACE, overrides=wide)
    none = coordinates(fixed.space, given, ceilings=Acting(fixed).ceilings)
    assert none.place("patience") is None


def test_rows_before_a_setting_acts_are_not_its_own() -> None:
    """Before it acts its kernel has no row there, whatever its value."""
    given = [trial(patience=patience) for patience in (4, 8, 20, 24)]
    acting = Acting(SPEC)
    axes = coordinates(SPEC.space, given)
    place = axes.place("patience")
    assert place is not None

    def acts(number: int, epoch: int) -> list[bool]:
        return [epoch >= acting.acts_from(given[number], axis.variable) for axis in axes.axes]

    rows = trial_rows(given, (3, 9, 24), sign=1.0, acts=acts)
    assert rows is not None
    early = {(int(t), rows.epochs[r]): bool(on) for t, r, on in
             zip(rows.trial, rows.rung, rows.acts[:, place], strict=True)}  # fmt: skip
    assert [early[0, e] for e in (3, 9, 24)] == [False, True, True]
    assert [early[2, e] for e in (3, 9, 24)] == [False, False, True]
