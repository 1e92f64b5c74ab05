"""A model that can learn five utterances does; where it cannot, the reason is named."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import small_spec
from toy_space import toy_spec

from slr_tune.checks.overfit import overfit
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.errors import SlrTuneError
from trainables.data import Dataset
from trainables.data.subset import take


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    """A space over a model that is large enough, taught by nobody."""
    return small_spec(tmp_path, trainable="distill", teacher="{train: teacher}")


def with_train(data: Dataset, train: Any) -> Dataset:
    """The data with another training split."""
    changed = dataclasses.replace(data)
    vars(changed).update(train=train, dev=data.dev)
    return changed


def test_a_sound_model_learns_two_utterances_by_heart(spec: Any) -> None:
    # Broken if the test of a model's soundness failed a sound one, or said so too early.
    rows: list[dict[str, float]] = []
    found = overfit(spec, utterances=2, epochs=400, learning_rate=0.02, report=rows.append)
    assert found.learnt and not found.obstacles and not found.wrong
    assert (found.utterances, found.epochs) == (2, len(rows))
    assert [row["val/wer"] == 0 for row in rows[:-1]] == [False] * (len(rows) - 1)
    assert math.isnan(rows[0]["train/loss_components/distillation_loss"])


def test_the_users_settings_are_the_defaults(spec: Any) -> None:
    # Broken if the space's weight decay or dropout stood in the way of learning by heart.
    from slr_tune.checks import overfit as module

    config = module._config(spec.baseline_config(), 5, 2000, 1e-3)
    assert (config["dropout"], config["weight_decay"], config["batch_size"]) == (0.1, 0.0, 5)
    assert config["learning_rate_schedule"] == {"name": "constant", "warmup_epochs": 50.0}
    assert (config["accumulation"], config["patience"], config["label_smoothing"]) == (1, 2000, 0.0)


def test_too_few_epochs_are_named_with_what_is_wrong(spec: Any) -> None:
    # Broken if somebody took a model that needs longer for one that cannot learn.
    found = overfit(spec, utterances=2, epochs=6, learning_rate=0.01)
    assert not found.learnt and found.epochs == 6
    assert any("give it more --epochs" in obstacle for obstacle in found.obstacles)
    assert [name for name, _, _ in found.wrong] == ["train-00000", "train-00001"]


def test_data_that_cannot_be_learnt_is_named(
    spec: Any, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if the model were blamed for two equal utterances with different glosses.
    train = take(data.train, [0, 1, 2])
    twin = take(data.train, [0, 0, 2])
    train = dataclasses.replace(twin, references=train.references, ids=("a", "b", "c"))
    train.features[train.offsets[2] :] = 1.0
    monkeypatch.setattr(CheckInputs, "data", with_train(data, train))
    found = overfit(spec, utterances=3, epochs=4)
    assert "utterances a and b have the same frames and different glosses" in found.obstacles
    assert any("utterance c: all its frames are identical" in item for item in found.obstacles)


def test_features_that_are_no_numbers(
    spec: Any, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if NaN features ended in a traceback instead of their name.
    train = take(data.train, [0, 1])
    train.features[3] = np.nan
    monkeypatch.setattr(CheckInputs, "data", with_train(data, train))
    found = overfit(spec, utterances=2, epochs=4)
    assert not found.learnt and found.epochs == 1
    assert found.obstacles[0] == "utterance train-00000 contains NaN or infinite features"
    assert "NaN or infinite" in found.obstacles[1]


def test_utterances_too_short_for_ctc(
    spec: Any, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if an impossible task were tried for 2,000 epochs.
    short = take(data.train, [0])
    short = dataclasses.replace(short, features=short.features[:2], offsets=np.array([0, 2]))
    monkeypatch.setattr(CheckInputs, "data", with_train(data, short))
    with pytest.raises(SlrTuneError, match="no training utterance has the frames") as caught:
        overfit(spec)
    assert "Lower subsampling" in caught.value.hint


@pytest.mark.usefixtures("database")
def test_a_users_own_run_is_reported_that_it_is_not_known(tmp_path: Path) -> None:
    # Broken if an own run ended in a traceback.
    with pytest.raises(SlrTuneError, match="not on toy_runs:ToyRun"):
        overfit(toy_spec(tmp_path))
