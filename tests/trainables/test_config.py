"""Settings: what is refused, and that they survive a file."""

from typing import Any

import pytest
from pydantic import ValidationError

from trainables.config import DistillConfig, StudentConfig, TeacherConfig, Temperature


@pytest.mark.parametrize("cls", [TeacherConfig, StudentConfig, DistillConfig])
def test_settings_survive_json(cls: type[StudentConfig]) -> None:
    # Workers, checkpoints and the database get them as JSON.
    config = cls(betas=(0.8, 0.99))
    assert cls.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 0},
        {"layers": True},
        {"layers": 2.0},
        {"hidden": "64"},
        {"subsampling": 3},
        {"dropout": 1.0},
        {"dropout": float("nan")},
        {"learning_rate": 0},
        {"optimizer": "sgd"},
        {"clip_norm": 0.0},
        {"label_smoothing": 1.0},
        {"patience": 0},
        {"min_delta": -0.1},
        {"max_epochs": 0},
        {"device": "tpu"},
        {"mixed_precision": 1},
        {"hiden": 64},
        {"betas": [0.9]},
        {"betas": [0.9, 1.0]},
        {"learning_rate_schedule": {"name": "exponential"}},
        {"learning_rate": 1e-3, "learning_rate_schedule": {"min_learning_rate": 1e-2}},
        {"augmentation": {"time_jitter": 1.0}},
        {"loss_weights": {"alpha": 0.7, "beta": 0.2, "gamma": 0.2}},
        {"loss_weights": {"alpha": 1.2, "beta": -0.2, "gamma": 0.0}},
        {"kd_blank": "maybe"},
        {"temperature": {"schedule": "step", "milestones": []}},
        {"temperature": {"schedule": "step", "milestones": [70, 30]}},
        {"temperature": {"schedule": "step", "milestones": [0.5, 30]}},
        {"temperature": {"schedule": "step", "milestones": [1.5]}},
        {"temperature": {"schedule": "linear", "end": None}},
        {"temperature": {"start": 0}},
        {"feature_layers": "first"},
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    # Each of these would otherwise be found out after hours, or never.
    with pytest.raises(ValidationError):
        DistillConfig.model_validate(settings)


def test_decimal_weights_on_the_simplex_are_accepted() -> None:
    # 0.7 + 0.2 + 0.1 is 0.9999999999999999 in floating point.
    weights = DistillConfig.model_validate(
        {"loss_weights": {"alpha": 0.7, "beta": 0.2, "gamma": 0.1}}
    ).loss_weights
    assert weights.alpha == 0.7


def test_what_a_temperature_schedule_does_not_use_is_dropped() -> None:
    # Equal runs must have equal settings: an ablation shares what is equal.
    full = {"schedule": "constant", "start": 4.0, "end": 3.0, "milestones": [0.5]}
    assert Temperature.model_validate(full) == Temperature(schedule="constant", start=4.0)
    linear = Temperature.model_validate({"schedule": "linear", "milestones": [0.5]})
    assert linear.milestones == ()


def test_milestones_keep_epochs_and_fractions_apart() -> None:
    # 30 is an epoch and 0.375 a share of the run, also after a trip through JSON.
    epochs = Temperature.model_validate_json('{"schedule": "step", "milestones": [30, 70.0]}')
    assert epochs.milestones == (30, 70)
    assert all(isinstance(milestone, int) for milestone in epochs.milestones)
    assert Temperature(milestones=(0.375, 0.875)).milestones == (0.375, 0.875)
