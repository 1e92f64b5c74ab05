"""Soft targets on disk: what is in them, and a distillation that reads them for a teacher."""

from __future__ import annotations

import dataclasses
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.data import Dataset, prepare
from trainables.data.subset import subset
from trainables.errors import CheckpointError, ConfigError, DataError
from trainables.files.stored_model import load_model
from trainables.teaching import soft_target_writer
from trainables.teaching.frozen_teacher import FrozenTeacher
from trainables.teaching.soft_target_writer import write_soft_targets
from trainables.teaching.soft_targets import SoftTargets

CPU = torch.device("cpu")
AT_FOUR: dict[str, Any] = {
    "temperature": {"schedule": "constant", "start": 4.0},
    "loss_weights": {"alpha": 0.7, "beta": 0.3, "gamma": 0.0},
}


@pytest.fixture
def targets(libras: Dataset, teacher_file: Path, tmp_path: Path) -> Path:
    """A folder of soft targets at temperature 4."""
    stored = load_model(teacher_file)
    folder = tmp_path / "targets"
    write_soft_targets(stored, libras, "train", folder, temperature=4.0, device=CPU)
    return folder


def numbers(row: dict[str, float]) -> dict[str, float]:
    """A row without its time and what is not a number."""
    return {name: v for name, v in row.items() if name != "seconds" and not math.isnan(v)}


@pytest.mark.parametrize("kd_blank", ["keep", "drop"])
def test_a_distillation_from_files_equals_one_from_the_teacher(
    make_run: Any, teacher_file: Path, targets: Path, kd_blank: str
) -> None:
    # Broken if the files held other targets, of other utterances, or at another temperature.
    live = make_run("distill", teacher=teacher_file, kd_blank=kd_blank, **AT_FOUR)
    files = make_run("distill", teacher=targets, kd_blank=kd_blank, **AT_FOUR)
    for _ in range(3):
        assert numbers(files.run_epoch()) == pytest.approx(numbers(live.run_epoch()), rel=1e-4)
    for name, weight in live.model.state_dict().items():
        torch.testing.assert_close(files.model.state_dict()[name], weight, rtol=1e-3, atol=1e-5)
    assert files.facts()["teacher_parameters"] == live.facts()["teacher_parameters"]


def test_targets_are_the_softened_outputs_of_each_utterance(
    libras: Dataset, teacher_file: Path, targets: Path
) -> None:
    # Broken if probabilities were divided in place of logits, or padding were written.
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    read = SoftTargets(targets)
    for index in (0, 7, 17):
        frames = torch.from_numpy(np.array(libras.train.frames(index)))[None]
        logits = teacher(frames, torch.tensor([frames.shape[1]]), []).logits[:, 0]
        expected = (logits / 4.0).softmax(dim=-1).numpy()
        found = read.probabilities(libras.train.ids[index])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_top_k_keeps_the_likeliest_and_all_of_the_mass(
    libras: Dataset, teacher_file: Path, targets: Path, tmp_path: Path
) -> None:
    # Broken if classes were misplaced, or a frame no longer summed to 1.
    stored, folder = load_model(teacher_file), tmp_path / "top"
    written = write_soft_targets(
        stored, libras, "train", folder, temperature=4.0, top_k=3, device=CPU
    )
    assert 0.1 < written.mass < 1 and written.utterances == 18
    name = libras.train.ids[4]
    whole, top = SoftTargets(targets).probabilities(name), SoftTargets(folder).probabilities(name)
    np.testing.assert_allclose(top.sum(axis=1), 1, rtol=1e-5)
    best = np.argsort(-whole, axis=1)[:, :3]
    np.testing.assert_allclose(
        np.take_along_axis(top, best, axis=1), np.take_along_axis(whole, best, axis=1)
    )
    rest = np.sort(top, axis=1)[:, :-3]
    np.testing.assert_allclose(rest, np.broadcast_to(rest[:, :1], rest.shape), rtol=1e-6)


def test_files_of_bounded_size_hold_all_utterances(
    libras: Dataset, teacher_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Broken if a large data set had to fit into memory, or lost utterances between two files.
    monkeypatch.setattr(soft_target_writer, "_SHARD_BYTES", 20_000)
    folder = tmp_path / "many"
    written = write_soft_targets(
        load_model(teacher_file), libras, "train", folder, temperature=2.0, device=CPU
    )
    files = sorted(folder.glob("train-*.safetensors"))
    assert len(files) > 2 and written.size == sum(file.stat().st_size for file in files)
    read = SoftTargets(folder)
    assert sum(len(read.probabilities(name)) for name in libras.train.ids) == written.frames


@pytest.mark.parametrize(
    ("settings", "output"),
    [
        ({"loss_weights": {"alpha": 0.7, "beta": 0.2, "gamma": 0.1}}, "gamma is 0.1.*hidden"),
        ({"temperature": {"schedule": "constant", "start": 3.0}}, "softened at temperature 4"),
        ({"temperature": {"schedule": "linear", "start": 4.0, "end": 3.0}}, "linear from 4"),
        ({"subsampling": 1}, "subsampling is 2, the student's 1"),
        ({"augmentation": {"noise": 0.1}}, "unchanged utterances"),
        ({"truncate_frames": 60}, "unchanged utterances"),
    ],
)
def test_what_files_cannot_answer_is_refused(
    make_run: Any, targets: Path, settings: dict[str, Any], output: str
) -> None:
    # Broken if a student silently learnt from targets of another temperature or other frames.
    with pytest.raises(ConfigError, match=output) as caught:
        make_run("distill", teacher=targets, **{**AT_FOUR, **settings})
    assert caught.value.hint


def test_targets_of_other_data_are_refused(
    make_run: Any, libras: Dataset, targets: Path, tmp_path: Path
) -> None:
    # Broken if a student learnt about one utterance from the answers for another.
    other = prepare({"name": "libras", "seed": 3, "train": 30, "dev": 6, "test": 1}, tmp_path)
    with pytest.raises(ConfigError, match=f"from data {libras.hash}, this run has {other.hash}"):
        make_run("distill", teacher=targets, data=other, **AT_FOUR)


def test_targets_of_other_features_of_the_same_utterances_are_refused(
    make_run: Any, libras: Dataset, targets: Path
) -> None:
    # Same ids, same lengths: the answers would still be about other frames.
    other = dataclasses.replace(libras, hash="another")
    with pytest.raises(ConfigError, match="this run has another"):
        make_run("distill", teacher=targets, data=other, **AT_FOUR)


def test_some_of_the_utterances_learn_from_the_targets_of_all(
    make_run: Any, libras: Dataset, targets: Path
) -> None:
    # What the checks before a search try out. Broken if they took it for other data, or gave an
    # utterance the answers for the one that has its place in the whole.
    some = subset(subset(libras, train=[9, 4, 2]), train=[1, 2])
    run = make_run("distill", teacher=targets, data=some, **AT_FOUR)
    expected = SoftTargets(targets).probabilities(libras.train.ids[2])
    answered = run._loss._outputs.of(1)[0] / 4.0
    np.testing.assert_allclose(np.exp(answered), expected, rtol=1e-5)
    assert math.isfinite(run.run_epoch()["train/loss"])


def test_a_student_of_the_glosses_alone_reads_nothing(make_run: Any, targets: Path) -> None:
    # Broken if an arm without soft targets failed for their temperature.
    weights = {"alpha": 0.0, "beta": 1.0, "gamma": 0.0}
    for file in targets.glob("*.safetensors"):
        file.unlink()
    run = make_run("distill", teacher=targets, loss_weights=weights)
    assert math.isfinite(run.run_epoch()["train/loss"])


def test_damaged_and_missing_files_are_reported(
    make_run: Any, libras: Dataset, targets: Path, tmp_path: Path
) -> None:
    # Broken if half a copy ended in a traceback after an hour.
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no soft targets of train"):
        SoftTargets(tmp_path / "empty")
    broken = Path(shutil.copytree(targets, tmp_path / "broken"))
    next(broken.glob("*.safetensors")).write_bytes(b"0" * 100)
    with pytest.raises(DataError, match="damaged"):
        SoftTargets(broken).probabilities(libras.train.ids[0])
    (file,) = targets.glob("*.safetensors")
    (broken / file.name).write_bytes(file.read_bytes()[:-40] + bytes(40))  # readable, but not right
    with pytest.raises(DataError, match="damaged: .*SHA-256") as caught:
        make_run("distill", teacher=broken, **AT_FOUR).run_epoch()
    assert caught.value.hint
    (broken / "train.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        SoftTargets(broken)
    (broken / "train.json").write_text('{"format_version": 99}')
    with pytest.raises(DataError, match="format 99"):
        SoftTargets(broken)


def test_bad_requests_are_refused(libras: Dataset, teacher_file: Path, tmp_path: Path) -> None:
    # Broken if a folder were half written before the fault was seen.
    stored, folder = load_model(teacher_file), tmp_path / "x"
    with pytest.raises(ConfigError, match="temperature=0"):
        write_soft_targets(stored, libras, "train", folder, temperature=0, device=CPU)
    with pytest.raises(ConfigError, match="top_k=99"):
        write_soft_targets(stored, libras, "train", folder, temperature=1, top_k=99, device=CPU)
    other = dataclasses.replace(stored, vocabulary=(*stored.vocabulary[:-1], "OTHER"))
    with pytest.raises(CheckpointError, match="does not fit"):
        write_soft_targets(other, libras, "train", folder, temperature=1, device=CPU)
    assert not folder.exists()
