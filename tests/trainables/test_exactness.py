"""Straight, resumed and forked training agree bit for bit on a CPU."""

from pathlib import Path
from typing import Any

import pytest
import torch

from trainables.files.checkpoint import load_checkpoint, save_checkpoint

# Where conftest.py lies is on no path with importlib mode, so its helpers come as a fixture.
AUGMENTED = {"augmentation": {"time_jitter": 0.2, "noise": 0.1, "mixup": 0.2}}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("student", {}),
    ("student", {**AUGMENTED, "accumulation": 2, "label_smoothing": 0.1, "optimizer": "adam"}),
    ("student", {"learning_rate_schedule": {"name": "one_cycle"}, "clip_norm": 0.5}),
    ("distill", {}),
    ("distill", {**AUGMENTED, "kd_blank": "drop", "feature_layers": "all"}),
]


def straight(run: Any) -> dict[str, Any]:
    while run.ended_by is None:
        run.run_epoch()
    state: dict[str, Any] = run.state_dict()
    return state


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_resumed_after_every_epoch(
    name: str,
    settings: dict[str, Any],
    make_run: Any,
    teacher_file: Path,
    tmp_path: Path,
    assert_same_bits: Any,
) -> None:
    # Broken if anything random, or any counter, is not in the checkpoint or not taken from it.
    teacher = teacher_file if name == "distill" else None
    expected = straight(make_run(name, teacher=teacher, **settings))
    run = make_run(name, teacher=teacher, **settings)
    while run.ended_by is None:
        run.run_epoch()
        save_checkpoint(tmp_path / "checkpoint.pt", run.state_dict())
        torch.manual_seed(12345)  # another process has other numbers in torch's generator
        run = make_run(name, teacher=teacher, **settings)
        run.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert_same_bits(run.state_dict(), expected)


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({"patience": 100}, {"patience": 2}),
        ({"temperature": {"schedule": "constant"}}, {"temperature": {"milestones": [2]}}),
    ],
)
def test_forked_after_a_shared_prefix(
    settings: dict[str, Any],
    changed: dict[str, Any],
    make_run: Any,
    teacher_file: Path,
    assert_same_bits: Any,
) -> None:
    # Two arms of an ablation that agree for two epochs share them. The fork must be the arm.
    prefix = make_run("distill", teacher=teacher_file, **settings)
    prefix.run_epoch()
    prefix.run_epoch()
    state = prefix.state_dict()
    forks = []
    for _ in range(2):  # the second fork would see what the first did to a shared tensor
        fork = make_run("distill", teacher=teacher_file, **changed)
        fork.load_state_dict(state)
        forks.append(straight(fork))
    expected = straight(make_run("distill", teacher=teacher_file, **changed))
    assert_same_bits(forks[0], expected)
    assert_same_bits(forks[1], expected)
    assert_same_bits(prefix.state_dict(), state)


def test_other_seeds_give_other_runs(make_run: Any) -> None:
    # If the seed were ignored all of the above would hold too.
    one, other = make_run(seed=0), make_run(seed=1)
    assert not torch.equal(*(next(run.model.parameters()) for run in (one, other)))
    assert one.run_epoch()["train/loss"] != other.run_epoch()["train/loss"]


@pytest.mark.parametrize("settings", [{"dropout": 0.5}, {"augmentation": {"noise": 0.5}}])
def test_epochs_draw_different_numbers(settings: dict[str, Any], make_run: Any) -> None:
    # The same dropout masks or the same noise in each epoch would pass the tests above. All
    # sentences are in one batch and nothing is learned, so only the draw can change the loss.
    fixed = {"dropout": 0.0, "learning_rate": 1e-12, "weight_decay": 0.0, "batch_size": 18}
    run = make_run(**{**fixed, **settings})
    losses = [run.run_epoch()["train/loss"] for _ in range(3)]
    assert max(losses) - min(losses) > 1e-3


def test_student_starts_alike_with_and_without_a_teacher(
    make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    # Otherwise comparing distillation with the plain student would compare starting points too.
    alone, taught = make_run("student"), make_run("distill", teacher=teacher_file)
    assert_same_bits(alone.state_dict()["model"], taught.state_dict()["model"])


def test_training_leaves_the_callers_generator_alone(make_run: Any) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_run().run_epoch()
    assert torch.equal(torch.rand(1), expected)


def test_glosses_alone_equal_the_plain_student(
    make_run: Any, teacher_file: Path, assert_same_bits: Any
) -> None:
    # beta = 1 is the student; a distillation term that leaks in would show here.
    weights = {"alpha": 0.0, "beta": 1.0, "gamma": 0.0}
    taught = straight(make_run("distill", teacher=teacher_file, loss_weights=weights))
    alone = straight(make_run("student"))
    for key in ("model", "rows"):
        assert_same_bits(taught[key], alone[key])
