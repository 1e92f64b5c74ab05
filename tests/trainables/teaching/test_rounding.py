"""What is kept of a teacher's answers teaches as well as the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.losses.distillation import framewise_kd_loss
from trainables.losses.features import feature_matching_loss
from trainables.teaching.frozen_teacher import FrozenTeacher
from trainables.teaching.rounding import Rounding
from trainables.teaching.teacher_outputs import LiveOutputs, open_outputs, pad

CPU = torch.device("cpu")
MOST = 1e-3
"""Relative change of a loss that 16 bits may make."""


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("kd_blank", ["keep", "drop"])
def test_16_bits_change_the_losses_by_less_than_a_thousandth(
    teacher_file: Path, make_run: Any, temperature: float, kd_blank: Any
) -> None:
    run = make_run("distill", teacher=teacher_file)
    run.run_epoch()
    indices = [0, 3, 7]
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    lengths = torch.from_numpy(run.training_set.output_lengths[indices])
    losses = []
    for bits in (32, 16):
        live = LiveOutputs(teacher, run.training_set, [0, 1], Rounding(bits))
        answer = pad(live, indices, device=CPU)
        student = torch.randn(answer.logits.shape, generator=torch.Generator().manual_seed(1))
        states = [torch.randn(item.shape, generator=torch.Generator().manual_seed(2))
                  for item in answer.hidden]  # fmt: skip
        kd = framewise_kd_loss(
            student, answer.logits, lengths, temperature=temperature, kd_blank=kd_blank
        )
        matching = feature_matching_loss(states, answer.hidden, lengths)
        losses.append((float(kd), float(matching)))
    for exact, rounded in zip(*losses, strict=True):
        assert exact != 0 and abs(rounded / exact - 1) < MOST


def test_the_likeliest_classes_keep_their_logits_and_the_rest_its_share() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=4.0, size=(7, 20)).astype(np.float32)
    rounding = Rounding(32, top_k=5)
    restored = rounding.restored(rounding.stored(logits, []))[0]

    def softmax(values: Any) -> Any:
        exponents = np.exp(values - values.max(axis=1, keepdims=True))
        return exponents / exponents.sum(axis=1, keepdims=True)

    best = np.argsort(-logits, axis=1)[:, :5]
    np.testing.assert_allclose(
        np.take_along_axis(softmax(restored), best, 1),
        np.take_along_axis(softmax(logits), best, 1),
        rtol=1e-5,
    )
    assert len(np.unique(restored[0])) == 6
    everything = Rounding(32, top_k=30)
    assert np.array_equal(everything.restored(everything.stored(logits, []))[0], logits)


@pytest.mark.parametrize("rounding", [Rounding(16), Rounding(32), Rounding(16, 3)])
def test_the_cache_gives_what_the_teacher_gives(
    teacher_file: Path, make_run: Any, tmp_path: Path, rounding: Rounding
) -> None:
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    training_set = make_run().training_set
    live = LiveOutputs(teacher, training_set, [1], rounding)
    cached = open_outputs(live, key=("a",), cache=tmp_path, kept=[0, 1])
    for index in training_set.indices[:5].tolist():
        for ours, theirs in zip(cached.of(index), live.of(index), strict=True):
            assert np.array_equal(ours, theirs)


def test_kept_answers_are_half_as_large(teacher_file: Path, make_run: Any, tmp_path: Path) -> None:
    teacher = FrozenTeacher(teacher_file, device=CPU, half=False)
    training_set = make_run().training_set
    sizes = {}
    for rounding in (Rounding(16), Rounding(32), Rounding(16, 2)):
        live = LiveOutputs(teacher, training_set, [0], rounding)
        open_outputs(live, key=("a",), cache=tmp_path / str(rounding.key))
        files = (tmp_path / str(rounding.key)).rglob("*.npy")
        sizes[rounding] = sum(file.stat().st_size for file in files)
        frames = int(training_set.output_lengths.sum())
        each = rounding.frame_bytes(len(teacher.stored.vocabulary), teacher.hidden_sizes[0])
        assert abs(sizes[rounding] - frames * each) < 600 + 4 * frames
    assert sizes[Rounding(16)] < 0.51 * sizes[Rounding(32)]
