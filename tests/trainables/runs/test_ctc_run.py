"""The training run: its steps, its verdicts, its remedies, what it refuses."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.data.batch import collate
from trainables.errors import CheckpointError, ConfigError
from trainables.files.checkpoint import save_checkpoint
from trainables.files.curve import COLUMNS
from trainables.runs import ctc_run
from trainables.runs import epoch as epoch_module
from trainables.runs.evaluation import evaluate

DETERMINISTIC = {"dropout": 0.0, "weight_decay": 0.0}


def weights(run: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()])


def test_row_has_every_column_and_says_what_does_not_apply(make_run: Any) -> None:
    run = make_run("student")
    row = run.run_epoch()
    assert tuple(row) == COLUMNS
    not_applicable = {name for name, value in row.items() if math.isnan(value)}
    assert not_applicable == {
        "train/loss_components/distillation_loss",
        "train/loss_components/feature_matching_loss",
        "train/temperature",
    }
    assert row["train/loss"] == row["train/loss_components/hard_ctc_loss"]
    assert 0 <= row["val/blank_rate"] <= 1 and 0 < row["val/entropy_ratio"] <= 1
    assert row["seconds"] > 0 and run.epoch == 1


def test_best_wer_is_the_minimum_of_the_curve(make_run: Any) -> None:
    # The study's values are these; each must be the best dev WER so far.
    run = make_run(batch_size=2, learning_rate=3e-2, max_epochs=6)
    while run.ended_by is None:
        run.run_epoch()
    wers = [row["val/wer"] for row in run.rows]
    assert [row["val/wer_best"] for row in run.rows] == np.minimum.accumulate(wers).tolist()
    assert run.state_dict()["best_wer"] == min(wers)


def test_learning_reduces_the_loss(make_run: Any) -> None:
    run = make_run(max_epochs=12, batch_size=6, hidden=16)
    losses = []
    while run.ended_by is None:
        losses.append(run.run_epoch()["train/loss"])
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("accumulation", [2, 3])
def test_accumulated_batches_give_the_gradient_of_one_large_batch(
    make_run: Any, accumulation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 18 utterances in 5 batches of 4, 4, 4, 4 and 2: the last group is short and holds the small
    # batch wherever that falls. Weighting each batch alike would give another gradient.
    small = make_run(accumulation=accumulation, clip_norm=None, **DETERMINISTIC)
    groups = small.training_set.groups(seed=0, epoch=1)
    assert len({len(part) for group in groups for part in group}) > 1
    assert len(groups[-1]) < accumulation
    merged = [[np.concatenate(group)] for group in groups]
    large = make_run(clip_norm=None, **DETERMINISTIC)
    monkeypatch.setattr(large.training_set, "groups", lambda **_: merged)
    rows = small.run_epoch(), large.run_epoch()
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-4, atol=1e-5)
    assert rows[0]["train/gradient_norm"] == pytest.approx(rows[1]["train/gradient_norm"], rel=1e-4)
    assert rows[0]["train/loss"] == pytest.approx(rows[1]["train/loss"], rel=1e-5)


def test_distillation_terms_are_weighted_by_frames_across_a_group(
    make_run: Any, teacher_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # KL and feature matching are means over frames: batches of long and short utterances in one
    # group count by their frames, not by their utterances.
    settings = {"clip_norm": None, **DETERMINISTIC}
    small = make_run("distill", teacher=teacher_file, accumulation=5, **settings)
    merged = [[np.concatenate(group)] for group in small.training_set.groups(seed=0, epoch=1)]
    large = make_run("distill", teacher=teacher_file, **settings)
    monkeypatch.setattr(large.training_set, "groups", lambda **_: merged)
    one, other = small.run_epoch(), large.run_epoch()
    torch.testing.assert_close(weights(small), weights(large), rtol=1e-4, atol=1e-5)
    for name in COLUMNS[2:6]:
        assert one[name] == pytest.approx(other[name], rel=1e-5), name


def test_gradient_norm_is_recorded_before_clipping(make_run: Any) -> None:
    # Recorded after clipping it would never show more than the limit.
    free, clipped = make_run(clip_norm=None), make_run(clip_norm=1e-3)
    start = weights(free).clone()
    rows = free.run_epoch(), clipped.run_epoch()
    assert rows[1]["train/gradient_norm"] > 1e-3
    assert not torch.equal(weights(free), weights(clipped))
    assert not torch.equal(weights(clipped), start)


def test_patience_ends_the_run(make_run: Any) -> None:
    # At a rate of nearly nothing dev WER stands still, so the second epoch is the first stale one.
    run = make_run(patience=2, learning_rate=1e-12, max_epochs=50)
    while run.ended_by is None:
        run.run_epoch()
    assert (run.ended_by, run.epoch) == ("patience", 3)
    with pytest.raises(RuntimeError, match="ended by patience"):
        run.run_epoch()


def test_loss_that_is_not_a_number_ends_the_run(make_run: Any) -> None:
    # A NaN is a failure with its row, never a value that a search would compare.
    run = make_run()
    run.run_epoch()
    with torch.no_grad():
        next(run.model.parameters()).fill_(math.nan)
    row = run.run_epoch()
    assert run.ended_by == "nan" and run.epoch == 2
    assert math.isnan(row["val/wer"]) and math.isnan(row["train/loss"])
    assert row["val/wer_best"] == run.rows[0]["val/wer"] == run.best_wer


class Hungry:
    """A model's forward pass that only has room for so many utterances."""

    def __init__(self, run: Any, room: int, error: type[Exception], *, in_epoch: int = 1) -> None:
        self.run, self.room, self.error, self.in_epoch = run, room, error, in_epoch
        self.forward = run.model.forward

    def __call__(self, features: torch.Tensor, lengths: torch.Tensor) -> Any:
        if len(features) > self.room and self.run.epoch + 1 >= self.in_epoch:
            raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.forward(features, lengths)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_the_batch_and_keeps_the_steps(
    make_run: Any, error: type[Exception]
) -> None:
    # The remedy must not change what is trained: same utterances to a step, same gradient.
    settings = {"clip_norm": None, "max_epochs": 2, **DETERMINISTIC}
    plain, hungry = make_run(**settings), make_run(**settings)
    hungry.model.forward = Hungry(hungry, 2, error, in_epoch=2)
    for run in (plain, hungry):
        run.run_epoch()
        run.run_epoch()
    torch.testing.assert_close(weights(hungry), weights(plain), rtol=1e-4, atol=1e-5)
    assert plain.facts()["remedies"] == []
    (remedy,) = hungry.facts()["remedies"]
    assert remedy["epoch"] == 2 and "out of memory" in remedy["message"]
    assert (remedy["batch_size"], remedy["accumulation"]) == (2, 2)


def test_out_of_memory_redoes_the_epoch_from_its_start(
    make_run: Any, assert_same_bits: Any
) -> None:
    # Half an epoch's steps before the error must not be trained twice.
    remedied, expected = make_run(), make_run()
    calls = []

    def forward(features: torch.Tensor, lengths: torch.Tensor) -> Any:
        calls.append(len(features))
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(features, lengths)

    original = remedied.model.forward
    remedied.model.forward = forward
    remedied.run_epoch()
    state = make_run().state_dict()
    expected.load_state_dict({**state, "batch_split": 2})
    expected.run_epoch()
    for key in ("model", "optimizer", "rows"):
        assert_same_bits(remedied.state_dict()[key], expected.state_dict()[key])
    resumed = make_run()
    resumed.load_state_dict(remedied.state_dict())
    assert_same_bits(resumed.state_dict(), remedied.state_dict())


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_gradients_of_the_attempt_that_failed_are_forgotten(make_run: Any, where: str) -> None:
    # Left in place, they would be added to the first step of the epoch's next attempt.
    settings = {"accumulation": 2, "clip_norm": None, "max_epochs": 1, **DETERMINISTIC}
    failing, expected = make_run(**settings), make_run(**settings)
    expected.load_state_dict({**expected.state_dict(), "batch_split": 2})
    calls: list[int] = []

    def second_time(*_: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    if where == "forward":
        failing.model.register_forward_pre_hook(second_time)
    else:
        # The first parameter is the last to get its gradient: the others have theirs by then.
        next(failing.model.parameters()).register_hook(second_time)
    rows = failing.run_epoch(), expected.run_epoch()
    assert len(calls) > 2 and len(failing.facts()["remedies"]) == 1
    assert rows[0]["train/gradient_norm"] == rows[1]["train/gradient_norm"]
    assert torch.equal(weights(failing), weights(expected))


def test_lack_of_memory_for_dev_does_not_halve_the_batch(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller batches are no remedy for it: the epoch would be trained again and again in vain,
    # and the record would name remedies that were none.
    run = make_run()
    asked: list[int] = []

    def hungry(*_: Any, utterances_at_once: int, **__: Any) -> None:
        asked.append(utterances_at_once)
        raise torch.OutOfMemoryError("CUDA out of memory.\nA second line")

    monkeypatch.setattr(ctc_run, "evaluate", hungry)
    with pytest.raises(MemoryError, match="one utterance of dev at a time in epoch 1: CUDA.*ory.$"):
        run.run_epoch()
    assert asked == [32, 16, 8, 4, 2, 1]
    assert run.facts()["remedies"] == [] and run.state_dict()["batch_split"] == 1


def test_no_room_for_a_single_utterance(make_run: Any) -> None:
    run = make_run()
    run.model.forward = Hungry(run, 0, torch.OutOfMemoryError)
    with pytest.raises(MemoryError, match="one utterance at a time"):
        run.run_epoch()
    assert [remedy["batch_size"] for remedy in run.facts()["remedies"]] == [2, 1]


def test_other_errors_are_not_taken_for_lack_of_memory(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(epoch_module, "emitted", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        make_run().run_epoch()


def test_mixed_precision_on_a_cpu_is_ignored_and_reported(
    make_run: Any, assert_same_bits: Any
) -> None:
    mixed, plain = make_run(mixed_precision=True), make_run()
    assert_same_bits(mixed.run_epoch(), plain.run_epoch())
    assert mixed.facts()["warnings"] == ["mixed_precision is ignored: it needs a GPU"]
    assert plain.facts()["warnings"] == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_missing_gpu_is_reported(make_run: Any) -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        make_run(device="cuda")
    assert make_run(device="auto").facts()["device"] == "cpu"


def test_state_of_another_model_is_refused_with_the_setting(make_run: Any, libras: Any) -> None:
    # torch's own message lists tensor shapes; the user set `hidden`.
    state = make_run().state_dict()
    for name, value in (("hidden", 7), ("layers", 2), ("subsampling", 1)):
        with pytest.raises(CheckpointError, match=f"{name}: the checkpoint has .*, this run"):
            make_run(**{name: value}).load_state_dict(state)
    with pytest.raises(CheckpointError, match="vocabulary"):
        other = [*state["vocabulary"][:-1], "OTHER"]
        make_run().load_state_dict({**state, "vocabulary": other})
    with pytest.raises(CheckpointError, match="data"):
        make_run().load_state_dict({**state, "data_hash": "another"})
    with pytest.raises(CheckpointError, match="lacks 'optimizer'"):
        make_run().load_state_dict({k: v for k, v in state.items() if k != "optimizer"})


def test_settings_of_the_new_run_hold_after_loading(make_run: Any) -> None:
    # A fork changes settings; an optimiser that brought its own rates along would undo that.
    first = make_run(weight_decay=0.0)
    first.run_epoch()
    fork = make_run(weight_decay=0.3, betas=(0.5, 0.6))
    fork.load_state_dict(first.state_dict())
    (group,) = fork._optimisation._optimiser.param_groups
    assert (group["weight_decay"], group["betas"]) == (0.3, (0.5, 0.6))


def test_fine_tuning_takes_weights_and_nothing_else(make_run: Any, tmp_path: Path) -> None:
    first = make_run()
    first.run_epoch()
    save_checkpoint(tmp_path / "first.pt", first.state_dict())
    tuned = make_run(learning_rate=1e-4, optimizer="adam")
    tuned.load_weights(tmp_path / "first.pt")
    assert torch.equal(weights(tuned), weights(first))
    assert tuned.epoch == 0 and tuned.state_dict()["optimizer"]["moments"] == {}
    with pytest.raises(CheckpointError, match="hidden"):
        make_run(hidden=9).load_weights(tmp_path / "first.pt")


def test_every_loss_can_be_computed_from_16_bits(make_run: Any, teacher_file: Path) -> None:
    # What a GPU does under mixed precision, with the CPU's own 16-bit arithmetic.
    plain = make_run("distill", teacher=teacher_file, dropout=0.0)
    mixed = make_run("distill", teacher=teacher_file, dropout=0.0)
    mixed._precision.dtype = torch.bfloat16
    one, other = plain.run_epoch(), mixed.run_epoch()
    assert one["train/loss"] != other["train/loss"]
    for name in COLUMNS[2:6]:
        assert other[name] == pytest.approx(one[name], rel=0.05), name


def test_dev_is_measured_in_32_bits(make_run: Any, libras: Any) -> None:
    # Whoever evaluates the checkpoint must find the figures of its training.
    run = make_run(dropout=0.0)
    run._precision.dtype = torch.bfloat16
    row = run.run_epoch()
    found = evaluate(run.model, libras.dev, libras.vocabulary, device=run.device)
    assert (row["val/loss"], row["val/wer"]) == (found.loss, found.wer.wer_percent)


def test_a_teacher_answers_alike_under_the_students_16_bits(
    make_run: Any, teacher_file: Path, libras: Any
) -> None:
    # The cache is filled outside of them: with and without it a run would learn other targets.
    run = make_run("distill", teacher=teacher_file, teacher_cache=False)
    batch = collate(libras.train, [0, 1])
    plain = run._loss._teacher(batch.features, batch.lengths, [0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = run._loss._teacher(batch.features, batch.lengths, [0])
    assert torch.equal(plain.logits, mixed.logits)
    assert torch.equal(plain.hidden[0], mixed.hidden[0])
