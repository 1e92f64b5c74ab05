"""What a study remembers of its file, and what it says when the file has changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slr_tune.errors import SpecError
from slr_tune.space import Resources, StudySpec, difference, load_spec, validation

WriteFile = Callable[..., Path]


def stored(spec: StudySpec) -> dict[str, Any]:
    """The identity as a database gives it back, with its keys in another order."""
    loaded: dict[str, Any] = json.loads(json.dumps(spec.identity(), sort_keys=True))
    return loaded


def test_the_spec_is_rebuilt_without_its_file(write: WriteFile) -> None:
    """Reports, `best` and ablations of an old study must not need the YAML."""
    spec = load_spec(write(), overrides=["resources.gpus_per_trial=1", "resources.workers=3"])
    latest = json.loads(json.dumps(spec.latest()))
    again = StudySpec.from_identity(stored(spec), trials=spec.budget.trials, latest=latest)
    assert spec.factors and again == dataclasses.replace(spec, path=Path())
    older = StudySpec.from_identity(stored(spec), trials=spec.budget.trials)
    assert older == dataclasses.replace(again, resources=Resources(), factors={})
    assert again.space.names == spec.space.names, "the order decides what a sampler draws"
    assert again.baseline_config() == spec.baseline_config()


def test_more_trials_on_another_machine_is_the_same_study(write: WriteFile) -> None:
    spec = load_spec(write())
    other = load_spec(write(), overrides=["factors=", "resources=", "budget.trials=99"])
    assert difference(stored(spec), stored(other)) == []


@pytest.mark.parametrize(
    ("override", "lines"),
    [
        ("space.dropout.float=[0.0, 0.4]", ["space.dropout.high: 0.5 -> 0.4"]),
        ("space.learning_rate.log=false", ["space.learning_rate.log: true -> false"]),
        (
            "space.dropout={choice: [0.1, 0.2]}",
            ["space.dropout: {float: [0.0, 0.5]} -> {choice: [0.1, 0.2]}"],
        ),
        (
            "space.layers={int: [1, 3]}",
            ["space.layers: absent -> {int: [1, 3]}", "baseline.layers: absent -> 2"],
        ),
        (
            "space.temperature.schedule.choice.step.end.float=[1, 3]",
            ["space.temperature.step.end.high: 4.0 -> 3.0"],
        ),
        ("space.kd_blank.choice=[drop, keep]", ['space.kd_blank.options: ["keep", "drop"] -> ']),
        ("fixed.batch_size=8", ["fixed.batch_size: 16 -> 8"]),
        ("fixed.augmentation.noise=0.1", ["fixed.augmentation.noise: 0.0 -> 0.1"]),
        ("baseline.patience=13", ["baseline.patience: 12 -> 13"]),
        ("budget.max_epochs=25", ["budget.max_epochs: 24 -> 25"]),
        ("data.seed=1", ["data.seed: 0 -> 1"]),
        ("teacher.settings.hidden=65", ["teacher.settings.hidden: 64 -> 65"]),
        ("teacher={study: other}", ["teacher: {"]),
        ("objective.metric=val/loss", ['objective.metric: "val/wer" -> "val/loss"']),
        ("seed=8", ["seed: 7 -> 8"]),
    ],
)
def test_each_change_is_reported_in_a_line(
    override: str, lines: list[str], write: WriteFile
) -> None:
    """Trials of two different searches in one study would be compared as if they were one."""
    old = stored(load_spec(write()))
    overrides = [override]
    if override.startswith("space.layers"):
        overrides.append("baseline.layers=2")
    if override.startswith("space.dropout={choice"):
        overrides.append("baseline.dropout=0.2")
    found = difference(old, stored(load_spec(write(), overrides=overrides)))
    found = [line for line in found if not line.startswith("fixed.layers")]
    assert len(found) == len(lines), found
    assert all(any(line.startswith(start) for line in found) for start in lines), found


def test_added_and_removed_parameters_are_reported_whole(write: WriteFile, good: str) -> None:
    without = good.replace("  patience: {int: [4, 24]}\n", "").replace("  patience: 12\n", "")
    old, new = stored(load_spec(write())), stored(load_spec(write(without)))
    assert difference(old, new) == [
        "baseline.patience: 12 -> absent",
        "fixed.patience: absent -> 12",
        "space.patience: {int: [4, 24]} -> absent",
    ]


def test_a_changed_default_of_the_trainable_is_noticed(
    write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an upgrade the same file may mean another run."""
    old = stored(load_spec(write()))
    before = validation.defaults_of
    monkeypatch.setattr(validation, "defaults_of", lambda model: before(model) | {"layers": 5})
    lines = difference(old, stored(load_spec(write())))
    assert f"fixed.layers: {old['fixed']['layers']} -> 5" in lines


def test_changing_a_spec_does_not_change_what_was_stored(write: WriteFile) -> None:
    spec = load_spec(write())
    identity = spec.identity()
    identity["fixed"]["batch_size"] = 1
    assert spec.fixed["batch_size"] == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "reads studies of schema 1, not 99\n  Use the version"),
        ({"schema": None}, "reads studies of schema 1, not None"),
        ({"budget": 3}, "record of its space is damaged"),
        ({"space": [{"kind": "float"}]}, "record of its space is damaged"),
        ({"space": [{"kind": "flaot"}]}, "record of its space is damaged"),
        ({"teacher": {"kind": "train"}}, "record of its space is damaged"),
    ],
)
def test_a_damaged_or_foreign_record_is_refused(
    change: dict[str, Any], message: str, write: WriteFile
) -> None:
    """A database outlives versions; a traceback would say nothing."""
    with pytest.raises(SpecError, match=message):
        StudySpec.from_identity(stored(load_spec(write())) | change)
