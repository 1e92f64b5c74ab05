"""Every architecture in a whole training: exact, taught by another, and able to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from trainables.errors import ConfigError
from trainables.files.checkpoint import load_checkpoint, save_checkpoint

AUGMENTED = {"augmentation": {"time_jitter": 0.2, "noise": 0.1}}
CONVOLUTIONAL = ("inception", "mobilenet")
PAIRS = (("inception", "mobilenet"), ("inception", "bilstm"), ("bilstm", "mobilenet"))


def straight(run: Any) -> dict[str, Any]:
    while run.ended_by is None:
        run.run_epoch()
    state: dict[str, Any] = run.state_dict()
    return state


def teacher_of(architecture: str, make_run: Any, folder: Path, **settings: Any) -> Path:
    """A teacher of one epoch, wider than the student."""
    run = make_run("teacher", architecture=architecture, layers=2, hidden=7, **settings)
    run.run_epoch()
    path = folder / f"{architecture}.pt"
    save_checkpoint(path, run.state_dict())
    return path


@pytest.mark.parametrize("architecture", CONVOLUTIONAL)
def test_resumed_after_every_epoch(
    architecture: str, make_run: Any, tmp_path: Path, assert_same_bits: Any
) -> None:
    # Broken if a layer kept something between batches that is in no checkpoint, as batch norm does.
    settings = {"architecture": architecture, "layers": 2, "max_epochs": 3, **AUGMENTED}
    expected = straight(make_run("student", **settings))
    run = make_run("student", **settings)
    while run.ended_by is None:
        run.run_epoch()
        save_checkpoint(tmp_path / "checkpoint.pt", run.state_dict())
        torch.manual_seed(12345)
        run = make_run("student", **settings)
        run.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert_same_bits(run.state_dict(), expected)


@pytest.mark.parametrize(("teacher", "student"), PAIRS)
def test_one_architecture_teaches_another(
    teacher: str, student: str, make_run: Any, tmp_path: Path, assert_same_bits: Any
) -> None:
    # Broken if hidden states of two architectures could not be matched, layer by layer, through a
    # learned map; or if a teacher's kept answers were others than its answers now.
    path = teacher_of(teacher, make_run, tmp_path)
    settings = {"architecture": student, "layers": 3, "feature_layers": "all", "max_epochs": 2}
    cached = straight(make_run("distill", teacher=path, **settings))
    live = straight(make_run("distill", teacher=path, teacher_cache=False, **settings))
    for key in ("model", "helper", "rows"):
        assert_same_bits(cached[key], live[key])
    assert cached["helper"]["maps.0.weight"].shape == (14, 12)
    parts = cached["rows"][-1]
    assert parts["train/loss_components/distillation_loss"] > 0
    assert parts["train/loss_components/feature_matching_loss"] > 0


def test_another_frame_rate_cannot_teach(make_run: Any, tmp_path: Path) -> None:
    # Broken if a teacher with half the frames were compared with the student's first half.
    path = teacher_of("inception", make_run, tmp_path, subsampling=4)
    with pytest.raises(ConfigError, match="its subsampling is 4, the student's 2"):
        make_run("distill", architecture="mobilenet", teacher=path)


@pytest.mark.parametrize("architecture", CONVOLUTIONAL)
def test_it_learns_a_few_sentences(architecture: str, make_run: Any) -> None:
    # Broken if an architecture had the right sizes and could not learn: gradients that vanish, or
    # scores that say blank for ever.
    run = make_run(
        "student",
        architecture=architecture,
        layers=2,
        hidden=16,
        projection=24,
        dropout=0.0,
        learning_rate=5e-3,
        learning_rate_schedule={"name": "constant"},
        max_epochs=80,
        patience=80,
    )
    while run.ended_by is None and not (run.rows and run.rows[-1]["train/wer"] < 35):
        run.run_epoch()
    assert run.rows[-1]["train/wer"] < 35
