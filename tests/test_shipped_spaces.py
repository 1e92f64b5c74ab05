"""The search spaces that ship: the users' settings are their baselines, and all can be run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
import written_commands

from slr_tune.space import StudySpec, load_spec
from trainables.config import RunConfig
from trainables.models import build_model

SPACES = written_commands.ROOT / "search_spaces"
SHIPPED = sorted([*SPACES.glob("phoenix/*.yaml"), *SPACES.glob("presets/*.yaml")])
NAMES = [str(path.relative_to(SPACES)) for path in SHIPPED]

BETAS = [0.9, 0.999]
STUDENT = {"architecture": "bilstm", "layers": 4, "hidden": 256, "projection": 256, "dropout": 0.4}

WANTED: dict[str, dict[str, Any]] = {
    "phoenix/student.yaml": {**STUDENT, "learning_rate": 5e-4, "subsampling": 1},
    "phoenix/teacher.yaml": {
        "layers": 5,
        "hidden": 384,
        "learning_rate": 3e-4,
        "dropout": 0.3,
        "patience": 12,
    },
    "phoenix/distill.yaml": {
        **STUDENT,
        "loss_weights": {"alpha": 0.7, "beta": 0.3, "gamma": 0.0},
        "temperature": {"schedule": "constant", "start": 3.0, "end": None, "milestones": []},
    },
    "phoenix/self_distill.yaml": {
        **STUDENT,
        "loss_weights": {"alpha": 0.7, "beta": 0.2, "gamma": 0.1},
        "temperature": {"schedule": "step", "start": 4.0, "end": 3.0, "milestones": [30, 70]},
        "learning_rate": 2e-4,
        "batch_size": 24,
        "accumulation": 3,
        "max_epochs": 80,
    },
    "presets/conservative.yaml": {
        "batch_size": 8,
        "accumulation": 2,
        "max_epochs": 150,
        "learning_rate": 3e-4,
        "dropout": 0.3,
        "optimizer": "adamw",
        "betas": BETAS,
        "weight_decay": 1e-4,
        "clip_norm": 1.0,
        "label_smoothing": 0.0,
        "learning_rate_schedule.name": "cosine",
        "learning_rate_schedule.warmup_epochs": 5.0,
        "learning_rate_schedule.min_learning_rate": 1e-6,
    },
    "presets/aggressive.yaml": {
        "batch_size": 12,
        "accumulation": 1,
        "max_epochs": 100,
        "learning_rate": 5e-4,
        "dropout": 0.25,
        "optimizer": "adam",
        "weight_decay": 1e-4,
        "clip_norm": 0.5,
        "learning_rate_schedule.name": "cosine",
        "learning_rate_schedule.warmup_epochs": 3.0,
    },
    "presets/regularised.yaml": {
        "batch_size": 8,
        "accumulation": 2,
        "max_epochs": 200,
        "learning_rate": 2e-4,
        "dropout": 0.4,
        "optimizer": "adamw",
        "weight_decay": 1e-3,
        "clip_norm": 1.0,
        "label_smoothing": 0.1,
        "augmentation.mixup": 0.2,
        "learning_rate_schedule.name": "cosine_restarts",
        "learning_rate_schedule.warmup_epochs": 10.0,
    },
}


def parameters(config: dict[str, Any]) -> int:
    """Numbers in a configuration's model, on 1540 features and 1229 classes."""
    known = {key: value for key, value in config.items() if key in RunConfig.model_fields}
    with torch.device("meta"):
        model = build_model(RunConfig.model_validate(known), input_size=1540, classes=1229)
    return sum(values.numel() for values in model.parameters())


def baseline(spec: StudySpec) -> dict[str, Any]:
    config = spec.baseline_config()
    assert config is not None
    return config


def test_every_file_is_accounted_for() -> None:
    # Broken if a file were added that nothing below looks at.
    assert set(NAMES) == set(WANTED)


@pytest.mark.parametrize("name", NAMES)
def test_the_baseline_is_the_users(name: str) -> None:
    # Broken if a setting were lost or changed: the search would start from somebody else's run.
    config = baseline(load_spec(SPACES / name))
    for key, wanted in WANTED[name].items():
        found: Any = config
        for part in key.split("."):
            found = found[part]
        assert (list(found) if isinstance(found, tuple) else found) == wanted, key


@pytest.mark.parametrize("name", NAMES)
def test_any_suggestion_can_be_run_and_every_factor_is_there(name: str) -> None:
    # Broken if a corner of a space were refused in the middle of the night.
    spec = load_spec(SPACES / name)
    assert spec.factors and set(spec.factors) >= {"learning_rate"}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(spec.space.encode(spec.baseline or {}))
    for number in range(100):
        values = spec.space.suggest(study.ask())
        spec.config_for(values)
        assert number > 0 or values == spec.baseline


@pytest.mark.parametrize("name", NAMES)
def test_what_its_comments_say_can_be_typed(name: str, tmp_path: Path) -> None:
    # Broken if a file told its reader to type something that is refused.
    text = (SPACES / name).read_text()
    (tmp_path / "teacher.pt").touch()
    commands, options = written_commands.in_comments(
        text.replace("PATH", str(tmp_path / "teacher.pt"))
    )
    assert commands[0].startswith(f"slr-tune run search_spaces/{name} --set data.root=")
    assert options or name in ("phoenix/teacher.yaml", "phoenix/student.yaml")
    for command in [*commands, *(f"{commands[0]} {more}" for more in options)]:
        written_commands.try_command(command)


def test_the_sizes_of_the_notes() -> None:
    # Broken if a file searched other models than it says: 7.5 and 8 million, 27 for the teacher.
    student = load_spec(SPACES / "phoenix" / "student.yaml")
    assert parameters(baseline(student)) == 7_469_005
    mobile = {"architecture": "mobilenet", "layers": 15, "hidden": 128}
    assert parameters(student.config_for({**(student.baseline or {}), **mobile})) == 7_948_621
    teacher = load_spec(SPACES / "phoenix" / "teacher.yaml")
    inception = {"architecture": "inception", "layers": 8, "hidden": 512}
    assert parameters(teacher.config_for({**(teacher.baseline or {}), **inception})) == 27_120_589
    for name in ("distill", "self_distill"):
        spec = load_spec(SPACES / "phoenix" / f"{name}.yaml")
        assert parameters(baseline(spec)) == 7_469_005


def test_a_student_is_its_own_teacher_in_self_distillation() -> None:
    # Broken if the teacher were trained with other settings than student.yaml's baseline.
    spec = load_spec(SPACES / "phoenix" / "self_distill.yaml")
    student = baseline(load_spec(SPACES / "phoenix" / "student.yaml"))
    assert spec.teacher is not None and spec.teacher.value == "student"
    for key, value in spec.teacher.settings.items():
        taken = {part: student[key][part] for part in value} if isinstance(value, dict) else None
        assert (student[key] if taken is None else taken) == value, key
