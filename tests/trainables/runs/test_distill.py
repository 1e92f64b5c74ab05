"""Distillation: a teacher that only answers, and checks before anything is trained."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from trainables.errors import CheckpointError, ConfigError
from trainables.files.checkpoint import load_checkpoint, save_checkpoint
from trainables.files.stored_model import load_model
from trainables.runs import distill

ONLY = {
    "distillation_loss": {"alpha": 1.0, "beta": 0.0, "gamma": 0.0},
    "hard_ctc_loss": {"alpha": 0.0, "beta": 1.0, "gamma": 0.0},
    "feature_matching_loss": {"alpha": 0.0, "beta": 0.0, "gamma": 1.0},
}


def component(row: dict[str, float], name: str) -> float:
    return row[f"train/loss_components/{name}"]


def changed(path: Path, target: Path, **changes: Any) -> Path:
    """A checkpoint with some entries replaced."""
    save_checkpoint(target, {**load_checkpoint(path), **changes})
    return target


def test_loss_is_the_weighted_sum_of_its_unweighted_components(
    make_run: Any, teacher_file: Path
) -> None:
    weights = {"alpha": 0.5, "beta": 0.3, "gamma": 0.2}
    row = make_run("distill", teacher=teacher_file, loss_weights=weights).run_epoch()
    parts = [component(row, name) for name in ONLY]
    assert all(part > 0 for part in parts)
    assert row["train/loss"] == pytest.approx(0.5 * parts[0] + 0.3 * parts[1] + 0.2 * parts[2])


@pytest.mark.parametrize("name", ONLY)
def test_a_term_without_weight_is_not_computed(
    name: str, make_run: Any, teacher_file: Path
) -> None:
    row = make_run("distill", teacher=teacher_file, loss_weights=ONLY[name]).run_epoch()
    assert {other for other in ONLY if not math.isnan(component(row, other))} == {name}
    # T has no effect where alpha is 0, and the curve does not pretend that it has.
    assert math.isnan(row["train/temperature"]) == (name != "distillation_loss")


def test_glosses_alone_do_not_read_the_teachers_outputs(
    make_run: Any, teacher_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unread(*_: Any, **__: Any) -> None:
        raise AssertionError("the teacher was asked")

    monkeypatch.setattr(distill, "open_outputs", unread)
    monkeypatch.setattr(distill.FrozenTeacher, "__call__", unread)
    weights = ONLY["hard_ctc_loss"]
    make_run("distill", teacher=teacher_file, loss_weights=weights).run_epoch()
    make_run("distill", loss_weights=weights).run_epoch()  # nor is there need of one
    assert not (tmp_path / "cache").exists()


def test_temperature_follows_its_schedule(make_run: Any, teacher_file: Path) -> None:
    temperature = {"schedule": "step", "start": 4.0, "end": 3.0, "milestones": [1, 3]}
    run = make_run("distill", teacher=teacher_file, temperature=temperature)
    rows = [run.run_epoch() for _ in range(4)]
    assert [row["train/temperature"] for row in rows] == [4.0, 3.5, 3.5, 3.0]


def test_teacher_is_frozen_in_eval_mode_and_never_changes(
    make_run: Any, teacher_file: Path
) -> None:
    # In training mode its dropout would answer with noise; with gradients it would drift.
    augmentation = {"noise": 0.1}
    run = make_run("distill", teacher=teacher_file, augmentation=augmentation)
    model = run._loss._teacher.stored.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run.run_epoch()
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    optimised = {id(p) for p in run._optimisation._parameters}
    assert optimised.isdisjoint(id(p) for p in model.parameters())


def test_projection_is_learned(make_run: Any, teacher_file: Path) -> None:
    # Student 2 x 6 wide, teacher 2 x 5: a projection left out of the optimiser stays random.
    run = make_run("distill", teacher=teacher_file)
    before = {name: value.clone() for name, value in run._helper.state_dict().items()}
    assert before
    run.run_epoch()
    assert all(not torch.equal(v, before[name]) for name, v in run._helper.state_dict().items())
    assert run.facts()["parameters"] == sum(p.numel() for p in run.model.parameters())


def test_augmented_frames_are_shown_to_the_teacher_too(
    make_run: Any, teacher_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Cached answers belong to the original frames; a stretched utterance has others, and more.
    shown: list[torch.Tensor] = []
    original = distill.FrozenTeacher.__call__

    def noted(self: Any, features: torch.Tensor, *rest: Any) -> Any:
        shown.append(features)
        return original(self, features, *rest)

    monkeypatch.setattr(distill.FrozenTeacher, "__call__", noted)
    run = make_run("distill", teacher=teacher_file, augmentation={"time_jitter": 0.3})
    seen: list[torch.Tensor] = []
    forward = run.model.forward_with_hidden_states

    def watched(features: torch.Tensor, lengths: torch.Tensor) -> Any:
        seen.append(features)
        return forward(features, lengths)

    run.model.forward_with_hidden_states = watched
    run.run_epoch()
    assert len(shown) == len(seen) == 5
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(shown, seen, strict=True))


def test_all_layers_are_matched_when_asked(make_run: Any, teacher_file: Path) -> None:
    runs = {
        which: make_run("distill", teacher=teacher_file, feature_layers=which, layers=2)
        for which in ("last", "all")
    }
    assert [len(run._loss._pairs) for run in runs.values()] == [1, 2]
    losses = [component(run.run_epoch(), "feature_matching_loss") for run in runs.values()]
    assert losses[0] != losses[1]


def test_facts_tell_what_the_teacher_is(make_run: Any, teacher_file: Path) -> None:
    facts = make_run("distill", teacher=teacher_file).facts()
    stored = load_model(teacher_file)
    assert facts["teacher_wer"] == stored.wer == load_checkpoint(teacher_file)["best_wer"]
    assert facts["teacher_parameters"] == stored.parameters


def test_distillation_without_a_teacher_is_refused(make_run: Any) -> None:
    with pytest.raises(ConfigError, match="needs a teacher"):
        make_run("distill")


def test_teacher_that_does_not_fit_is_refused(
    make_run: Any, teacher_file: Path, tmp_path: Path
) -> None:
    # Each would train without complaint, on targets that mean something else.
    vocabulary = load_checkpoint(teacher_file)["vocabulary"]
    swapped = [*vocabulary[:3], vocabulary[4], vocabulary[3], *vocabulary[5:]]
    other = changed(teacher_file, tmp_path / "other.pt", vocabulary=swapped)
    with pytest.raises(ConfigError, match=f"{vocabulary[4]}' at 3, the data '{vocabulary[3]}'"):
        make_run("distill", teacher=other)
    with pytest.raises(ConfigError, match="its subsampling is 2, the student's 1"):
        make_run("distill", teacher=teacher_file, subsampling=1)


def test_broken_teachers_are_refused(make_run: Any, teacher_file: Path, tmp_path: Path) -> None:
    state = load_checkpoint(teacher_file)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(teacher_file.read_bytes()[:2000])
    diverged = {name: torch.full_like(value, math.nan) for name, value in state["model"].items()}
    broken = {
        "damaged": cut,
        "does not exist": tmp_path / "missing.pt",
        "not finite": changed(teacher_file, tmp_path / "nan.pt", model=diverged),
        "does not fit": changed(
            teacher_file, tmp_path / "wide.pt", config={**state["config"], "hidden": 9}
        ),
        "config.hidden": changed(
            teacher_file, tmp_path / "zero.pt", config={**state["config"], "hidden": 0}
        ),
    }
    for message, path in broken.items():
        with pytest.raises(CheckpointError, match=message):
            make_run("distill", teacher=path)
    save_checkpoint(tmp_path / "empty.pt", {"epoch": 1})
    with pytest.raises(CheckpointError, match="lacks model, config, vocabulary"):
        make_run("distill", teacher=tmp_path / "empty.pt")


def test_a_distilled_student_can_teach(make_run: Any, teacher_file: Path, tmp_path: Path) -> None:
    # Born-again chains: its checkpoint has settings and a projection that a teacher has not.
    student = make_run("distill", teacher=teacher_file)
    student.run_epoch()
    save_checkpoint(tmp_path / "student.pt", student.state_dict())
    make_run("distill", teacher=tmp_path / "student.pt").run_epoch()
