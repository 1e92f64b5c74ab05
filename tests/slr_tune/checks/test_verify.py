"""Every check of a space passes where all is well, and fails where it was made to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import small_space, small_spec
from toy_space import toy_spec

from slr_tune.checks import environment_checks, memory_check
from slr_tune.checks.largest_config import largest_config
from slr_tune.checks.result import Check, run_checks
from slr_tune.checks.shared_inputs import CheckInputs
from slr_tune.checks.verify import quick_check, verify
from slr_tune.errors import SlrTuneError
from slr_tune.space import StudySpec, load_spec
from slr_tune.study.open_study import open_store
from slr_tune.study.storage import open_storage
from trainables.data import Dataset
from trainables.data.subset import take

SIX = [
    "teacher checkpoint",
    "configuration",
    "modules",
    "architectures",
    "forward pass",
    "loss",
]
REST = ["data", "memory", "disk", "storage", "teacher against baseline", "cost"]


def statuses(checks: list[Check]) -> dict[str, str]:
    """Status by name."""
    return {check.name: check.status for check in checks}


def failing(spec: StudySpec, **options: Any) -> dict[str, Check]:
    """The failures of a space, by name."""
    found = verify(spec, storage=None, **options)
    return {check.name: check for check in found if check.failed}


@pytest.fixture
def taught(tmp_path: Path, teacher: Path) -> Callable[..., StudySpec]:
    """Makes the space of a distillation from `teacher`."""

    def make(**changes: str) -> StudySpec:
        settings = {"trainable": "distill", "teacher": f"{{checkpoint: {teacher}}}"}
        return small_spec(tmp_path, **{**settings, **changes})

    return make


def test_a_sound_distillation_passes_all_six_and_the_rest(taught: Callable[..., StudySpec]) -> None:
    # Broken if a good space were refused, or a check were lost.
    checks = verify(taught(), storage=None)
    assert [check.name for check in checks] == SIX + REST
    assert {check.status for check in checks} <= {"PASS", "NOTE"}
    found = {check.name: check.found for check in checks}
    assert "2 layers, hidden 8" in found["teacher checkpoint"]
    assert "2 hidden states" in found["forward pass"], "the teacher's two layers"
    for part in ("distillation_loss", "hard_ctc_loss", "feature_matching_loss"):
        assert part in found["loss"]
    assert "4 trials on 1 worker:" in found["cost"]


def test_a_teacher_that_is_to_be_trained_passes_too(tmp_path: Path) -> None:
    # Broken if verifying needed the very training that it is to precede.
    spec = small_spec(tmp_path, trainable="distill", teacher="{train: teacher}")
    checks = verify(spec, storage=None)
    assert not [check for check in checks if check.failed]
    assert statuses(checks)["teacher against baseline"] == "NOTE"


def test_a_damaged_teacher_fails_once(taught: Callable[..., StudySpec], teacher: Path) -> None:
    # Broken if one cause were told six times, or a damaged file ended in a traceback.
    spec = taught()
    teacher.write_bytes(b"no checkpoint")
    checks = verify(spec, storage=None)
    assert [check.name for check in checks if check.failed] == ["teacher checkpoint"]
    assert "damaged" in checks[0].found and checks[0].remedy
    assert statuses(checks)["forward pass"] == "SKIP"
    assert "teacher checkpoint failed" in checks[4].found


def test_a_frame_rate_that_some_trials_have_and_the_teacher_has_not(
    taught: Callable[..., StudySpec],
) -> None:
    # Broken if the search found out only when the first such trial failed.
    spec = taught(more="  subsampling: {choice: [2, 4]}", baseline="subsampling: 2")
    failed = failing(spec)
    assert "architectures" in failed
    assert "its subsampling is 2, the student's 4" in failed["architectures"].found


def test_huge_features_fail_the_loss(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if a search started on features that no model can learn from.
    few = take(data.train, [0, 1])
    few.features[:] = np.nan
    monkeypatch.setattr(CheckInputs, "few", _with_train(data, few))
    failed = failing(small_spec(tmp_path), quick=True)
    assert "not finite" in failed["loss"].found and "prepare" in failed["loss"].remedy


def test_nan_features_and_a_leak_fail_the_data(
    tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if dev measured utterances of train, or a NaN were found in the night.
    inputs = CheckInputs(small_spec(tmp_path), storage=None, device="cpu")
    whole = take(data.train, range(len(data.train)))
    whole.features[5] = np.inf
    monkeypatch.setattr(CheckInputs, "data", _with_train(data, whole))
    (check,) = run_checks([("data", lambda: environment_checks.data(inputs))])
    assert check.failed and whole.ids[0] in check.found

    copied = take(data.dev, [3, 1])
    monkeypatch.setattr(CheckInputs, "data", _with_train(data, copied, ids=("a", "b")))
    (check,) = run_checks([("data", lambda: environment_checks.data(inputs))])
    assert check.failed and "2 utterances of dev have the frames of one of train" in check.found
    inputs.close()


def _with_train(data: Dataset, train: Any, *, ids: tuple[str, ...] | None = None) -> Dataset:
    import dataclasses

    changed = dataclasses.replace(data)
    split = train if ids is None else dataclasses.replace(train, ids=ids)
    vars(changed).update(train=split, dev=data.dev)
    return changed


def test_too_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Broken if the largest trial of a space ended the night by itself.
    monkeypatch.setattr(memory_check, "_free_memory", lambda: 1000)
    assert "free" in failing(small_spec(tmp_path))["memory"].found


@pytest.mark.parametrize(
    ("setting", "device", "has_gpu"),
    [("cpu", None, True), ("auto", None, False), ("auto", "cpu", True)],
)
def test_no_step_is_tried_where_memory_cannot_be_enough(
    setting: str,
    device: str | None,
    has_gpu: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Broken if the check itself were ended by the system: it did not see that auto is a CPU.
    monkeypatch.setattr(memory_check, "_free_memory", lambda: 1000)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(CheckInputs, "build", _refused)
    spec = load_spec(small_space(tmp_path), overrides=[f"fixed.device={setting}"])
    inputs = CheckInputs(spec, storage=None, device=device)
    (check,) = run_checks([("memory", lambda: memory_check.memory(inputs))])
    inputs.close()
    assert check.failed and "MiB, 0 free" in check.found


def _refused(*_: Any) -> Any:
    raise RuntimeError("a step is tried")


def test_too_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Broken if checkpoints filled the disk half-way.
    full = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr(environment_checks.shutil, "disk_usage", lambda path: full)
    assert "SLR_TUNE_STUDIES" in failing(small_spec(tmp_path), quick=True)["disk"].remedy


@pytest.mark.usefixtures("database")
def test_a_study_of_another_space(tmp_path: Path) -> None:
    # Broken if a changed file were found out only after everything else had been prepared.
    open_store(small_spec(tmp_path), open_storage(create=True))
    checks = verify(small_spec(tmp_path, fixed="batch_size: 3"), storage=None)
    failed = {check.name: check for check in checks if check.failed}
    assert "with another space: fixed.batch_size" in failed["storage"].found
    assert not [check for check in verify(small_spec(tmp_path), storage=None) if check.failed]


def test_a_database_that_cannot_be_made(tmp_path: Path) -> None:
    # Broken if a missing disk were noticed after the first night's training.
    (tmp_path / "file").touch()
    url = f"sqlite:///{tmp_path / 'file' / 'x.db'}"
    checks = verify(small_spec(tmp_path), storage=url)
    assert statuses(checks)["storage"] == "FAIL"


def test_a_teacher_worse_than_the_student(
    taught: Callable[..., StudySpec], teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if days were spent on learning from the worse of two.
    other = teacher.with_name("student.pt")
    shutil.copy(teacher, other)
    monkeypatch.setattr(CheckInputs, "trained", (teacher, other))
    errors = {teacher: 9, other: 1}
    monkeypatch.setattr(
        environment_checks,
        "_dev_counts",
        lambda path, data: np.array([[errors[path], 0, 0, 10]] * 8),
    )
    failed = failing(taught())
    assert "+80.00 [+80.00, +80.00]" in failed["teacher against baseline"].found
    errors[other] = 9
    assert not failing(taught())


@pytest.mark.usefixtures("database")
def test_a_users_own_run_is_checked_as_far_as_it_can_be(tmp_path: Path) -> None:
    # Broken if an own run could not be verified, or the gaps were passed over in silence.
    checks = verify(toy_spec(tmp_path), storage=None)
    found = {check.name: check for check in checks}
    assert not [check for check in checks if check.failed]
    assert not {"architectures", "forward pass", "loss", "memory"} & set(found)
    assert found["first epoch"].found.startswith("val/wer ")
    assert "stopped after epoch 1, it resumed with epoch 2" in found["resume"].found
    assert "per epoch; 8 trials" in found["cost"].found
    assert found["options"].status == found["seed"].status == "SKIP"  # they are a script's
    assert found["modules"].found.startswith("toy_runs.ToyRun")
    assert found["data"].found == "left out: the space has no data"
    assert "not known" in found["disk"].found


def test_what_a_script_writes_for_all_trials_together_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two trials side by side overwrite each other's checkpoint, and resume from the other's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.txt").touch()
    (tmp_path / "s.py").write_text(
        "import os, sys\nos.makedirs('ck', exist_ok=True)\n"
        "for e in (1, 2):\n    open(sys.argv[1] + '/last', 'w').write('x')\n"
        "    print('epoch', e, 'wer', 9 - e, flush=True)\n"
    )
    text = """
study: s
trainable:
  command: python3 s.py FOLDER {x}
  metrics: {stdout: 'epoch (?P<epoch>.) wer (?P<wer>.)'}
objective: {metric: wer}
budget: {trials: 2, max_epochs: 2}
space: {x: {float: [0.0, 1.0]}}
"""
    for folder, status in (("ck", "NOTE"), ("'{folder}'", "PASS")):
        (tmp_path / "s.yaml").write_text(text.replace("FOLDER", folder))
        checks = verify(load_spec(tmp_path / "s.yaml"), storage=None)
        (found,) = [check for check in checks if check.name == "first epoch"]
        assert found.status == status, found
        assert ("written outside of its own folder: ck/last" in found.found) == (status == "NOTE")


def test_the_quick_checks_refuse_with_all_failures(
    taught: Callable[..., StudySpec], teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if `run` went on, or told only the first of several faults.
    spec = taught()
    assert quick_check(spec, storage=None).startswith("Checked: teacher checkpoint, configuration")
    teacher.unlink()
    full = shutil.disk_usage("/")._replace(free=1)
    monkeypatch.setattr(environment_checks.shutil, "disk_usage", lambda path: full)
    with pytest.raises(SlrTuneError, match=r"\[FAIL\] teacher checkpoint") as caught:
        quick_check(spec, storage=None)
    assert "--no-verify" in caught.value.hint


def test_the_largest_configuration_is_found(tmp_path: Path, data: Dataset) -> None:
    # Broken if memory were tried on a small model while the space holds a large one.
    space = "  dropout: {float: [0.0, 0.5]}\n  accumulation: {choice: [4, 1]}\n"
    space += "  batch_size: {int: [2, 16]}\n  subsampling: {choice: [2, 1, 4]}\n"
    spec = small_spec(
        tmp_path, more=space, baseline="dropout: 0, accumulation: 1, batch_size: 2, subsampling: 2"
    )
    config = largest_config(spec, data)
    assert (config["batch_size"], config["subsampling"]) == (16, 1)
